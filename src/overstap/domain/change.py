"""The order: from this subscription to that plan, so many seats, paid so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from overstap.domain.tenant import BillingFrequency, PaymentMethod


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What a tenant's admin or an operator orders.

    Attributes:
        seats: places of the new plan; None keeps the number of the source.
        payment_method: None keeps the one of the source.
        billing_frequency: None keeps the one of the source.
        acting_upn: the tenant's admin who orders; None when an operator does.
    """

    tenant_id: str
    subscription_id: str
    target_plan: str
    seats: int | None = None
    payment_method: PaymentMethod | None = None
    billing_frequency: BillingFrequency | None = None
    acting_upn: str | None = None

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
        )
