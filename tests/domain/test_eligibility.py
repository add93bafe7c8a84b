"""The rules, each by its findings (rules.md §A, §E, §F, §G)."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts import CATALOG, CUSTOM, NOON, ask, codes, judge, laws, subscription, tenant, under_way
from overstap.domain.blocking import BLOCKING
from overstap.domain.case import Limits, make_case
from overstap.domain.catalog import Pair
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import check
from overstap.domain.findings import Finding, NotEligible, Severity, blockers
from overstap.domain.links import status
from overstap.domain.tenant import PaymentMethod, ServiceHealth, Tenant
from overstap.errors import NotFound, Refused
from overstap.language import language

ENGLISH = language("en")
DUTCH = language("nl")
OUT_OF_FAMILY = ["custom_domain", "manual_way", "public_website", "no_way_back", "domains_come_off", "backup_advised"]
GRAPH_STATUSES = (
    "investigating", "restoringService", "verifyingService", "serviceRestored", "postIncidentReviewPublished",
    "serviceDegradation", "serviceInterruption", "extendedRecovery", "falsePositive", "investigationSuspended",
    "resolved", "mitigatedExternal", "mitigated", "resolvedExternal", "confirmed", "reported",
)  # fmt: skip
CLOSED = {"nl": "E3 is uitverkocht tot mei", "en": "E3 is sold out until May"}


def test_a_change_that_breaks_no_rule_has_no_finding() -> None:
    assert ask() == ()


@pytest.mark.rule("R5")
@pytest.mark.parametrize(("source", "target"), list(CATALOG.pairs))
def test_every_listed_pair_passes_for_a_tenant_without_custom_domain(source: str, target: str) -> None:
    assert blockers(ask(target, held=subscription(source))) == ()


AHEAD = {"manual_way", "credit_check_by_invoice", "credit_check_by_cost", "commerce_lock_ahead"}
"""Warnings that follow from others' findings, or from how it is paid."""


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
    findings = ask(held=subscription(**held), **facts)

    assert found == [code for code in codes(findings) if code not in AHEAD], law


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

    assert found == codes(blockers(ask("small-business-premium", held=held))), law


@pytest.mark.rule("R12", "R20", "R48")
@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (
            "small-business",
            "e3",
            OUT_OF_FAMILY,
        ),
        (
            "small-business",
            "midsize",
            OUT_OF_FAMILY,
        ),
        (
            "small-business-premium",
            "e1",
            OUT_OF_FAMILY,
        ),
        ("small-business", "small-business-premium", ["public_website"]),
        ("midsize", "e3", ["public_website", "no_way_back", "backup_advised"]),
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
    assert found == codes(blockers(ask(order={"seats": seats})))


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
    assert found == codes(blockers(ask(order={"payment_method": method})))


@pytest.mark.rule("R5")
@pytest.mark.parametrize("plan", ["e4", "education-a3", "education-a4"])
def test_r5_some_plans_are_never_a_source(plan: str) -> None:
    for target in CATALOG.plans:
        expected = "same_plan" if target == plan else "source_not_listed"
        assert [expected] == codes(blockers(ask(target, held=subscription(plan))))


@pytest.mark.rule("R5")
def test_r5_a_pair_that_is_not_listed_names_what_is_offered() -> None:
    (finding,) = blockers(ask("k1"))

    assert ("R5", True) == (finding.rule, finding.wizard_only)
    assert finding.sentence(ENGLISH) == (
        "The wizard does not offer the change from Office 365 Enterprise E1 to Office 365 Enterprise K1."
    )
    assert "Office 365 Enterprise E3 and Office 365 Enterprise E4" in finding.advice(ENGLISH)
    assert "Office 365 voor ondernemingen E3 en Office 365 voor ondernemingen E4" in finding.advice(DUTCH)


