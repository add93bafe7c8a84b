"""The order as the checkout's address says it: from this subscription to that plan, so many seats, paid so."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from overstap.domain.change import PlanChange, Route
from overstap.domain.quote import Quote
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Subscription
from overstap.entrypoints.console.customer.surroundings import Entered, home
from overstap.entrypoints.console.parts import address
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import lazy_gettext

MOST_SEATS = 1_000_000
_NO_SUBSCRIPTION = lazy_gettext("The address names no subscription that there is (any more).")
_NO_PLAN = lazy_gettext("The address names no plan that is sold here.")
_NO_SEATS = lazy_gettext("The address asks for {seats} licences; write a whole number from 1 to {most}.")
_NO_PAYMENT = lazy_gettext("The address asks for a payment that there is not; choose it again.")


class Impossible(BadInput):
    """An address asks for something that cannot be; says so in the reader's language."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is ordered, as far as it is chosen.

    Attributes:
        target: id of a plan of the catalog.
        seats, payment, frequency: None keeps those of the subscription.
        acknowledged: that there is no way back to another family (rules.md R48).
        manual: whether it goes the manual way (rules.md R47).
    """

    tenant_id: str
    held: Subscription
    target: str
    seats: int | None
    payment: PaymentMethod | None
    frequency: BillingFrequency | None
    acknowledged: bool
    manual: bool

    @classmethod
    def of(cls, visit: Visit, entered: Entered) -> Self:
        """The order that a page's address says.

        Raises:
            Impossible: when it says something that cannot be.
        """
        held = subscription(visit, entered)
        target = (visit.query("target") or "").lower()
        if target not in visit.app.catalog.plans:
            raise Impossible(visit.say(_NO_PLAN))
        try:
            payment, frequency = visit.query("payment"), visit.query("frequency")
            return cls(
                entered.tenant.id,
                held,
                target,
                _seats(visit),
                PaymentMethod(payment) if payment else None,
                BillingFrequency(frequency) if frequency else None,
                acknowledged=visit.query("acknowledged") == "true",
                manual=visit.query("way") == "manual",
            )
        except ValueError:
            raise Impossible(visit.say(_NO_PAYMENT)) from None

    @property
    def query(self) -> dict[str, Any]:
        """All that it says, as an address has it; what is left open is left out."""
        said = {
            "subscription": self.held.id,
            "target": self.target,
            "seats": self.seats,
            "payment": self.payment and str(self.payment),
            "frequency": self.frequency and str(self.frequency),
            "acknowledged": "true" if self.acknowledged else None,
            "way": "manual" if self.manual else None,
        }
        return {name: value for name, value in said.items() if value is not None}

    def at(self, step: str, **changes: Any) -> str:
        """The address of a page of the checkout with this order.

        Args:
            step: the end of its path, such as `review`.
            changes: further parts of the query.
        """
        return address(f"{home(self.tenant_id)}/{step}", **{**self.query, **changes})

    def but(self, **changes: Any) -> Order:
        """The order with something of it otherwise."""
        return replace(self, **changes)

    def change(self, visit: Visit, *, asked: bool = True) -> PlanChange:
        """The plan change that it orders.

        Args:
            asked: whether the acknowledgement was asked for already (rules.md R48).
        """
        return PlanChange(
            tenant_id=self.tenant_id,
            subscription_id=self.held.id,
            target_plan=self.target,
            seats=self.seats,
            payment_method=self.payment,
            billing_frequency=self.frequency,
            acting_upn=visit.call.acting(None),
            route=Route.MANUAL if self.manual else Route.WIZARD,
            acknowledged=self.acknowledged if asked else None,
        )

    async def quote(self, visit: Visit, *, asked: bool = True) -> Quote:
        """What it would cost, take, lock and lose."""
        return await visit.ask(visit.app.questions.quote, self.change(visit, asked=asked))


def subscription(visit: Visit, entered: Entered) -> Subscription:
    """The subscription that a page's address says.

    Raises:
        Impossible: when the tenant has no such one.
    """
    held = entered.tenant.subscription((visit.query("subscription") or "").lower())
    if held is None:
        raise Impossible(visit.say(_NO_SUBSCRIPTION))
    return held


def _seats(visit: Visit) -> int | None:
    given = visit.query("seats")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MOST_SEATS and len(given) <= 7):  # noqa: PLR2004
        raise Impossible(visit.say(_NO_SEATS, seats=given[:20], most=MOST_SEATS))
    return int(given)
