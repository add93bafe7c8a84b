"""What a quote tells (rules.md R15, R17 to R20, R30, R31, R33 to R35, R48 to R50)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from facts import CATALOG, CUSTOM, NOON, codes, laws, subscription, tenant
from overstap.domain.case import Limits, make_case
from overstap.domain.catalog import ChangeKind
from overstap.domain.change import PlanChange, Route
from overstap.domain.credit import CreditReason
from overstap.domain.eligibility import judge
from overstap.domain.locks import LOCKS_BY_STATE
from overstap.domain.quote import USUAL, Expected, OldBilling, Quote, quote
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Subscription

WAY = [(state, LOCKS_BY_STATE[state]) for state in ("credit_check", "migrating", "licenses_reassigned")]


def offer(
    target: str = "e3",
    *,
    held: Subscription | None = None,
    times: tuple[timedelta, ...] = (),
    keep_old_billing: bool = False,
    facts: dict[str, Any] | None = None,
    **order: Any,
) -> Quote:
    customer = tenant(held or subscription(), **(facts or {}))
    case = make_case(customer, PlanChange("t1", "s1", target, **order), CATALOG, Limits())
    return quote(case, judge(case), NOON, times, WAY, keep_old_billing=keep_old_billing)


@pytest.mark.rule("R26", "R27", "R29")
def test_the_price_is_that_of_the_seats_and_the_frequency_ordered() -> None:
    told = offer(seats=12, billing_frequency=BillingFrequency.ANNUAL)
    e1, e3 = CATALOG.plan("e1").monthly_cents, CATALOG.plan("e3").monthly_cents

    assert (10, 10 * e1, 10 * e1) == (told.old.seats, told.old.monthly_cents, told.old.billed_cents)
    assert (12, 12 * e3, 144 * e3) == (told.new.seats, told.new.monthly_cents, told.new.billed_cents)


def test_a_plan_that_the_catalog_does_not_know_has_no_price() -> None:
    told = offer(held=subscription(None, sku_part_number="FLOW_FREE"))

    assert ("FLOW_FREE", None, None) == (told.old.plan["nl"], told.old.monthly_cents, told.old.billed_cents)
    assert told.kind is None


@pytest.mark.rule("R18", "R19")
def test_the_old_billing_ends_with_the_order_and_the_new_one_begins_when_the_change_is_expected_to_be_done() -> None:
    told = offer()

    assert (OldBilling.ORDER, NOON) == (told.old_billing, told.old_billing_ends)
    assert (NOON + USUAL, NOON + USUAL) == told.new_billing_begins


@pytest.mark.rule("R19")
def test_a_configuration_may_keep_the_old_billing_on_until_completion() -> None:
    told = offer(keep_old_billing=True)

    assert (OldBilling.COMPLETION, None) == (told.old_billing, told.old_billing_ends)


@pytest.mark.rule("R46", "R47")
def test_on_the_manual_way_nobody_knows_the_days_before_people_have_done_their_part() -> None:
    told = offer("k1")

    assert Route.MANUAL is told.eligibility.route
    assert (OldBilling.PURCHASE, None, None) == (told.old_billing, told.old_billing_ends, told.new_billing_begins)


@laws(
    ("law", "order", "reason"),
    [
        ("R33: an invoice", {"payment_method": PaymentMethod.INVOICE}, CreditReason.INVOICE),
        ("R33: the cost", {"seats": 10_000}, CreditReason.COST),
        ("R33: neither", {}, None),
    ],
)
def test_it_says_whether_the_credit_bureau_will_be_asked_and_why(
    law: str, order: dict[str, Any], reason: CreditReason | None
) -> None:
    told = offer(**order)

    assert reason == told.credit, law
    latest = NOON + USUAL + (timedelta(days=14) if reason else timedelta(0))
    assert (NOON + USUAL, latest) == told.new_billing_begins


@pytest.mark.rule("R15", "R17", "R35", "R37")
def test_it_says_which_locks_come_when() -> None:
    plain, checked = offer(), offer(payment_method=PaymentMethod.INVOICE)

    (moving,) = plain.locks
    assert ("migrating", "licenses_reassigned") == moving.states
    assert ({"commerce", "portal", "licence"}, USUAL) == (moving.locks, moving.lasts)
    first, second = checked.locks
    assert (("credit_check",), {"commerce"}, timedelta(days=14)) == (first.states, first.locks, first.lasts)
    assert moving == second


@pytest.mark.rule("R20", "R48", "R49", "R50")
def test_it_says_what_cannot_be_undone_and_what_has_to_be_done_before() -> None:
    there = offer("k1", held=subscription("midsize"), facts={"domains": CUSTOM})

    assert ChangeKind.OTHER_FAMILY == there.kind
    assert {"public_website", "no_way_back", "domains_come_off", "backup_advised"} <= set(
        codes(there.eligibility.findings)
    )
    assert set() == {"no_way_back", "backup_advised"} & set(codes(offer().eligibility.findings))


@pytest.mark.rule("R30", "R31")
def test_without_a_past_it_expects_the_documents_usual_time() -> None:
    told = offer().expected

    assert Expected(timedelta(minutes=10), timedelta(minutes=10), 0) == told
    assert timedelta(minutes=1) == told.licences


@pytest.mark.rule("R30")
@pytest.mark.parametrize(
    ("minutes", "median", "ninetieth"),
    [([7], 7, 7), ([1, 3], 2, 2.8), (list(range(1, 12)), 6, 10), ([5] * 99 + [500], 5, 5)],
)
def test_it_expects_the_median_and_the_90th_percentile_of_what_was_measured(
    minutes: list[int], median: float, ninetieth: float
) -> None:
    expected = offer(times=tuple(timedelta(minutes=one) for one in minutes)).expected

    assert len(minutes) == expected.measured
    assert (median, ninetieth) == pytest.approx(
        (expected.median / timedelta(minutes=1), expected.ninetieth / timedelta(minutes=1))
    )


def test_a_change_that_is_not_allowed_has_a_quote_that_says_so() -> None:
    told = offer(held=subscription(is_trial=True))

    assert not told.eligibility.allowed
    assert told.new.monthly_cents
