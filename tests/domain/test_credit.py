"""When an order needs a credit check (rules.md R33)."""

from __future__ import annotations

import pytest

from overstap.domain.catalog import Plan
from overstap.domain.credit import CreditReason, monthly_cost, needs_credit_check
from overstap.domain.tenant import PaymentMethod

pytestmark = pytest.mark.rule("R33")


@pytest.mark.parametrize(
    ("method", "monthly_cents", "reason"),
    [
        (PaymentMethod.CARD, 0, None),
        (PaymentMethod.CARD, 249_999, None),
        (PaymentMethod.CARD, 250_000, CreditReason.COST),
        (PaymentMethod.CARD, 250_001, CreditReason.COST),
        (PaymentMethod.INVOICE, 0, CreditReason.INVOICE),
        (PaymentMethod.INVOICE, 250_000, CreditReason.INVOICE),
    ],
)
def test_r33_an_invoice_or_a_cost_from_the_threshold_on_needs_a_check(
    method: PaymentMethod, monthly_cents: int, reason: CreditReason | None
) -> None:
    assert reason == needs_credit_check(method, monthly_cents, threshold_cents=250_000)


def test_a_plan_costs_its_price_for_each_seat() -> None:
    plan = Plan("e1", "enterprise", "E1", "E1", (), None, None, monthly_cents=650, seat_limit=None)

    assert monthly_cost(plan, seats=12) == 7_800
