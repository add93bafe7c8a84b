"""The checkout's first pages: *Voorbereiden*, what happens meanwhile, and *Controleren*, the order (R25, R26)."""

from __future__ import annotations

from collections.abc import Iterator

import htpy as h
from nicegui import ui

from overstap.domain.findings import Finding, NotEligible, Severity
from overstap.domain.locks import COMMERCE, LICENCE, PORTAL
from overstap.domain.quote import Price, Quote
from overstap.domain.wizard import CHECKOUT
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer import addresses, steps, told
from overstap.entrypoints.console.customer.order import MOST_SEATS, Order
from overstap.entrypoints.console.customer.surroundings import home
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import facts, link_button, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import lazy_gettext, lazy_ngettext

_PREPARE, _REVIEW = CHECKOUT[0].title, lazy_gettext("Review your order")
_MEANWHILE = lazy_gettext("What happens while you change plan")
_BEFORE = lazy_gettext("What to know before")
_SERVED = lazy_gettext("Your service is not interrupted, and users still have access to their data.")
_MOVED = lazy_gettext("Users of your existing plan are moved to the new plan automatically.")
_CLOSED = lazy_gettext("Administrators cannot use the portal; they see the status of the change instead.")
_CLOSED_PAGE = lazy_gettext("Administrators cannot use the page Licences; they see the status of the change instead.")
_HANDS_OFF = lazy_gettext("Do not reassign user licences to the new plan while you change plan. It can cause an error.")
_NO_COMMERCE = lazy_gettext("No subscription can be added and no other one changed until the change has ended.")
_USUAL = lazy_gettext("Changing plan usually takes less than {time}, as long as there are no errors or problems.")
_MEASURED = lazy_ngettext(
    "The {count} change like this one took {median}.",
    "Of the last {count} changes like this one half took less than {median}, and nine in ten less than {time}.",
)
_LICENCES = lazy_gettext("Reassigning the licences takes less than {time} of it.")
_AN_HOUR = lazy_gettext(
    "If the status page still shows after an hour, call billing support: there may be a problem with the change."
)
_CLOSE = lazy_gettext("You can close the status page and come back later without interrupting the change.")
_ACKNOWLEDGE = lazy_gettext("I know that there is no way back from {target} to {source}.")
_NEW, _OLD = lazy_gettext("Your new plan"), lazy_gettext("Your existing plan")
_SEATS = lazy_gettext("User licences")
_PER_SEAT = lazy_gettext("Per user and month")
_PER_MONTH = lazy_gettext("Per month")
_USERS = lazy_gettext("Users who are moved")
_EDIT = lazy_gettext("Edit")
_DIALOG = lazy_gettext("Subscription")
_UPDATE = lazy_gettext("Update cart")
_ADD = lazy_gettext("You can add licences now; you have {seats}. To have fewer, call billing support.")
_WHOLE = lazy_gettext("Write a whole number of licences, from 1 to {most}.")
_ONLY_BEFORE = frozenset({"acknowledgement_missing"})
"""What stops an order on *Controleren* and is put right on *Voorbereiden*."""


@page("/tenants/{tenant_id}/prepare", _PREPARE, "make_quote")
async def prepare(visit: Visit) -> None:
    """*Voorbereiden*."""
    await steps.step(visit, "prepare", _PREPARE, _prepare)


@page("/tenants/{tenant_id}/review", _REVIEW, "make_quote")
async def review(visit: Visit) -> None:
    """*Controleren*, where seats may rise and never fall (rules.md R26, R29)."""
    await steps.step(visit, "review", _REVIEW, _review)


async def _prepare(visit: Visit, order: Order) -> None:
    offer, say = await order.quote(visit, asked=False), visit.say
    if offer.eligibility.blockers:
        show(steps.stopped(visit, order, offer.eligibility.blockers))
        return
    warnings = [one for one in offer.eligibility.findings if one.severity is Severity.WARNING]
    final = any(one.code == "no_way_back" for one in warnings)
    show(
        h.section(".card")[
            h.h2[say(_MEANWHILE)],
            h.ul(".plain")[(h.li[text] for text in _meanwhile(visit, offer))],
        ]
    )
    if warnings:
        show(h.section[h.h2[say(_BEFORE)], _warnings(visit, order, warnings)])
    hidden = {name: value for name, value in order.query.items() if name != "acknowledged"}
    way = "manual" if order.manual else None
    back = addresses.choose(order.tenant_id, order.held.id, target=order.target, way=way)
    source, target = visit.words.tell(offer.old.plan), visit.words.tell(offer.new.plan)
    show(
        h.form(method="get", action=f"{home(order.tenant_id)}/review", class_="preparing")[
            (h.input(type="hidden", name=name, value=str(value)) for name, value in hidden.items()),
            h.label(".check")[
                h.input(
                    type="checkbox", name="acknowledged", value="true", required=True, checked=order.acknowledged
                ),
                h.span[say(_ACKNOWLEDGE, source=source, target=target)],
            ]
            if final
            else None,
            h.div(".buttons")[
                link_button(say(steps.PREVIOUS), back),
                h.button(".button.main", type="submit")[say(steps.NEXT)],
            ],
        ]
    )  # fmt: skip


