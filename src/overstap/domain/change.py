"""The order: from this subscription to that plan, so many seats, paid so, and which way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from overstap.domain.reading import one_line
from overstap.domain.tenant import BillingFrequency, PaymentMethod


class Route(StrEnum):
    """Which way a change can go (rules.md R5, R47)."""

    WIZARD = "wizard"
    """By itself, as the pairs of the catalog allow it."""
    MANUAL = "manual"
    """Step by step, some of them done by people."""
    NONE = "none"
    """Not at all, as things stand."""


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What a tenant's admin or an operator orders, or asks about.

    Attributes:
        seats: places of the new plan; None keeps the number of the source.
        payment_method: None keeps the one of the source.
        billing_frequency: None keeps the one of the source.
        acting_upn: the tenant's admin who orders; None when an operator does.
        route: which way it is to go: the wizard's, or the manual one (rules.md R47).
        acknowledged: that there is no way back to another family (rules.md R48); None when that is not asked yet.

    Raises:
        BadInput: when `acting_upn` is empty or no plain text.
    """

    tenant_id: str
    subscription_id: str
    target_plan: str
    seats: int | None = None
    payment_method: PaymentMethod | None = None
    billing_frequency: BillingFrequency | None = None
    acting_upn: str | None = None
    route: Route = Route.WIZARD
    acknowledged: bool | None = None

    def __post_init__(self) -> None:
        if self.acting_upn is not None:
            object.__setattr__(self, "acting_upn", one_line(self.acting_upn, "The administrator's UPN"))

    def to_dict(self) -> dict[str, Any]:
        """The order as plain JSON values."""
        return {
            "tenant_id": self.tenant_id,
            "subscription_id": self.subscription_id,
            "target_plan": self.target_plan,
            "seats": self.seats,
            "payment_method": self.payment_method and str(self.payment_method),
            "billing_frequency": self.billing_frequency and str(self.billing_frequency),
            "acting_upn": self.acting_upn,
            "route": str(self.route),
            "acknowledged": self.acknowledged,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PlanChange:
        """The order back from what `to_dict` gave."""
        payment, billing = values.get("payment_method"), values.get("billing_frequency")
        return cls(
            tenant_id=values["tenant_id"],
            subscription_id=values["subscription_id"],
            target_plan=values["target_plan"],
            seats=values.get("seats"),
            payment_method=PaymentMethod(payment) if payment else None,
            billing_frequency=BillingFrequency(billing) if billing else None,
            acting_upn=values.get("acting_upn"),
            route=Route(values.get("route", Route.WIZARD)),
            acknowledged=values.get("acknowledged"),
        )
