"""What the rules would say with other facts: those that are supposed, and nothing else, and nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts import CATALOG, CUSTOM, NOON, subscription, tenant, under_way
from overstap.domain.case import Limits
from overstap.domain.change import PlanChange
from overstap.domain.eligibility import check
from overstap.domain.findings import Finding
from overstap.domain.rulebook import RULE_OF
from overstap.domain.sentences import SENTENCES
from overstap.domain.supposing import NOTHING, Compared, Supposed, suppose
from overstap.domain.tenant import PaymentMethod, ServiceHealth, Tenant
from overstap.errors import BadInput
from rule_places import finding_codes

ORDER = PlanChange("t1", "s1", "e3")


def found(supposed: Supposed, given: Tenant | None = None, change: PlanChange = ORDER, active: Any = None) -> set[str]:
    other, run = suppose(given or tenant(subscription()), change, supposed, active, NOON)
    return {one.code for one in check(other, change, CATALOG, Limits(), run).blockers}


@pytest.mark.parametrize(
    ("law", "supposed", "expected"),
    [
        ("nothing is supposed", {}, set()),
        ("more holders than the wizard moves", {"assigned": 301, "seats": 301}, {"too_many_users"}),
        ("fewer seats than holders", {"seats": 7}, {"licence_conflict"}),
        ("another plan", {"plan": "e4"}, {"source_not_listed"}),
        ("a trial", {"is_trial": True}, {"trial"}),
        ("suspended", {"status": "Suspended"}, {"not_active"}),
        ("not set up", {"provisioned": False}, {"not_provisioned"}),
        ("prepaid", {"payment_method": PaymentMethod.PREPAID}, {"source_payment"}),
        ("a service is down", {"health": {"Exchange Online": "serviceInterruption"}}, {"service_unhealthy"}),
        ("a change is under way", {"active": "migrating"}, {"change_under_way"}),
        ("a credit check is under way", {"active": "credit_check"}, {"credit_check_pending"}),
    ],
)
def test_what_is_supposed_is_judged(law: str, supposed: dict[str, Any], expected: set[str]) -> None:
    assert expected == found(Supposed(**supposed)), law


def test_what_stands_in_the_way_can_be_supposed_away() -> None:
    held = subscription("small-business", legacy=True, assigned=26, seats=20, provisioned=False)
    ill = tenant(held, domains=CUSTOM, services=(ServiceHealth("Lync", "serviceInterruption", healthy=False),))
    away = Supposed(
        seats=20,
        assigned=20,
        provisioned=True,
        custom_domain=False,
        health={"Lync": "serviceOperational"},
        active=NOTHING,
    )

    assert {"legacy_too_many_users", "licence_conflict", "custom_domain"} <= found(Supposed(), ill, active=under_way())
    assert set() == found(away, ill, active=under_way())


def test_a_custom_domain_can_be_supposed_where_there_is_none() -> None:
    assert {"custom_domain"} == found(Supposed(custom_domain=True), tenant(subscription("small-business")))


def test_who_orders_can_be_supposed_to_have_another_role() -> None:
    by_jan = replace(ORDER, acting_upn="jan@x.example")

    assert set() == found(Supposed(), change=by_jan)
    assert {"role_too_low"} == found(Supposed(role="admin"), change=by_jan)
    assert {"not_an_admin"} == found(Supposed(role=NOTHING), change=by_jan)


def test_a_service_that_the_tenant_does_not_have_is_refused() -> None:
    with pytest.raises(BadInput, match="has no service 'Yammer'; it has Exchange Online"):
        found(Supposed(health={"Yammer": "serviceInterruption"}))


def test_a_comparison_tells_what_came_and_what_went() -> None:
    real = tenant(subscription(is_trial=True))
    other, _ = suppose(real, ORDER, Supposed(is_trial=False, provisioned=False), None, NOON)
    compared = Compared(real, None, *(check(one, ORDER, CATALOG, Limits()) for one in (real, other)))

    def told(findings: tuple[Finding, ...]) -> set[str]:
        return {one.code for one in findings}

    assert compared.differs
    assert {"trial"} == told(compared.gone)
    assert {"not_provisioned"} == {one.code for one in compared.supposed.findings if compared.is_new(one)}


def test_the_rulebook_has_the_rule_that_each_finding_says_it_is_of() -> None:
    written = {code: rule for rule, codes in finding_codes().items() for code in codes}
    by_invoice = replace(ORDER, payment_method=PaymentMethod.INVOICE)
    many = tenant(subscription(seats=300))
    made = {
        one.code: one.rule
        for given, change in ((many, ORDER), (many, by_invoice))
        for one in check(given, change, CATALOG, Limits(credit_threshold_cents=1)).findings
    }

    assert written | made == dict(RULE_OF)
    assert SENTENCES.keys() == RULE_OF.keys()