def _meanwhile(visit: Visit, offer: Quote) -> Iterator[str]:
    """What happens meanwhile, a sentence each (rules.md §B, R30-R32)."""
    say, locks = visit.say, frozenset().union(*(one.locks for one in offer.locks))
    codes = {one.code for one in offer.eligibility.findings}
    if "domains_come_off" not in codes:
        yield say(_SERVED)
    yield say(_MOVED)
    if PORTAL in locks:
        whole = visit.app.settings.rules.portal_lock == "portal"
        yield say(_CLOSED if whole else _CLOSED_PAGE)
    if LICENCE in locks:
        yield say(_HANDS_OFF)
    if COMMERCE in locks:
        yield say(_NO_COMMERCE)
    expected = offer.expected
    if expected.measured:
        yield say(_MEASURED, count=expected.measured, median=expected.median, time=expected.ninetieth)
    else:
        yield say(_USUAL, time=expected.ninetieth)
    yield say(_LICENCES, time=expected.licences)
    yield say(_AN_HOUR)
    yield say(_CLOSE)


def _warnings(visit: Visit, order: Order, warnings: list[Finding]) -> h.Node:
    """Warnings; a link only where it leads out of the checkout (rules.md R20)."""
    return [told.findings(visit, order.tenant_id, [one], linked=one.code == "public_website") for one in warnings]


async def _review(visit: Visit, order: Order) -> None:
    offer, say = await order.quote(visit), visit.say
    stops = offer.eligibility.blockers
    with ui.element("section").classes("card deal"):
        show(h.h2[say(_NEW)], _line(visit, offer.new))
        with ui.element("div").classes("buttons"):
            _edit(visit, order, offer)
        if stops:
            show(told.findings(visit, order.tenant_id, stops))
    show(
        h.section(".card")[
            h.h2[say(_OLD)],
            _line(visit, offer.old, (say(_USERS), visit.words.tell(order.held.assigned))),
        ]
    )
    limits = [one for one in offer.eligibility.findings if one.code == "over_seat_limit"]
    show(told.findings(visit, order.tenant_id, limits, linked=False))
    show(steps.onwards(visit, order.at("prepare"), None if stops else order.at("payment")))


def _line(visit: Visit, price: Price, *more: tuple[str, h.Node]) -> h.Node:
    say, monthly = visit.say, price.monthly_cents
    each = None if monthly is None else monthly // price.seats
    return [
        h.p(".strong")[visit.words.tell(price.plan)],
        facts(
            [
                (say(_SEATS), visit.words.tell(price.seats)),
                (say(_PER_SEAT), told.money(visit, each)),
                (say(_PER_MONTH), told.money(visit, monthly)),
                *more,
            ]
        ),
    ]


def _edit(visit: Visit, order: Order, offer: Quote) -> None:
    """*Bewerken*: the dialog *Abonnement* with the seats, and *Winkelwagen bijwerken* (rules.md R26, R29)."""
    fields: list[ui.number] = []

    def field() -> None:
        made = ui.number(visit.say(_SEATS), value=offer.new.seats, format="%d").props("outlined step=1")
        fields.append(made)

    def update(_: str) -> int:
        given = fields[0].value
        if given is None or given != int(given) or not 1 <= given <= MOST_SEATS:
            raise BadInput(visit.say(_WHOLE, most=MOST_SEATS))
        answer = visit.app.questions.eligibility(order.but(seats=int(given)).change(visit, asked=False))
        if not answer.allowed:
            raise NotEligible(answer.findings, visit.words)
        return int(given)

    Act(
        visit=visit,
        command="make_quote",
        label=_EDIT,
        perform=update,
        title=_DIALOG,
        go=_UPDATE,
        preview=h.p[visit.say(_ADD, seats=order.held.seats)],
        fields=field,
        reason=False,
        then=lambda seats: ui.navigate.to(order.but(seats=seats).at("review")),
    ).put()
