"""The checkout's last pages: *Betaling*, from which the order is placed once, and *Bestelling voltooien* (R27, R28)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from http import HTTPStatus

import htpy as h
import structlog
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from overstap.domain.blocking import UNSUPPORTED
from overstap.domain.findings import Finding, NotEligible
from overstap.domain.quote import OldBilling, Quote
from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.domain.wizard import CHECKOUT
from overstap.entrypoints.console.acting import button
from overstap.entrypoints.console.customer import asking, steps, told
from overstap.entrypoints.console.customer.order import Order
from overstap.entrypoints.console.customer.surroundings import enter, home, status_path, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, facts, link_button, note, problem, show, time
from overstap.entrypoints.console.visit import Visit
from overstap.errors import NotFound, OverstapError
from overstap.language import Message, lazy_gettext
from overstap.store.runs import ActiveChange

log = structlog.get_logger(__name__)

_PAYMENT, _COMPLETE = CHECKOUT[2].title, CHECKOUT[3].title
_KEY = re.compile(r"[\w-]{16,64}", re.ASCII)
_METHOD = lazy_gettext("Payment method")
_FREQUENCY = lazy_gettext("Billing frequency")
_AT_ONCE = lazy_gettext("The amounts below follow your choice at once.")
_BILLING = lazy_gettext("Billing")
_EACH_BILL = lazy_gettext("Each bill")
_EARLIEST = lazy_gettext("First bill expected from")
_LATEST = lazy_gettext("First bill expected until")
_ENDS: Mapping[OldBilling, Message] = {
    OldBilling.ORDER: lazy_gettext("Billing for your existing plan is turned off as soon as you place your order."),
    OldBilling.PURCHASE: lazy_gettext("Billing for your existing plan is turned off when the new plan is bought."),
    OldBilling.COMPLETION: lazy_gettext("Billing for your existing plan goes on until the change is complete."),
}
_BEGINS = lazy_gettext("Billing for your new plan begins only when the change is complete.")
_NO_WAY_BACK = lazy_gettext("With this order you acknowledge that there is no way back from {target} to {source}.")
_PLACE = lazy_gettext("Place the order")
_PLACES = lazy_gettext("{plan}, user licences: {seats}, {amount} per month.")
_NOT_YOURS = lazy_gettext("You may look at this order; placing it takes an administrator or an operator.")
_UNEXPECTED = lazy_gettext("Something went wrong that nobody expected. Place the order again: it is placed only once.")
_PLACED = lazy_gettext("Your order has been placed.")
_NUMBER = lazy_gettext("Order number")
_PLAN = lazy_gettext("New plan")
_SEATS = lazy_gettext("User licences")
_BEGUN = lazy_gettext(
    "The change has begun. You see the page Change plan: status until your plan is changed; you can close it and come "
    "back later without interrupting the change."
)
_ASKED = lazy_gettext("Some steps of this change are done by people: what you are asked to do stands under Tasks.")
_STATUS = lazy_gettext("Status")
_NO_ORDER = lazy_gettext("There is no order {id} here.")


@page("/tenants/{tenant_id}/payment", _PAYMENT, "make_quote")
async def payment(visit: Visit) -> Response | None:
    """*Betaling*; its address holds the key under which the order is placed once, however often it is sent."""
    key = visit.query("order") or ""
    if not _KEY.fullmatch(key):
        query = dict(visit.request.query_params) | {"order": asking.new_key()}
        return RedirectResponse(address(visit.request.url.path, **query), HTTPStatus.SEE_OTHER)
    placed = await visit.ask(visit.app.service.ordered, asking.kept_as(visit, key))
    if placed is not None:
        return RedirectResponse(_done(placed.run.tenant_id, placed.run.id), HTTPStatus.SEE_OTHER)
    await steps.step(visit, "payment", _PAYMENT, lambda visit, order: _payment(visit, order, key))
    return None


async def _payment(visit: Visit, order: Order, key: str) -> None:
    offer, say = await order.quote(visit), visit.say
    stops = offer.eligibility.blockers
    show(_choices(visit, order))
    show(_billing(visit, offer))
    credit = [one for one in offer.eligibility.findings if one.rule in {"R33", "R35"} and one not in stops]
    show(told.findings(visit, order.tenant_id, credit, linked=False))
    if not stops and any(one.code == "no_way_back" for one in offer.eligibility.findings):
        show(note(h.p[say(_NO_WAY_BACK, source=offer.old.plan, target=offer.new.plan)], "warn"))
    if stops:
        show(steps.stopped(visit, order, stops))
    elif not visit.may("submit_plan_change"):
        show(note(h.p[say(_NOT_YOURS)]))
    with ui.element("div").classes("buttons"):
        show(link_button(say(steps.PREVIOUS), order.at("review")), classes="inline")
        if not stops and visit.may("submit_plan_change"):
            _Placing(visit, order, key).put()


def _choices(visit: Visit, order: Order) -> h.Element:
    """How it is paid and how often; what is chosen is in the address at once (rules.md R10, R27)."""
    hidden = {name: value for name, value in order.query.items() if name not in {"payment", "frequency"}}
    methods = [(one, told.PAYMENT[one]) for one in PaymentMethod if one not in UNSUPPORTED]
    frequencies = [(one, told.FREQUENCY[one]) for one in BillingFrequency]
    method, frequency = order.payment or order.held.payment_method, order.frequency or order.held.billing_frequency
    return h.form(".card", method="get", action=f"{home(order.tenant_id)}/payment", data_at_once=True)[
        (h.input(type="hidden", name=name, value=str(value)) for name, value in hidden.items()),
        _radios(visit, "payment", _METHOD, methods, method),
        _radios(visit, "frequency", _FREQUENCY, frequencies, frequency),
        h.p(".hint")[visit.say(_AT_ONCE)],
    ]


def _radios(
    visit: Visit, name: str, legend: Message, options: Iterable[tuple[StrEnum, Message]], chosen: StrEnum
) -> h.Element:
    return h.fieldset(".options")[
        h.legend[visit.say(legend)],
        (
            h.label(".check")[
                h.input(type="radio", name=name, value=str(value), checked=value == chosen), h.span[visit.say(text)]
            ]
            for value, text in options
        ),
    ]


def _billing(visit: Visit, offer: Quote) -> h.Element:
    """What billing stops and starts when (rules.md R18, R19), and what each bill is of."""
    say, new = visit.say, offer.new
    first = offer.new_billing_begins
    return h.section(".card")[
        h.h2[say(_BILLING)],
        h.p[_summary(visit, offer)],
        facts(
            [
                (say(_EACH_BILL), told.money(visit, new.billed_cents)),
                *([(say(_EARLIEST), time(first[0])), (say(_LATEST), time(first[1]))] if first else []),
            ]
        ),
        h.ul(".plain")[h.li[say(_ENDS[offer.old_billing])], h.li[say(_BEGINS)]],
    ]


def _summary(visit: Visit, offer: Quote) -> str:
    amount = told.money(visit, offer.new.monthly_cents)
    return visit.say(_PLACES, plan=offer.new.plan, seats=offer.new.seats, amount=amount)


class _Placing:
    """The button that places the order.

    Args:
        key: of the page; the same order under it is placed once.
    """

    def __init__(self, visit: Visit, order: Order, key: str) -> None:
        self._visit = visit
        self._order = order
        self._key = asking.kept_as(visit, key)

    def put(self) -> None:
        """Put it on the page, and what it says when it is refused."""
        self._go = button(self._visit.say(_PLACE), self._place, main=True)
        self._said = show()

    async def _place(self) -> None:
        visit, change = self._visit, self._order.change(self._visit)
        self._go.disable()
        self._said.set_content("")
        try:
            stored, _ = await visit.do(
                "submit_plan_change",
                visit.app.service.submit,
                change,
                key=self._key,
                actor=visit.call.actor,
                locale=visit.words.locale,
            )
        except NotEligible as error:
            self._refused(error.findings)
        except ActiveChange:
            answer = await visit.ask(visit.app.questions.eligibility, change)
            self._refused(answer.blockers)
        except OverstapError as error:
            self._said.set_content(str(problem(visit.tell(error))))
        except Exception:
            log.exception("order_failed", tenant_id=change.tenant_id)
            self._said.set_content(str(problem(visit.say(_UNEXPECTED))))
        else:
            ui.navigate.to(_done(change.tenant_id, stored.run.id))
            return
        self._go.enable()

    def _refused(self, findings: Iterable[Finding]) -> None:
        """Say all that the rules say now, in place."""
        self._said.set_content(str(h.fragment[steps.stopped(self._visit, self._order, tuple(findings))]))


@page("/tenants/{tenant_id}/done/{run_id}", _COMPLETE, "show_plan_change")
async def done(visit: Visit) -> None:
    """*Bestelling voltooien*: what was ordered, and *Status*; open while the change closes the portal (R28)."""
    entered, say = await enter(visit, None), visit.say
    run_id = visit.path["run_id"].strip().upper()
    run = (await visit.ask(visit.app.service.run, run_id)).run
    if run.tenant_id != entered.tenant.id:
        raise NotFound(say(_NO_ORDER, id=run_id))
    change = run.input
    with surroundings(visit, entered, say(_COMPLETE)):
        show(steps.rail(visit, "complete", None))
        show(note([h.p(".strong")[say(_PLACED)], h.p[say(_BEGUN)]], "good"))
        show(
            h.section(".card")[
                facts(
                    [
                        (say(_NUMBER), h.code[run.id]),
                        (say(_PLAN), told.named(visit, change["target_plan"])),
                        (say(_SEATS), visit.words.tell(change["seats"])),
                    ]
                ),
                h.p[say(_ASKED)] if change["route"] == "manual" else None,
                h.div(".buttons")[link_button(say(_STATUS), status_path(run.tenant_id, run.id), main=True)],
            ]
        )


def _done(tenant_id: str, run_id: str) -> str:
    return f"{home(tenant_id)}/done/{run_id}"
