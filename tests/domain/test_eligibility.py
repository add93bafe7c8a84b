"""The rules, each at its borders (rules.md §A)."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.app.catalog_file import load_catalog
from overstap.domain import eligibility
from overstap.domain.catalog import Catalog, Pair
from overstap.domain.change import PlanChange
from overstap.domain.eligibility import Limits, check, ensure_eligible
from overstap.domain.findings import Finding, NotEligible, Severity, blockers
from overstap.domain.sentences import ENGLISH
from overstap.domain.tenant import (
    Admin,
    AdminRole,
    BillingFrequency,
    Domain,
    PaymentMethod,
    ServiceHealth,
    Subscription,
    Tenant,
)
from overstap.errors import NotFound, Refused

CATALOG = load_catalog(Path(__file__).parents[2] / "config" / "catalog.toml")
CUSTOM = (Domain("x.onmicrosoft.com", custom=False, default=False), Domain("x.example", custom=True, default=True))


def subscription(plan: str | None = "e1", **facts: Any) -> Subscription:
    whole: dict[str, Any] = {
        "id": "s1",
        "sku_id": "18181a46-0d4e-45cd-891e-60aabd171b4e",
        "sku_part_number": "STANDARDPACK",
        "plan": plan,
        "seats": 10,
        "assigned": 8,
        "status": "Enabled",
        "is_trial": False,
        "provisioned": True,
        "payment_method": PaymentMethod.CARD,
        "billing_frequency": BillingFrequency.MONTHLY,
        "legacy": False,
    }
    return Subscription(**(whole | facts))


def tenant(held: Subscription, **facts: Any) -> Tenant:
    whole: dict[str, Any] = {
        "id": "t1",
        "name": "Bakkerij De Vries",
        "locale": "nl",
        "users": 8,
        "subscriptions": (held,),
        "domains": (Domain("x.onmicrosoft.com", custom=False, default=True),),
        "services": (ServiceHealth("Exchange Online", "serviceOperational", healthy=True),),
        "admins": (Admin("jan@x.example", AdminRole.GLOBAL_ADMIN), Admin("piet@x.example", AdminRole.ADMIN)),
        "credit_limit": 0,
    }
    return Tenant(**(whole | facts))


def ask(
    target: str = "e3",
    *,
    held: Subscription | None = None,
    catalog: Catalog = CATALOG,
    order: dict[str, Any] | None = None,
    **facts: Any,
) -> tuple[Finding, ...]:
    change = PlanChange("t1", "s1", target, **(order or {}))
    return check(tenant(held or subscription(), **facts), change, catalog, Limits())


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def laws(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """A table in which each row is marked with the rule that its law begins with."""
    marked = [pytest.param(*row, marks=pytest.mark.rule(row[0].partition(":")[0]), id=row[0]) for row in rows]
    return pytest.mark.parametrize(names, marked)


def test_a_change_that_breaks_no_rule_has_no_finding() -> None:
    assert ask() == ()


@pytest.mark.rule("R5")
@pytest.mark.parametrize(("source", "target"), list(CATALOG.pairs))
def test_every_listed_pair_passes_for_a_tenant_without_custom_domain(source: str, target: str) -> None:
    assert blockers(ask(target, held=subscription(source))) == ()


@laws(
    ("law", "held", "facts", "found"),
    [
        ("R2: 300 holders pass", {"assigned": 300, "seats": 300}, {}, []),
        ("R2: 301 holders do not", {"assigned": 301, "seats": 301}, {}, ["too_many_users"]),
        ("R2: seats nobody holds do not count", {"assigned": 1, "seats": 900}, {}, []),
        ("R4: a trial is no source", {"is_trial": True}, {}, ["trial"]),
        ("R6: not fully provisioned", {"provisioned": False}, {}, ["not_provisioned"]),
        ("R6: in its grace period it is active", {"status": "Warning"}, {}, []),
        ("R6: suspended", {"status": "Suspended"}, {}, ["not_active"]),
        ("R6: locked out", {"status": "LockedOut"}, {}, ["not_active"]),
        ("R6: deleted", {"status": "Deleted"}, {}, ["not_active"]),
        ("R8: as many assigned as bought passes", {"assigned": 10, "seats": 10}, {}, []),
        ("R8: one more assigned than bought does not", {"assigned": 11, "seats": 10}, {}, ["licence_conflict"]),
        ("R10: an invoice is supported", {"payment_method": PaymentMethod.INVOICE}, {}, []),
        ("R10: a prepaid card is not", {"payment_method": PaymentMethod.PREPAID}, {}, ["source_payment"]),
        ("R10: a product key is not", {"payment_method": PaymentMethod.PRODUCT_KEY}, {}, ["source_payment"]),
        ("R11: is for small business only", {"legacy": True, "assigned": 26, "seats": 26}, {}, []),
        ("R20: a custom domain may carry the website", {}, {"domains": CUSTOM}, ["public_website"]),
        (
            "R7: each unhealthy service is told",
            {},
            {
                "services": (
                    ServiceHealth("Exchange Online", "serviceDegradation", healthy=False),
                    ServiceHealth("SharePoint Online", "serviceOperational", healthy=True),
                    ServiceHealth("Lync Online", "serviceInterruption", healthy=False),
                )
            },
            ["service_unhealthy", "service_unhealthy"],
        ),
    ],
)
def test_a_rule_finds(law: str, held: dict[str, Any], facts: dict[str, Any], found: list[str]) -> None:
    assert found == codes(ask(held=subscription(**held), **facts)), law


@pytest.mark.rule("R11")
@pytest.mark.parametrize(
    ("law", "legacy", "assigned", "found"),
    [
        ("25 holders pass", True, 25, []),
        ("26 do not", True, 26, ["legacy_too_many_users"]),
        ("26 pass when bought after the upgrade", False, 26, []),
    ],
)
def test_r11_a_small_business_plan_from_before_the_upgrade(
    law: str, legacy: bool, assigned: int, found: list[str]
) -> None:
    held = subscription("small-business", legacy=legacy, assigned=assigned, seats=30)

    assert found == codes(ask("small-business-premium", held=held)), law


@pytest.mark.rule("R12", "R20", "R48")
@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("small-business", "e3", ["custom_domain", "public_website", "no_way_back"]),
        ("small-business", "midsize", ["custom_domain", "public_website", "no_way_back"]),
        ("small-business-premium", "e1", ["custom_domain", "public_website", "no_way_back"]),
        ("small-business", "small-business-premium", ["public_website"]),
        ("midsize", "e3", ["public_website", "no_way_back"]),
        ("e1", "e3", ["public_website"]),
    ],
)
def test_r12_a_custom_domain_blocks_the_way_out_of_small_business(source: str, target: str, found: list[str]) -> None:
    assert found == codes(ask(target, held=subscription(source), domains=CUSTOM))


@pytest.mark.rule("R3")
@pytest.mark.parametrize(
    ("source", "upn", "found"),
    [
        ("e1", "jan@x.example", []),
        ("e1", "JAN@X.example", []),
        ("e1", "piet@x.example", ["role_too_low"]),
        ("midsize", "piet@x.example", ["role_too_low"]),
        ("exchange-1", "piet@x.example", ["role_too_low"]),
        ("small-business", "piet@x.example", []),
        ("small-business", "jan@x.example", []),
        ("e1", "klaas@x.example", ["not_an_admin"]),
        ("small-business", "klaas@x.example", ["not_an_admin"]),
        ("e1", None, []),
    ],
)
def test_r3_a_global_admin_orders_and_for_small_business_any_admin(
    source: str, upn: str | None, found: list[str]
) -> None:
    findings = ask("e3", held=subscription(source), order={"acting_upn": upn})

    assert found == codes(blockers(findings))


@pytest.mark.rule("R29")
@pytest.mark.parametrize(
    ("seats", "found"), [(None, []), (10, []), (11, []), (9, ["fewer_seats"]), (0, ["fewer_seats"])]
)
def test_r29_seats_never_fall(seats: int | None, found: list[str]) -> None:
    assert found == codes(ask(order={"seats": seats}))


@pytest.mark.rule("R10")
@pytest.mark.parametrize(
    ("method", "found"),
    [
        (None, []),
        (PaymentMethod.INVOICE, []),
        (PaymentMethod.PREPAID, ["chosen_payment"]),
        (PaymentMethod.PRODUCT_KEY, ["chosen_payment"]),
    ],
)
def test_r10_a_change_is_paid_by_card_or_invoice(method: PaymentMethod | None, found: list[str]) -> None:
    assert found == codes(ask(order={"payment_method": method}))


@pytest.mark.rule("R5")
@pytest.mark.parametrize("plan", ["e4", "education-a3", "education-a4"])
def test_r5_some_plans_are_never_a_source(plan: str) -> None:
    for target in CATALOG.plans:
        assert "pair_not_listed" in codes(ask(target, held=subscription(plan)))


@pytest.mark.rule("R5")
def test_r5_a_pair_that_is_not_listed_names_what_is_offered() -> None:
    (finding,) = ask("k1")

    assert finding.rule == "R5"
    assert finding.sentence == (
        "The wizard does not offer the change from Office 365 Enterprise E1 to Office 365 Enterprise K1, "
        "it offers e3, e4; for another plan call billing support to change manually."
    )


@pytest.mark.rule("R5")
def test_r5_a_source_that_the_catalog_does_not_know_is_not_listed() -> None:
    (finding,) = ask("e1", held=subscription(None, sku_part_number="FLOW_FREE"))

    assert (finding.code, finding.params["source"]) == ("pair_not_listed", "FLOW_FREE")


@pytest.mark.rule("R5")
def test_r5_a_closed_pair_blocks_and_says_why() -> None:
    pairs = {**CATALOG.pairs, ("e1", "e3"): Pair("e1", "e3", closed="E3 is sold out until May")}

    (finding,) = ask(catalog=replace(CATALOG, pairs=pairs))

    assert finding.code == "pair_closed"
    assert "is closed for now: E3 is sold out until May." in finding.sentence


@pytest.mark.rule("R48")
def test_r48_another_family_is_a_warning_and_does_not_refuse() -> None:
    held = tenant(subscription("midsize"))

    findings = ensure_eligible(held, PlanChange("t1", "s1", "e3"), CATALOG, Limits())

    assert [("no_way_back", Severity.WARNING)] == [(finding.code, finding.severity) for finding in findings]


@pytest.mark.rule("R9")
@pytest.mark.parametrize(
    ("assigned", "words"), [(11, "1 user needs a valid licence"), (12, "2 users need a valid licence")]
)
def test_r9_the_finding_counts_the_users_who_need_a_licence(assigned: int, words: str) -> None:
    (finding,) = ask(held=subscription(assigned=assigned))

    assert finding.params["missing"] == assigned - 10
    assert words in finding.sentence


def test_an_unknown_subscription_is_not_found_before_any_rule_is_asked() -> None:
    with pytest.raises(NotFound, match=r"no subscription 'nope'; it has s1 \(STANDARDPACK\)"):
        check(tenant(subscription(is_trial=True)), PlanChange("t1", "nope", "e3"), CATALOG, Limits())


def test_an_unknown_plan_is_not_found_before_any_rule_is_asked() -> None:
    with pytest.raises(NotFound, match="No plan is called 'e9'"):
        check(tenant(subscription(is_trial=True)), PlanChange("t1", "s1", "e9"), CATALOG, Limits())


def worst() -> tuple[Tenant, PlanChange]:
    """A tenant and an order that break every rule that can be broken at once."""
    held = subscription(
        "small-business",
        assigned=301,
        seats=10,
        is_trial=True,
        status="Suspended",
        provisioned=False,
        legacy=True,
        payment_method=PaymentMethod.PREPAID,
    )
    services = (ServiceHealth("Exchange Online", "serviceDegradation", healthy=False),)
    change = PlanChange("t1", "s1", "k1", 1, PaymentMethod.PRODUCT_KEY, acting_upn="klaas@x.example")
    return tenant(held, services=services, domains=CUSTOM), change


def test_all_findings_come_at_once_and_in_order() -> None:
    found = check(*worst(), CATALOG, Limits())

    assert codes(found) == [
        "pair_not_listed",
        "too_many_users",
        "not_an_admin",
        "trial",
        "not_active",
        "not_provisioned",
        "service_unhealthy",
        "licence_conflict",
        "source_payment",
        "chosen_payment",
        "legacy_too_many_users",
        "custom_domain",
        "fewer_seats",
        "public_website",
        "no_way_back",
    ]


@given(st.integers())
def test_no_rule_depends_on_another(seed: int) -> None:
    shuffled = list(eligibility.RULES)
    random.Random(seed).shuffle(shuffled)
    case = eligibility._case(*worst(), CATALOG, Limits())

    found = [finding for rule in shuffled for finding in rule(case)]

    assert sorted(codes(check(*worst(), CATALOG, Limits()))) == sorted(codes(tuple(found)))


def test_a_refusal_has_each_blocker_on_a_line_of_its_own_and_keeps_the_warnings() -> None:
    held, change = worst()

    with pytest.raises(NotEligible) as error:
        ensure_eligible(held, change, CATALOG, Limits())

    assert isinstance(error.value, Refused)
    assert [f.sentence for f in blockers(error.value.findings)] == str(error.value).splitlines()
    assert codes(error.value.findings)[-2:] == ["public_website", "no_way_back"]


def test_every_sentence_can_be_said_and_tells_what_to_do() -> None:
    rest = ask(order={"acting_upn": "piet@x.example"})
    closed = replace(CATALOG, pairs={**CATALOG.pairs, ("e1", "e3"): Pair("e1", "e3", closed="sold out")})
    said = {
        finding.code: finding.sentence for finding in (*check(*worst(), CATALOG, Limits()), *rest, *ask(catalog=closed))
    }

    assert set(ENGLISH) == set(said)
    for sentence in said.values():
        assert sentence.endswith(".")
        assert "{" not in sentence


def test_a_finding_as_plain_values_carries_its_sentence() -> None:
    (finding,) = ask(order={"seats": 9})

    assert finding.to_dict() == {
        "code": "fewer_seats",
        "rule": "R29",
        "severity": "blocker",
        "params": {"seats": 9, "least": 10},
        "sentence": finding.sentence,
    }