@pytest.mark.rule("R5")
def test_r5_a_source_that_the_catalog_does_not_know_is_not_listed() -> None:
    (finding,) = blockers(ask("e1", held=subscription(None, sku_part_number="FLOW_FREE")))

    assert ("source_not_listed", "FLOW_FREE") == (finding.code, finding.params["source"]["nl"])


@pytest.mark.rule("R5")
def test_r5_a_closed_pair_is_closed_to_the_manual_way_too_and_says_why() -> None:
    catalog = replace(CATALOG, pairs={**CATALOG.pairs, ("e1", "e3"): Pair("e1", "e3", closed=CLOSED)})

    for route in (Route.WIZARD, Route.MANUAL):
        answer = judge(catalog=catalog, order={"route": route})
        (finding,) = answer.blockers
        assert ("pair_closed", Route.NONE) == (finding.code, answer.route)
        assert "is closed for now: E3 is sold out until May." in finding.sentence(ENGLISH)
        assert "is voorlopig gesloten: E3 is uitverkocht tot mei." in finding.sentence(DUTCH)


@pytest.mark.rule("R48", "R50")
def test_r48_another_family_is_a_warning_for_who_asks() -> None:
    answer = judge("e3", held=subscription("midsize"))

    assert answer.allowed
    assert {Severity.WARNING} == {finding.severity for finding in answer.findings}
    assert [("no_way_back", "R48"), ("backup_advised", "R50")] == [(one.code, one.rule) for one in answer.findings]


@pytest.mark.rule("R48")
@pytest.mark.parametrize(
    ("source", "target", "acknowledged", "found"),
    [
        ("midsize", "e3", False, ["acknowledgement_missing"]),
        ("midsize", "e3", True, []),
        ("e1", "e3", False, []),
        ("exchange-1", "e3", False, []),
    ],
)
def test_r48_an_order_to_another_family_is_acknowledged(
    source: str, target: str, acknowledged: bool, found: list[str]
) -> None:
    findings = ask(target, held=subscription(source), order={"acknowledged": acknowledged})

    assert found == codes(blockers(findings))


@pytest.mark.rule("R48")
def test_r48_the_manual_way_asks_for_it_by_a_task_instead() -> None:
    order = {"acknowledged": False, "route": Route.MANUAL}

    assert judge("e3", held=subscription("midsize"), order=order).allowed


@pytest.mark.rule("R9")
@pytest.mark.parametrize(
    ("assigned", "english", "dutch"),
    [
        (11, "one user needs a valid licence", "één gebruiker heeft een geldige licentie nodig"),
        (12, "two users need valid licences", "twee gebruikers hebben geldige licenties nodig"),
        (23, "13 users need valid licences", "13 gebruikers hebben geldige licenties nodig"),
    ],
)
def test_r9_the_finding_counts_the_users_who_need_a_licence(assigned: int, english: str, dutch: str) -> None:
    (finding,) = ask(held=subscription(assigned=assigned))

    assert ("R8", assigned - 10, "/licences/s1") == (finding.rule, finding.params["missing"], finding.href)
    assert english in finding.sentence(ENGLISH)
    assert dutch in finding.sentence(DUTCH)
    assert "Nu oplossen" in finding.advice(DUTCH)


@pytest.mark.rule("R41", "R42", "R43")
@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("e1", "Beheer > Office 365 > Ondersteuning"),
        ("midsize", "Beheer > Office 365 > Ondersteuning"),
        ("small-business", "Beheer > Help en online-ondersteuning vragen"),
    ],
)
def test_r41_to_r43_each_family_is_sent_to_its_own_page(source: str, page: str) -> None:
    held = subscription(source, provisioned=False, assigned=12)
    sick = (ServiceHealth("Exchange Online", "serviceInterruption", healthy=False),)

    advice = {finding.code: finding.advice(DUTCH) for finding in ask("e4", held=held, services=sick)}

    assert page in advice["service_unhealthy"]
    assert page in advice["not_provisioned"]
    assert "Beheer > Licenties" in advice["licence_conflict"]


