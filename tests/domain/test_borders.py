"""Each border of a rule, one step on either side; those in time are in tests/scenarios."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from facts import CATALOG, CUSTOM, codes, judge, laws, subscription
from overstap.domain.tenant import PaymentMethod

FAMILIES = ("small-business", "midsize", "enterprise", "education", "standalone")
A_PLAN = {family: [plan.id for plan in CATALOG.plans.values() if plan.family == family] for family in FAMILIES}


def cents(plan: str) -> int:
    return CATALOG.plan(plan).monthly_cents


@laws(
    ("law", "target", "held", "order", "found"),
    [
        ("R2: 300 users", "e3", {"assigned": 300, "seats": 300}, {}, set()),
        ("R2: 301 users", "e3", {"assigned": 301, "seats": 301}, {}, {"too_many_users"}),
        ("R2: 301 seats and 300 users", "e3", {"assigned": 300, "seats": 301}, {}, set()),
        ("R11: 25 legacy users", "e3", {"plan": "small-business", "legacy": True, "assigned": 25, "seats": 25}, {},
         set()),
        ("R11: 26 legacy users", "e3", {"plan": "small-business", "legacy": True, "assigned": 26, "seats": 26}, {},
         {"legacy_too_many_users"}),
        ("R11: 26 legacy users of the premium plan", "e3",
         {"plan": "small-business-premium", "legacy": True, "assigned": 26, "seats": 26}, {},
         {"legacy_too_many_users"}),
        ("R29: as many seats", "e3", {}, {"seats": 10}, set()),
        ("R29: one less", "e3", {}, {"seats": 9}, {"fewer_seats"}),
        ("R29: one more", "e3", {}, {"seats": 11}, set()),
        ("R8: as many users as seats", "e3", {"assigned": 10}, {}, set()),
        ("R8: one more user than seats", "e3", {"assigned": 11}, {}, {"licence_conflict"}),
    ],
)  # fmt: skip
def test_a_border_holds(law: str, target: str, held: dict[str, Any], order: dict[str, Any], found: set[str]) -> None:
    assert found == set(codes(judge(target, held=subscription(**held), order=order).blockers)), law


@pytest.mark.rule("R11", "R29")
@pytest.mark.parametrize(
    ("source", "target", "seats", "told"),
    [
        ("small-business", "small-business-premium", 25, False),
        ("small-business", "small-business-premium", 26, True),
        ("small-business", "midsize", 300, False),
        ("small-business", "midsize", 301, True),
        ("e1", "e3", 100_000, False),
    ],
)
def test_a_limit_of_the_new_plan_is_told_and_stops_nobody(source: str, target: str, seats: int, told: bool) -> None:
    answer = judge(target, held=subscription(source), order={"seats": seats})

    assert answer.allowed
    assert told == ("over_seat_limit" in codes(answer.findings))


@pytest.mark.rule("R33")
@pytest.mark.parametrize(
    ("below", "asked"), [(1, False), (0, True), (-1, True)], ids=["a cent below", "at it", "a cent above"]
)
def test_the_credit_bureau_is_asked_from_the_threshold_on(below: int, asked: bool) -> None:
    from facts import tenant
    from overstap.domain.case import Limits, make_case
    from overstap.domain.change import PlanChange

    limits = Limits(credit_threshold_cents=12 * cents("e3") + below)
    case = make_case(tenant(subscription()), PlanChange("t1", "s1", "e3", seats=12), CATALOG, limits)

    assert asked == (case.credit_reason is not None)


@pytest.mark.rule("R33")
@pytest.mark.parametrize(
    ("method", "seats", "found"),
    [
        (PaymentMethod.CARD, 10, set()),
        (PaymentMethod.INVOICE, 10, {"credit_check_by_invoice"}),
        (PaymentMethod.CARD, 250_000 // cents("e3") + 1, {"credit_check_by_cost"}),
        (PaymentMethod.CARD, 250_000 // cents("e3") - 1, set()),
    ],
)
def test_an_invoice_or_the_cost_is_the_reason(method: PaymentMethod, seats: int, found: set[str]) -> None:
    findings = judge(held=subscription(payment_method=method), order={"seats": seats}).findings

    assert found == {finding.code for finding in findings if finding.rule == "R33"}


@pytest.mark.rule("R12")
@pytest.mark.parametrize(("source", "target"), list(product(FAMILIES, FAMILIES)))
def test_a_custom_domain_closes_the_way_from_small_business_to_enterprise_and_midsize_only(
    source: str, target: str
) -> None:
    closed = source == "small-business" and target in {"enterprise", "midsize"}
    for old, new in product(A_PLAN[source], A_PLAN[target]):
        found = codes(judge(new, held=subscription(old), domains=CUSTOM).blockers)
        assert closed == ("custom_domain" in found), (old, new)
        assert "custom_domain" not in codes(judge(new, held=subscription(old)).blockers)
