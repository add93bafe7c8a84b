"""The options page as data (rules.md R13, R22 to R24, R36, R40, R47)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facts import CATALOG, CUSTOM, codes, laws, subscription, tenant, under_way
from overstap.domain.case import Limits
from overstap.domain.catalog import Pair
from overstap.domain.locks import ActiveRun
from overstap.domain.options import Options, options
from overstap.domain.tenant import PaymentMethod, ServiceHealth, Subscription
from overstap.domain.wizard import CHECKOUT, LINK, NAVIGATION, NO_OPTIONS, STATUS
from overstap.language import language

DUTCH = language("nl")
SICK = (ServiceHealth("Exchange Online", "serviceInterruption", healthy=False),)


def look(
    *held: Subscription, catalog: Any = CATALOG, active: ActiveRun | None = None, upn: str | None = None, **facts: Any
) -> list[Options]:
    return options(tenant(*held, **facts), catalog, Limits(), active, upn)


def ids(one: Options) -> list[str]:
    return [plan.id for plan in one.plans]


@pytest.mark.rule("R24")
@pytest.mark.parametrize("source", CATALOG.plans)
def test_only_plans_that_the_subscription_may_change_to_are_offered(source: str) -> None:
    (one,) = look(subscription(source))

    assert [plan.id for plan in CATALOG.targets(source)] == ids(one)
    assert ((), bool(one.plans)) == (one.hidden, one.href is not None)


@pytest.mark.rule("R23")
def test_the_link_leads_to_the_choice_of_a_plan() -> None:
    (one,) = look(subscription("e1"))

    assert ("/licences/s1/change", ()) == (one.href, one.reasons)


@laws(
    ("law", "held", "facts", "reasons"),
    [
        ("R40: more users than licences", {"assigned": 12}, {}, ["licence_conflict"]),
        ("R40: not fully provisioned", {"provisioned": False}, {}, ["not_provisioned"]),
        ("R40: not healthy", {}, {"services": SICK}, ["service_unhealthy"]),
        ("R40: another change", {}, {"active": under_way("migrating")}, ["change_under_way"]),
        ("R40: a credit check", {}, {"active": under_way("credit_check")}, ["credit_check_pending"]),
        ("R40: a trial", {"is_trial": True}, {}, ["trial"]),
        ("R40: a prepaid card", {"payment_method": PaymentMethod.PREPAID}, {}, ["source_payment"]),
        ("R40: over the limit", {"assigned": 301, "seats": 301}, {}, ["too_many_users"]),
        ("R40: a domain", {"plan": "small-business-premium"}, {"domains": CUSTOM}, ["custom_domain"]),
        ("R13: no listed change", {"plan": "e4"}, {}, ["source_not_listed"]),
        ("R13: a legacy plan", {"plan": "small-business", "legacy": True, "assigned": 26, "seats": 26}, {},
         ["legacy_too_many_users"]),
        ("R13: everything at once", {"assigned": 12, "provisioned": False, "is_trial": True}, {"services": SICK},
         ["trial", "not_provisioned", "service_unhealthy", "licence_conflict"]),
    ],
)  # fmt: skip
def test_no_options_says_every_reason_once(
    law: str, held: dict[str, Any], facts: dict[str, Any], reasons: list[str]
) -> None:
    (one,) = look(subscription(**held), **facts)

    assert ([], None) == (ids(one), one.href), law
    assert reasons == codes(one.reasons), law


@pytest.mark.rule("R13")
def test_a_listed_plan_that_is_hidden_says_why_beside_those_that_are_offered() -> None:
    (one,) = look(subscription("small-business"), domains=CUSTOM)

    assert ["small-business-premium"] == ids(one)
    assert {"midsize", "e1", "e3", "e4"} == {plan.id for plan, _ in one.hidden}
    assert ["custom_domain"] == codes(one.reasons)


@pytest.mark.rule("R13")
def test_a_pair_that_is_closed_says_why_it_is_not_offered() -> None:
    closed = Pair("e1", "e3", closed={"nl": "uitverkocht", "en": "sold out"})
    (one,) = look(subscription("e1"), catalog=replace(CATALOG, pairs={**CATALOG.pairs, ("e1", "e3"): closed}))

    assert (["e4"], ["pair_closed"]) == (ids(one), codes(one.reasons))
    assert "uitverkocht" in one.reasons[0].sentence(DUTCH)


@pytest.mark.rule("R35", "R36")
def test_during_a_credit_check_no_subscription_of_the_tenant_has_options() -> None:
    held = [subscription("e1", id="s1"), subscription("k1", id="s2"), subscription("exchange-1", id="s3")]

    found = look(*held, active=under_way("credit_check"))

    assert ["s1", "s2", "s3"] == [one.subscription.id for one in found]
    for one in found:
        assert ([], ["credit_check_pending"], False) == (ids(one), codes(one.reasons), one.manual)


@pytest.mark.rule("R47")
@pytest.mark.parametrize(
    ("law", "held", "facts", "manual"),
    [
        ("another pair", {}, {}, True),
        ("no listed pair at all", {"plan": "e4"}, {}, True),
        ("a plan that the catalog does not know", {"plan": None}, {}, True),
        ("a prepaid card", {"payment_method": PaymentMethod.PREPAID}, {}, True),
        ("too many users", {"assigned": 301, "seats": 301}, {}, True),
        ("a trial", {"is_trial": True}, {}, False),
        ("a licence conflict", {"assigned": 12}, {}, False),
        ("a change under way", {}, {"active": under_way()}, False),
    ],
)
def test_the_manual_way_is_open_where_the_wizard_only_does_not_do_it(
    law: str, held: dict[str, Any], facts: dict[str, Any], manual: bool
) -> None:
    (one,) = look(subscription(**held), **facts)

    assert manual == one.manual, law


@pytest.mark.rule("R47")
def test_the_manual_way_leads_to_any_other_plan() -> None:
    (one,) = look(subscription("e4"))

    assert [plan for plan in CATALOG.plans if plan != "e4"] == [plan.id for plan in one.by_hand]


@pytest.mark.rule("R3")
@pytest.mark.parametrize(("upn", "reasons"), [("jan@x.example", []), ("piet@x.example", ["role_too_low"])])
def test_an_admin_whose_role_is_too_low_has_no_options(upn: str, reasons: list[str]) -> None:
    (one,) = look(subscription("e1"), upn=upn)

    assert reasons == codes(one.reasons)


@pytest.mark.rule("R22", "R23", "R28", "R36")
def test_the_pages_are_called_as_the_document_calls_them() -> None:
    said = [DUTCH.say(text) for text in (NAVIGATION, LINK, NO_OPTIONS, STATUS)]

    assert said == [
        "Beheer > Licenties", "Veranderen van abonnement", "Geen opties", "Veranderen van abonnement: status"
    ]  # fmt: skip


@pytest.mark.rule("R25", "R26", "R27", "R28")
def test_the_checkout_has_its_pages_in_order_and_says_what_each_changes() -> None:
    told = [(DUTCH.say(page.title), page.changes) for page in CHECKOUT]

    assert told == [
        ("Voorbereiden", ()),
        ("Controleren", ("seats",)),
        ("Betaling", ("payment_method", "billing_frequency")),
        ("Bestelling voltooien", ()),
    ]
    assert "/licences/s1/change/e3/review" == CHECKOUT[1].href("s1", "e3")