@pytest.mark.rule("R7")
def test_r7_the_service_that_is_not_available_is_named() -> None:
    (finding,) = ask(services=(ServiceHealth("Exchange Online", "serviceInterruption", healthy=False),))

    assert finding.sentence(DUTCH) == "Exchange Online heeft een probleem: niet beschikbaar."


@pytest.mark.rule("R7")
@pytest.mark.parametrize("status", GRAPH_STATUSES)
@pytest.mark.parametrize("spelt", [str, str.lower, str.upper])
def test_r7_each_status_of_graph_has_dutch_words(status: str, spelt: Callable[[str], str]) -> None:
    (finding,) = ask(services=(ServiceHealth("Exchange Online", spelt(status), healthy=False),))

    assert spelt(status) not in finding.sentence(DUTCH)


@pytest.mark.rule("R35", "R36", "R40")
def test_r35_while_a_credit_check_is_under_way_nothing_may_change() -> None:
    answer = judge(active=under_way("credit_check"))

    (finding,) = answer.blockers
    assert ("credit_check_pending", "R35", Route.NONE) == (finding.code, finding.rule, answer.route)
    assert (status("01RUN"), NOON.isoformat()) == (finding.href, finding.params["until"])
    assert "kredietcontrole" in finding.sentence(DUTCH)


@pytest.mark.rule("R40")
@pytest.mark.parametrize("state", ["submitted", "migrating", "escalated", "licenses_reassigned", "rolling_back"])
def test_r40_while_another_change_is_under_way_nothing_may_change(state: str) -> None:
    (finding,) = judge(active=under_way(state)).blockers

    assert ("change_under_way", "R40", state) == (finding.code, finding.rule, finding.params["state"])
    assert state not in finding.sentence(DUTCH)


@pytest.mark.rule("R33", "R34", "R35", "R37")
@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"payment_method": PaymentMethod.INVOICE}, ["credit_check_by_invoice", "commerce_lock_ahead"]),
        ({"seats": 10_000}, ["credit_check_by_cost", "commerce_lock_ahead"]),
        ({}, []),
    ],
)
def test_r33_a_credit_check_that_lies_ahead_is_told_with_what_it_locks(order: dict[str, Any], found: list[str]) -> None:
    findings = ask(order=order)

    assert found == codes(findings)
    for finding in findings:
        if finding.rule == "R33":
            assert "14 dagen" in finding.sentence(DUTCH)
        else:
            assert "normaal toegankelijk" in finding.sentence(DUTCH)


@pytest.mark.rule("R5", "R47", "R51")
@pytest.mark.parametrize(
    ("law", "held", "facts", "target"),
    [
        ("a pair that is not listed", {}, {}, "k1"),
        ("a source without any", {"plan": "e4"}, {}, "e1"),
        ("too many users", {"assigned": 301, "seats": 301}, {}, "e3"),
        ("a prepaid card", {"payment_method": PaymentMethod.PREPAID}, {}, "e3"),
        ("a legacy plan that is too large", {"plan": "small-business", "legacy": True, "assigned": 26, "seats": 26}, {},
         "small-business-premium"),
        ("a custom domain", {"plan": "small-business"}, {"domains": CUSTOM}, "e3"),
    ],
)  # fmt: skip
def test_r47_what_the_wizard_does_not_do_goes_the_manual_way(
    law: str, held: dict[str, Any], facts: dict[str, Any], target: str
) -> None:
    wizard = judge(target, held=subscription(**held), **facts)
    order = {"route": Route.MANUAL, "payment_method": PaymentMethod.CARD}
    manual = judge(target, held=subscription(**held), order=order, **facts)

    assert (False, Route.MANUAL) == (wizard.allowed, wizard.route), law
    assert (True, Route.MANUAL) == (manual.allowed, manual.route), law
    assert "manual_way" in codes(wizard.findings)
    assert "bel de ondersteuning voor facturering en abonnementen" in " ".join(
        finding.advice(DUTCH) for finding in wizard.blockers
    )


