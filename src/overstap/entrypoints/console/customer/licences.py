"""The page *Licenties*: what a tenant has bought, and what each subscription may change to (rules.md R22, R23, R36)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.domain.locks import COMMERCE, PortalPage
from overstap.domain.options import Options
from overstap.domain.tenant import ACTIVE, Subscription
from overstap.domain.wizard import LINK, NAVIGATION, NO_OPTIONS, OPTIONS
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer import addresses, asking, told
from overstap.entrypoints.console.customer.surroundings import Entered, enter, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import chip, empty, facts, link_button, note, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext, lazy_ngettext

_TITLE = lazy_gettext("Licences")
_SUBSCRIPTION = lazy_gettext("Subscription")
_BOUGHT = lazy_gettext("Licences bought")
_ASSIGNED = lazy_gettext("Licences assigned")
_FREE = lazy_gettext("Licences free")
_PAYMENT = lazy_gettext("Payment")
_STATE = lazy_gettext("State")
_PER_MONTH = lazy_gettext("Per month")
_PLAN_OPTIONS = lazy_gettext("Plan options")
_SELECTED = lazy_gettext("selected")
_CONFLICT = lazy_ngettext("{missing} user needs a valid licence.", "{missing} users need valid licences.", by="missing")
_RESOLVE = lazy_gettext("Resolve now")
_TRIAL = lazy_gettext("trial")
_UNREADY = lazy_gettext("not fully provisioned")
_GOOD = lazy_gettext("active")
_ASSIGN = lazy_gettext("Assign licences")
_BUY = lazy_gettext("Buy a subscription")
_CANCEL = lazy_gettext("Cancel the subscription")
_CANCELS = lazy_gettext("{plan} ends at once, and is billed no longer. Nobody holds a licence of it.")
_HELD = lazy_ngettext(
    "To cancel it, first take back the licence: {count} user holds one.",
    "To cancel it, first take back the licences: {count} users hold one.",
)
_NONE = lazy_gettext("There is no subscription yet")
_NONE_HINT = lazy_gettext("Buy one; it stands here at once.")
_UNKNOWN = lazy_gettext("There is no subscription {id} (any more); these are those there are.")
_MANUAL = lazy_gettext(
    "Any plan that the wizard does not offer can be changed to manually, in this order: buy the new plan, reassign the "
    "licences, cancel the old subscription. Some steps are done by people, who are asked when their turn has come."
)
_MANUALLY = lazy_gettext("Change plan manually")
_NO_WAY = lazy_gettext("Nor can it be changed manually at present.")
_STATUSES: Mapping[str, Message] = {
    "Warning": lazy_gettext("in its grace period"),
    "Suspended": lazy_gettext("suspended"),
    "LockedOut": lazy_gettext("locked out"),
    "Deleted": lazy_gettext("deleted"),
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the page shows."""

    entered: Entered
    options: Sequence[Options]
    locks: frozenset[str]


@page("/tenants/{tenant_id}/licences", _TITLE, "list_options")
async def licences(visit: Visit) -> None:
    """The subscriptions, one of them selected, with its options."""
    entered = await enter(visit, PortalPage.SUBSCRIPTIONS)

    def look() -> _Seen:
        found = visit.app.questions.options(entered.tenant.id, visit.call.acting(None))
        _, locks = visit.app.portal.locks(entered.tenant.id)
        return _Seen(entered, found, locks)

    seen, say = await visit.ask(look), visit.say
    tenant_id, wanted = entered.tenant.id, (visit.query("subscription") or "").lower()
    selected = next((one for one in seen.options if one.subscription.id == wanted), None)
    with surroundings(visit, entered, say(_TITLE), lead=h.span(".faint.where")[say(NAVIGATION)]):
        if wanted and selected is None:
            show(problem(say(_UNKNOWN, id=wanted)))
        buy = link_button(say(_BUY), addresses.buy(tenant_id)) if visit.may("buy_subscription") else None
        if not seen.options:
            show(empty(say(_NONE), say(_NONE_HINT), buy))
            return
        show(told.locked(visit, entered.active, seen.locks, COMMERCE))
        chosen = selected or seen.options[0]
        show(_table(visit, tenant_id, seen.options, chosen))
        _selected(visit, seen, chosen)
        if COMMERCE not in seen.locks:
            show(h.div(".buttons")[buy])


