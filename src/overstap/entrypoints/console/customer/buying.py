"""Where a plan is bought beside what there is; it is billed at once (rules.md R4, R35)."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

import htpy as h
from nicegui import ui

from overstap.domain.blocking import UNSUPPORTED
from overstap.domain.catalog import Plan
from overstap.domain.credit import monthly_cost
from overstap.domain.locks import COMMERCE, PortalPage
from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.customer import addresses, asking, told
from overstap.entrypoints.console.customer.order import MOST_SEATS
from overstap.entrypoints.console.customer.surroundings import Entered, enter, home, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import link_button, problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext

E = TypeVar("E", bound=StrEnum)

_TITLE = lazy_gettext("Buy a subscription")
_BACK = lazy_gettext("Back to the licences")
_PLAN = lazy_gettext("Plan")
_SEATS = lazy_gettext("User licences")
_METHOD = lazy_gettext("Payment method")
_FREQUENCY = lazy_gettext("Billing frequency")
_LOOK = lazy_gettext("Show the price")
_WHOLE = lazy_gettext("Write a whole number of licences, from 1 to {most}.")
_LIMIT = lazy_gettext("{plan} is sold with at most {limit} licences.")
_BUYS = lazy_gettext("{plan}, user licences: {seats}, {amount} per month. Billing begins at once.")
_BUY = lazy_gettext("Buy")


@page("/tenants/{tenant_id}/buy", _TITLE, "list_plans")
async def buy(visit: Visit) -> None:
    """A plan, its seats and how it is paid; then the price, and the act that buys it."""
    entered, say = await enter(visit, PortalPage.SUBSCRIPTIONS), visit.say
    _, locks = await visit.ask(visit.app.portal.locks, entered.tenant.id)
    with surroundings(visit, entered, say(_TITLE)):
        if COMMERCE in locks:
            show(told.locked(visit, entered.active, locks, COMMERCE))
        else:
            show(_form(visit, entered))
            _offer(visit, entered)
        show(h.div(".buttons")[link_button(say(_BACK), addresses.licences(entered.tenant.id))])


def _form(visit: Visit, entered: Entered) -> h.Element:
    say, plans = visit.say, visit.app.catalog.plans.values()
    methods = [(str(one), say(told.PAYMENT[one])) for one in PaymentMethod if one not in UNSUPPORTED]
    frequencies = [(str(one), say(told.FREQUENCY[one])) for one in BillingFrequency]
    names = [(one.id, told.named(visit, one.id)) for one in plans]
    return h.form(".card.filters", method="get", action=f"{home(entered.tenant.id)}/buy")[
        _select(visit, "plan", _PLAN, names),
        h.label(".field")[
            h.span[say(_SEATS)],
            h.input(type="number", name="seats", min="1", step="1", required=True, value=visit.query("seats") or "1"),
        ],
        _select(visit, "payment", _METHOD, methods),
        _select(visit, "frequency", _FREQUENCY, frequencies),
        h.button(".button", type="submit")[say(_LOOK)],
    ]


def _select(visit: Visit, name: str, label: Message, options: list[tuple[str, str]]) -> h.Element:
    chosen = visit.query(name)
    return h.label(".field")[
        h.span[visit.say(label)],
        h.select(name=name)[(h.option(value=value, selected=value == chosen)[text] for value, text in options)],
    ]


def _offer(visit: Visit, entered: Entered) -> None:
    """What the address asks to be bought, once it says all of it."""
    say, plan = visit.say, visit.app.catalog.plans.get((visit.query("plan") or "").lower())
    given = visit.query("seats")
    if plan is None or given is None:
        return
    if not (given.isascii() and given.isdigit() and len(given) <= 7 and 1 <= int(given) <= MOST_SEATS):  # noqa: PLR2004
        show(problem(say(_WHOLE, most=MOST_SEATS)))
        return
    if plan.seat_limit is not None and int(given) > plan.seat_limit:
        show(problem(say(_LIMIT, plan=told.named(visit, plan.id), limit=plan.seat_limit)))
        return
    _put(visit, entered, plan, int(given))


def _put(visit: Visit, entered: Entered, plan: Plan, seats: int) -> None:
    key, tenant_id = asking.new_key(), entered.tenant.id
    amount = told.money(visit, monthly_cost(plan, seats))
    preview = h.p[visit.say(_BUYS, plan=told.named(visit, plan.id), seats=seats, amount=amount)]
    payment = _one_of(PaymentMethod, visit.query("payment"), PaymentMethod.CARD)
    frequency = _one_of(BillingFrequency, visit.query("frequency"), BillingFrequency.MONTHLY)
    show(h.section(".card")[preview])

    def bought(reason: str) -> object:
        return visit.app.portal.buy(
            tenant_id,
            plan.id,
            asking.by(visit, reason, key),
            seats=seats,
            payment_method=payment,
            billing_frequency=frequency,
        )

    Act(
        visit=visit,
        command="buy_subscription",
        label=_BUY,
        perform=asking.in_words(visit, bought),
        title=_TITLE,
        preview=preview,
        reason=asking.gives_reason(visit),
        main=True,
        then=lambda done: _to_licences(tenant_id, done["subscription_id"]),
    ).put()


def _to_licences(tenant_id: str, subscription_id: str) -> None:
    ui.navigate.to(addresses.licences(tenant_id, subscription_id))


def _one_of(kind: type[E], given: str | None, otherwise: E) -> E:
    try:
        return otherwise if given is None else kind(given)
    except ValueError:
        return otherwise