@pytest.mark.rule("R49")
def test_r49_who_goes_the_manual_way_is_told_that_the_domains_come_off() -> None:
    assert "domains_come_off" in codes(ask("k1", domains=CUSTOM))
    assert "domains_come_off" not in codes(ask("e3", domains=CUSTOM))
    assert "domains_come_off" not in codes(ask("k1"))


@pytest.mark.parametrize(
    ("held", "facts"),
    [
        ({"is_trial": True}, {}),
        ({"status": "Suspended"}, {}),
        ({"provisioned": False}, {}),
        ({"assigned": 11}, {}),
        ({}, {"services": (ServiceHealth("Lync Online", "serviceDegradation", healthy=False),)}),
    ],
)
@pytest.mark.rule("R4", "R6", "R7", "R8")
def test_what_has_to_be_resolved_first_closes_the_manual_way_too(held: dict[str, Any], facts: dict[str, Any]) -> None:
    for route in (Route.WIZARD, Route.MANUAL):
        answer = judge(held=subscription(**held), order={"route": route}, **facts)
        assert (False, Route.NONE) == (answer.allowed, answer.route)


@pytest.mark.rule("R10")
def test_r10_the_manual_way_is_not_paid_by_prepaid_card_either() -> None:
    held = subscription(payment_method=PaymentMethod.PREPAID)

    (finding,) = judge(held=held, order={"route": Route.MANUAL}).blockers

    assert ("chosen_payment", "prepaid") == (finding.code, finding.params["payment_method"])


@pytest.mark.rule("R44")
@pytest.mark.parametrize("source", ["e1", "midsize", "small-business"])
def test_r44_the_admin_of_each_family_may_order(source: str) -> None:
    answer = judge("e4", held=subscription(source), order={"acting_upn": "jan@x.example"})

    assert answer.allowed


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
    change = PlanChange(
        "t1", "s1", "k1", 1, PaymentMethod.PRODUCT_KEY, acting_upn="klaas@x.example", acknowledged=False
    )
    return tenant(held, services=services, domains=CUSTOM), change


def test_all_findings_come_at_once_and_in_order() -> None:
    answer = check(*worst(), CATALOG, Limits(), under_way())

    assert codes(answer.findings) == [
        "change_under_way",
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
        "acknowledgement_missing",
        "public_website",
        "no_way_back",
        "backup_advised",
    ]


@given(st.integers())
def test_no_rule_depends_on_another(seed: int) -> None:
    shuffled = list(BLOCKING)
    random.Random(seed).shuffle(shuffled)
    case = make_case(*worst(), CATALOG, Limits())

    found = [finding for rule in shuffled for finding in rule(case)]

    assert sorted(codes(check(*worst(), CATALOG, Limits()).blockers)) == sorted(codes(tuple(found)))


def test_a_refusal_has_each_blocker_on_a_line_of_its_own_and_keeps_the_warnings() -> None:
    findings = check(*worst(), CATALOG, Limits()).findings

    refused = NotEligible(findings, DUTCH)

    assert isinstance(refused, Refused)
    assert [f"{one.sentence(DUTCH)} {one.advice(DUTCH)}" for one in blockers(findings)] == str(refused).splitlines()
    assert codes(refused.findings)[-2:] == ["no_way_back", "backup_advised"]


def test_a_finding_as_plain_values_carries_its_words_in_the_language_asked_for() -> None:
    (finding,) = ask(order={"seats": 9})

    assert finding.to_dict(DUTCH) == {
        "code": "fewer_seats",
        "rule": "R29",
        "severity": "blocker",
        "params": {"seats": 9, "least": 10},
        "sentence": finding.sentence(DUTCH),
        "advice": finding.advice(DUTCH),
        "href": "/licences/s1/change/e3",
    }


def test_a_finding_comes_back_from_what_is_kept_of_it() -> None:
    for finding in check(*worst(), CATALOG, Limits(), under_way("credit_check")).findings:
        assert finding == Finding.from_data(finding.to_data())