def _table(visit: Visit, tenant_id: str, options: Sequence[Options], chosen: Options) -> h.Node:
    say = visit.say
    names = [say(one) for one in (_SUBSCRIPTION, _BOUGHT, _ASSIGNED, _STATE, OPTIONS)]

    def row(one: Options) -> h.Element:
        held = one.subscription
        here = addresses.licences(tenant_id, held.id)
        current = one is chosen
        if one.plans:
            option: h.Node = h.a(href=addresses.choose(tenant_id, held.id))[say(LINK)]
        else:
            option = h.a(href=f"{here}#options")[say(NO_OPTIONS)]
        cells: list[h.Node] = [
            [
                h.a(href=here, aria_current="true" if current else None)[told.plan_name(visit, held)],
                [" ", chip(say(_SELECTED), "info")] if current and len(options) > 1 else None,
            ],
            visit.words.tell(held.seats),
            visit.words.tell(held.assigned),
            _state(visit, tenant_id, held),
            option,
        ]
        return h.tr(role="row", class_="current" if current else None)[
            (
                h.td(role="cell", data_label=name, class_="number" if n in {1, 2} else None)[h.div[cell]]
                for n, (name, cell) in enumerate(zip(names, cells, strict=True))
            )
        ]

    return h.div(".scrolls.stacked", tabindex="0", role="region", aria_label=say(_TITLE))[
        h.table(role="table")[
            h.caption(".unseen")[say(_TITLE)],
            h.thead(role="rowgroup")[
                h.tr(role="row")[
                    (
                        h.th(scope="col", role="columnheader", class_="number" if n in {1, 2} else None)[name]
                        for n, name in enumerate(names)
                    )
                ]
            ],
            h.tbody(role="rowgroup")[(row(one) for one in options)],
        ]
    ]


def _state(visit: Visit, tenant_id: str, held: Subscription) -> h.Node:
    """The column *Status*: a licence conflict with the link to resolve it (rules.md R8, R9), else how it is."""
    say = visit.say
    if held.assigned > held.seats:
        return [
            say(_CONFLICT, missing=held.assigned - held.seats),
            " ",
            h.a(href=addresses.conflict(tenant_id, held.id))[say(_RESOLVE)],
        ]
    marks = [] if held.status in ACTIVE else [chip(say(_STATUSES.get(held.status, Message(held.status))), "bad")]
    marks += [chip(say(_STATUSES["Warning"]), "warn")] if held.status == "Warning" else []
    marks += [chip(say(_TRIAL), "warn")] if held.is_trial else []
    marks += [] if held.provisioned else [chip(say(_UNREADY), "warn")]
    return [[mark, " "] for mark in marks] or chip(say(_GOOD), "good")


def _selected(visit: Visit, seen: _Seen, one: Options) -> None:
    """The subscription that is selected, and what it may change to."""
    say, held, tenant_id = visit.say, one.subscription, seen.entered.tenant.id
    monthly = one.source.monthly_cents * held.seats if one.source else None
    paid = f"{say(told.PAYMENT[held.payment_method])}, {say(told.FREQUENCY[held.billing_frequency]).lower()}"
    with ui.element("section").classes("card deal").props('aria-labelledby="selected"'):
        show(
            h.h2("#selected")[told.plan_name(visit, held)],
            facts(
                [
                    (say(_BOUGHT), visit.words.tell(held.seats)),
                    (say(_ASSIGNED), visit.words.tell(held.assigned)),
                    (say(_FREE), visit.words.tell(max(held.seats - held.assigned, 0))),
                    (say(_PAYMENT), paid),
                    (say(_PER_MONTH), told.money(visit, monthly)),
                ]
            ),
            h.h3("#options")[say(_PLAN_OPTIONS)],
            _plan_options(visit, tenant_id, one),
        )
        with ui.element("div").classes("buttons"):
            show(link_button(say(_ASSIGN), addresses.holders(tenant_id, held.id)), classes="inline")
            if not held.assigned and COMMERCE not in seen.locks:
                _cancel(visit, tenant_id, held)
        if held.assigned and visit.may("cancel_subscription"):
            show(h.p(".hint")[say(_HELD, count=held.assigned)])


def _cancel(visit: Visit, tenant_id: str, held: Subscription) -> None:
    key = asking.new_key()
    Act(
        visit=visit,
        command="cancel_subscription",
        label=_CANCEL,
        perform=asking.in_words(
            visit, lambda why: visit.app.portal.cancel(tenant_id, held.id, asking.by(visit, why, key))
        ),
        preview=h.p[visit.say(_CANCELS, plan=told.plan_name(visit, held))],
        reason=asking.gives_reason(visit),
        danger=True,
        then=lambda _: ui.navigate.to(addresses.licences(tenant_id)),
    ).put()


def _plan_options(visit: Visit, tenant_id: str, one: Options) -> h.Node:
    """*Veranderen van abonnement*, or *Geen opties* with every reason, and the manual way (rules.md R13, R23, R47)."""
    say, subscription = visit.say, one.subscription.id
    by_hand = addresses.choose(tenant_id, subscription, way="manual")
    if one.plans:
        change = link_button(say(LINK), addresses.choose(tenant_id, subscription), main=True)
        return h.div(".buttons")[change]
    return [
        h.p(".strong")[say(NO_OPTIONS)],
        told.findings(visit, tenant_id, one.reasons),
        note([h.p[say(_MANUAL)], h.p[h.a(href=by_hand)[say(_MANUALLY)]]], "plain")
        if one.manual
        else h.p(".hint")[say(_NO_WAY)],
    ]
