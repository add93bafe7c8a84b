"""When an order needs a credit check, and what it costs (rules.md §E)."""

from __future__ import annotations

from enum import StrEnum

from overstap.domain.catalog import Plan
from overstap.domain.tenant import PaymentMethod


class CreditReason(StrEnum):
    """Why the credit bureau is asked (rules.md R33)."""

    INVOICE = "invoice"
    COST = "cost"


def monthly_cost(plan: Plan, seats: int) -> int:
    """What so many seats of a plan cost per month, in cents of the catalog's currency."""
    return plan.monthly_cents * seats


def needs_credit_check(payment_method: PaymentMethod, monthly_cents: int, threshold_cents: int) -> CreditReason | None:
    """Why an order needs a credit check, None when it needs none (rules.md R33).

    Args:
        payment_method: how the new plan is paid.
        monthly_cents: what the new plan costs per month.
        threshold_cents: from this monthly cost on, every order is checked.
    """
    if payment_method is PaymentMethod.INVOICE:
        return CreditReason.INVOICE
    return CreditReason.COST if monthly_cents >= threshold_cents else None
