"""Who holds the licences of a subscription: given and taken here, unless a change is moving them (rules.md R17)."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h
from nicegui import ui

from overstap.domain.locks import LICENCE, PortalPage
from overstap.domain.tenant import Licences, User
from overstap.entrypoints.console.customer import addresses, asking, told
from overstap.entrypoints.console.customer.people import pick, picker
from overstap.entrypoints.console.customer.surroundings import Entered, enter, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import empty, facts, link_button, note, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import Refused
from overstap.language import lazy_gettext, lazy_ngettext

_TITLE = lazy_gettext("Assign licences")
_BACK = lazy_gettext("Back to the licences")
_UNKNOWN = lazy_gettext("There is no subscription {id} (any more).")
_BOUGHT = lazy_gettext("Licences bought")
_ASSIGNED = lazy_gettext("Licences assigned")
_FREE = lazy_gettext("Licences free")
_HOLDERS = lazy_gettext("Users with a licence")
_OTHERS = lazy_gettext("Users without one")
_NO_HOLDERS = lazy_gettext("Nobody holds a licence of it")
_NO_HOLDERS_HINT = lazy_gettext("Pick users in the other list and give them one.")
_NO_OTHERS = lazy_gettext("Nobody is without one")
_NO_OTHERS_HINT = lazy_gettext("Every user who was looked for holds a licence of it.")
_SEARCH = lazy_gettext("Search by name")
_FIND = lazy_gettext("Search")
_GIVE, _TAKE = lazy_gettext("Give a licence"), lazy_gettext("Take the licence back")
_GIVES = lazy_gettext("{users} can use {plan} from now on.")
_TAKES = lazy_gettext("{users} can use {plan} no longer.")
_CONFLICT = lazy_ngettext("{missing} user needs a valid licence.", "{missing} users need valid licences.", by="missing")
_RESOLVE = lazy_gettext("Resolve now")
_TOO_FEW = lazy_ngettext(
    "Only {free} licence is free: pick fewer users, take licences back first, or buy more.",
    "Only {free} licences are free: pick fewer users, take licences back first, or buy more.",
    by="free",
)
_FULL = lazy_gettext("All licences are assigned. Take one back first, or buy more.")


@page("/tenants/{tenant_id}/licences/{subscription_id}", _TITLE, "list_licences")
async def assigning(visit: Visit) -> None:
    """Who holds a licence of the subscription and who does not."""
    entered, say = await enter(visit, PortalPage.HOME), visit.say
    tenant_id, wanted = entered.tenant.id, visit.path["subscription_id"].strip().lower()
    found = await visit.ask(held, visit, tenant_id, wanted)
    if found is None:
        with surroundings(visit, entered, say(_TITLE)):
            back = link_button(say(_BACK), addresses.licences(tenant_id))
            show(problem(say(_UNKNOWN, id=wanted), back))
        return
    people = await visit.ask(visit.app.portal.people, tenant_id)
    _, locks = await visit.ask(visit.app.portal.locks, tenant_id)
    plan = told.plan_name(visit, found.subscription)
    with surroundings(visit, entered, plan, lead=h.span(".faint.where")[say(_TITLE)]):
        show(_numbers(visit, entered, found))
        show(told.locked(visit, entered.active, locks, LICENCE))
        show(_search(visit))
        with ui.element("div").classes("grid"):
            _holders(visit, found, plan, free=LICENCE not in locks)
            _others(visit, found, plan, people, free=LICENCE not in locks)
        show(h.div(".buttons")[link_button(say(_BACK), addresses.licences(tenant_id, wanted))])


def held(visit: Visit, tenant_id: str, subscription_id: str) -> Licences | None:
    """A subscription and who holds its licences; None where there is no such one."""
    given = visit.app.portal.licences(tenant_id)
    return next((one for one in given if one.subscription.id == subscription_id), None)


def _numbers(visit: Visit, entered: Entered, found: Licences) -> h.Node:
    say, it = visit.say, found.subscription
    link = h.a(href=addresses.conflict(entered.tenant.id, it.id))[say(_RESOLVE)]
    return [
        facts(
            [
                (say(_BOUGHT), visit.words.tell(it.seats)),
                (say(_ASSIGNED), visit.words.tell(it.assigned)),
                (say(_FREE), visit.words.tell(max(found.free, 0))),
            ]
        ),
        note(h.p[say(_CONFLICT, missing=-found.free), " ", link], "bad") if found.free < 0 else None,
    ]


def _search(visit: Visit) -> h.Element:
    find = visit.query("find") or ""
    return h.form(".searching", method="get", role="search")[
        h.label(".field")[h.span[visit.say(_SEARCH)], h.input(type="search", name="find", value=find, maxlength="100")],
        h.button(".button", type="submit")[visit.say(_FIND)],
    ]


def _matching(visit: Visit, users: Sequence[User]) -> list[User]:
    find = (visit.query("find") or "").casefold()
    return [one for one in users if find in f"{one.display_name} {one.upn}".casefold()]


def _holders(visit: Visit, found: Licences, plan: str, *, free: bool) -> None:
    say, users = visit.say, _matching(visit, found.users)
    with ui.element("section").classes("card deal"):
        show(h.h2[say(_HOLDERS)])
        if not users:
            show(empty(say(_NO_HOLDERS), say(_NO_HOLDERS_HINT)))
            return
        show(picker(visit, "take", say(_HOLDERS), users))
        if free:
            take(visit, found, plan, users)


def take(visit: Visit, found: Licences, plan: str, users: Sequence[User]) -> None:
    """Put the act that takes the licences of the users that are picked."""
    key, portal, it = asking.new_key(), visit.app.portal, found.subscription
    tenant_id = visit.path["tenant_id"].strip().lower()
    pick(
        visit,
        "unassign_licences",
        _TAKE,
        "take",
        users,
        lambda names: visit.say(_TAKES, users=names, plan=plan),
        lambda ids, why: portal.unassign(tenant_id, it.id, ids, asking.by(visit, why, key)),
    )


def _others(visit: Visit, found: Licences, plan: str, people: Sequence[User], *, free: bool) -> None:
    say, it, key = visit.say, found.subscription, asking.new_key()
    tenant_id, portal = visit.path["tenant_id"].strip().lower(), visit.app.portal
    with_one = {one.id for one in found.users}

    def give(ids: list[str], why: str) -> object:
        if len(ids) > found.free:
            raise Refused(say(_TOO_FEW, free=found.free))
        return portal.assign(tenant_id, it.id, ids, asking.by(visit, why, key))

    users = _matching(visit, [one for one in people if one.id not in with_one])
    with ui.element("section").classes("card deal"):
        show(h.h2[say(_OTHERS)])
        if not users:
            show(empty(say(_NO_OTHERS), say(_NO_OTHERS_HINT)))
            return
        show(picker(visit, "give", say(_OTHERS), users))
        if free and found.free <= 0:
            show(h.p(".hint")[say(_FULL)])
        elif free:
            pick(
                visit,
                "assign_licences",
                _GIVE,
                "give",
                users,
                lambda names: say(_GIVES, users=names, plan=plan),
                give,
            )
