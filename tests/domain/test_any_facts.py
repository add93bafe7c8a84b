"""Whatever the facts are: their order does not matter, and who follows every advice may change."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facts import CATALOG, NOON, subscription, tenant, under_way
from overstap.domain.blocking import BLOCKING
from overstap.domain.case import Case, Limits, make_case
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import judge
from overstap.domain.findings import Finding
from overstap.domain.sentences import BLOCKING as BLOCKER_WORDS
from overstap.domain.tenant import Admin, AdminRole, BillingFrequency, Domain, PaymentMethod, ServiceHealth, Tenant

PLANS = list(CATALOG.plans)
UPNS = ["jan@x.example", "piet@x.example", "klaas@x.example"]
METHODS = list(PaymentMethod)

held = st.builds(
    subscription,
    plan=st.sampled_from([*PLANS, None]),
    seats=st.sampled_from([1, 10, 25, 26, 300, 301]),
    assigned=st.sampled_from([0, 1, 10, 25, 26, 300, 301, 302]),
    status=st.sampled_from(["Enabled", "Warning", "Suspended", "LockedOut", "Deleted"]),
    is_trial=st.booleans(),
    provisioned=st.booleans(),
    payment_method=st.sampled_from(METHODS),
    legacy=st.booleans(),
)
services = st.lists(
    st.builds(
        lambda name, status: ServiceHealth(name, status, healthy=status == "serviceOperational"),
        st.sampled_from(["Exchange Online", "SharePoint Online", "Lync Online", "Portal"]),
        st.sampled_from(["serviceOperational", "serviceDegradation", "somethingNew"]),
    ),
    max_size=4,
)
domains = st.lists(
    st.builds(
        Domain,
        st.sampled_from(["a.example", "b.example", "x.onmicrosoft.com"]),
        custom=st.booleans(),
        default=st.booleans(),
    ),
    max_size=4,
)
admins = st.lists(st.builds(Admin, st.sampled_from(UPNS), st.sampled_from(list(AdminRole))), max_size=3)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any tenant with any order."""
    facts = tenant(
        draw(held),
        services=tuple(draw(services)),
        domains=tuple(draw(domains)),
        admins=tuple(draw(admins)),
    )
    change = PlanChange(
        "t1",
        "s1",
        draw(st.sampled_from(PLANS)),
        seats=draw(st.sampled_from([None, 1, 10, 300, 1000])),
        payment_method=draw(st.sampled_from([None, *METHODS])),
        billing_frequency=draw(st.sampled_from([None, *BillingFrequency])),
        acting_upn=draw(st.sampled_from([None, *UPNS, UPNS[0].upper()])),
        route=draw(st.sampled_from([Route.WIZARD, Route.MANUAL])),
        acknowledged=draw(st.sampled_from([None, False, True])),
    )
    active = draw(
        st.sampled_from([None, None, under_way("credit_check", NOON), under_way("migrating"), under_way("submitted")])
    )
    return make_case(facts, change, CATALOG, Limits(), active)


@given(cases(), st.randoms(use_true_random=False))
def test_the_findings_do_not_depend_on_the_order_of_the_facts(case: Case, chance: random.Random) -> None:
    def shuffled(things: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(chance.sample(things, len(things)))

    facts = case.tenant
    other: Tenant = replace(
        facts,
        services=shuffled(facts.services),
        domains=shuffled(facts.domains),
        admins=shuffled(facts.admins),
        subscriptions=shuffled((*facts.subscriptions, subscription(id="s2"))),
    )

    assert judge(case) == judge(make_case(other, case.change, CATALOG, Limits(), case.active))


def order(**changes: Any) -> Callable[[Case, Finding], Case]:
    return lambda case, _: replace(case, change=replace(case.change, **changes))


def fact(**changes: Any) -> Callable[[Case, Finding], Case]:
    return lambda case, _: replace(case, subscription=replace(case.subscription, **changes))


def about_tenant(change: Callable[[Tenant, Finding], Tenant]) -> Callable[[Case, Finding], Case]:
    return lambda case, finding: replace(case, tenant=change(case.tenant, finding))


def another_plan(case: Case, _: Finding) -> Case:
    return replace(case, target=CATALOG.plan("e1" if case.target.id == "e3" else "e3"))


def sign_in_as_needed(case: Case, finding: Finding) -> Case:
    admin = Admin("boss@x.example", AdminRole(finding.params["needed"]))
    facts = replace(case.tenant, admins=(*case.tenant.admins, admin))
    return replace(case, tenant=facts, change=replace(case.change, acting_upn=admin.upn))


ADVICE: dict[str, Callable[[Case, Finding], Case]] = {
    "same_plan": another_plan,
    "pair_not_listed": order(route=Route.MANUAL),
    "source_not_listed": order(route=Route.MANUAL),
    "pair_closed": another_plan,
    "too_many_users": order(route=Route.MANUAL),
    "not_an_admin": sign_in_as_needed,
    "role_too_low": sign_in_as_needed,
    "trial": fact(is_trial=False),
    "not_active": fact(status="Enabled"),
    "not_provisioned": fact(provisioned=True),
    "service_unhealthy": about_tenant(
        lambda facts, finding: replace(
            facts,
            services=tuple(
                replace(one, healthy=True) if one.service == finding.params["service"] else one
                for one in facts.services
            ),
        )
    ),
    "licence_conflict": lambda case, finding: replace(
        case, subscription=replace(case.subscription, seats=case.subscription.seats + finding.params["missing"])
    ),
    "source_payment": order(route=Route.MANUAL, payment_method=PaymentMethod.CARD),
    "chosen_payment": order(payment_method=PaymentMethod.INVOICE),
    "legacy_too_many_users": order(route=Route.MANUAL),
    "custom_domain": about_tenant(
        lambda facts, _: replace(facts, domains=tuple(domain for domain in facts.domains if not domain.custom))
    ),
    "fewer_seats": lambda case, _: replace(case, change=replace(case.change, seats=case.subscription.seats)),
    "acknowledgement_missing": order(acknowledged=True),
    "credit_check_pending": lambda case, _: replace(case, active=None),
    "change_under_way": lambda case, _: replace(case, active=None),
}
"""What each blocker's advice says, done."""


def test_each_blocker_has_an_advice_that_can_be_followed() -> None:
    assert set(BLOCKER_WORDS) == set(ADVICE)


@given(cases())
def test_who_does_what_every_blocker_advises_may_change(case: Case) -> None:
    for _ in BLOCKING:
        answer = judge(case)
        for finding in answer.blockers:
            case = ADVICE[finding.code](case, finding)
        if answer.allowed:
            return
    pytest.fail(f"still blocked: {judge(case).blockers}")
