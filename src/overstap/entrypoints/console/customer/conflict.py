"""A licence conflict, *Nu oplossen*: buy licences, or take some back, until every user has a valid one (R8, R9)."""

from __future__ import annotations

import htpy as h
from nicegui import ui

from overstap.domain.locks import COMMERCE, LICENCE, PortalPage
from overstap.domain.tenant import Licences
from overstap.domain.wizard import LINK
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer import addresses, asking, told
from overstap.entrypoints.console.customer.assigning import held, take
from overstap.entrypoints.console.customer.order import MOST_SEATS
from overstap.entrypoints.console.customer.people import picker
from overstap.entrypoints.console.customer.surroundings import Entered, enter, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import facts, link_button, note, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import lazy_gettext, lazy_ngettext

_TITLE = lazy_gettext("Resolve the licence conflict")
_BACK = lazy_gettext("Back to the licences")
_UNKNOWN = lazy_gettext("There is no subscription {id} (any more).")
_MISSING = lazy_ngettext("{missing} user needs a valid licence.", "{missing} users need valid licences.", by="missing")
_HOW = lazy_gettext(
    "More licences of {plan} are assigned than were bought. Buy licences or take some back; while the conflict lasts "
    "you cannot change plan."
)
_RESOLVED = lazy_gettext("Every user has a valid licence. You can go on.")
_BOUGHT = lazy_gettext("Licences bought")
_ASSIGNED = lazy_gettext("Licences assigned")
_MORE, _BUY = lazy_gettext("Buy more licences"), lazy_gettext("Buy licences")
_COSTS = lazy_gettext("Each licence costs {price} more per month.")
_COUNT = lazy_gettext("How many more")
_WHOLE = lazy_gettext("Write a whole number of licences, from 1 to {most}.")
_TAKE = lazy_gettext("Take licences back")
_WHO = lazy_gettext("These users hold a licence of it. Pick those who need it no longer.")
_HOLDERS = lazy_gettext("Users with a licence")


@page("/tenants/{tenant_id}/licences/{subscription_id}/conflict", _TITLE, "list_licences")
async def conflict(visit: Visit) -> None:
    """How many users need a valid licence, who holds one, and the two ways out."""
    entered, say = await enter(visit, PortalPage.SUBSCRIPTIONS), visit.say
    tenant_id, wanted = entered.tenant.id, visit.path["subscription_id"].strip().lower()
    found = await visit.ask(held, visit, tenant_id, wanted)
    back = link_button(say(_BACK), addresses.licences(tenant_id, wanted))
    with surroundings(visit, entered, say(_TITLE)):
        if found is None:
            back = link_button(say(_BACK), addresses.licences(tenant_id))
            show(problem(say(_UNKNOWN, id=wanted), back))
            return
        if found.free >= 0:
            on = link_button(say(LINK), addresses.choose(tenant_id, wanted), main=True)
            show(note(h.p(".strong")[say(_RESOLVED)], "good"), h.div(".buttons")[back, on])
            return
        await _ways_out(visit, entered, found)
        show(h.div(".buttons")[back])


async def _ways_out(visit: Visit, entered: Entered, found: Licences) -> None:
    say, it = visit.say, found.subscription
    plan = told.plan_name(visit, it)
    _, locks = await visit.ask(visit.app.portal.locks, entered.tenant.id)
    missing = h.p(".strong")[say(_MISSING, missing=-found.free)]
    show(note([missing, h.p[say(_HOW, plan=plan)]], "bad"))
    show(facts([(say(_BOUGHT), visit.words.tell(it.seats)), (say(_ASSIGNED), visit.words.tell(it.assigned))]))
    with ui.element("div").classes("grid"):
        with ui.element("section").classes("card deal"):
            show(h.h2[say(_MORE)], _price(visit, found), told.locked(visit, entered.active, locks, COMMERCE))
            if COMMERCE not in locks:
                _buy(visit, entered, found)
        with ui.element("section").classes("card deal"):
            show(h.h2[say(_TAKE)], h.p[say(_WHO)], told.locked(visit, entered.active, locks, LICENCE))
            show(picker(visit, "take", say(_HOLDERS), found.users))
            if LICENCE not in locks:
                take(visit, found, plan, found.users)


def _price(visit: Visit, found: Licences) -> h.Node:
    plan = visit.app.catalog.plans.get(found.subscription.plan or "")
    return h.p[visit.say(_COSTS, price=told.money(visit, plan.monthly_cents))] if plan else None


def _buy(visit: Visit, entered: Entered, found: Licences) -> None:
    key, subscription_id = asking.new_key(), found.subscription.id
    fields: list[ui.number] = []

    def field() -> None:
        made = ui.number(visit.say(_COUNT), value=-found.free, format="%d").props("outlined step=1 min=1")
        fields.append(made)

    def buy(reason: str) -> object:
        given = fields[0].value
        if given is None or given != int(given) or not 1 <= given <= MOST_SEATS:
            raise BadInput(visit.say(_WHOLE, most=MOST_SEATS))
        by = asking.by(visit, reason, key)
        return visit.app.portal.add_seats(entered.tenant.id, subscription_id, by, seats=int(given))

    Act(
        visit=visit,
        command="buy_subscription",
        label=_BUY,
        perform=asking.in_words(visit, buy),
        preview=_price(visit, found),
        fields=field,
        reason=asking.gives_reason(visit),
        main=True,
    ).put()
