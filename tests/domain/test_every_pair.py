"""Each pair of the 22 plans, for tenants of each kind: an allowed change, a manual way, or reasons why neither."""

from __future__ import annotations

import re
from collections import Counter
from itertools import product
from typing import Any

import pytest

from facts import CATALOG, CUSTOM, MATRIX, codes, judge, subscription
from overstap.domain.change import Route
from overstap.domain.tenant import PaymentMethod
from overstap.language import LOCALES, language

LISTED = {(source, target) for source, targets in MATRIX.items() for target in targets.split()}
PLANS = list(CATALOG.plans)
TENANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "in order": ({}, {}),
    "with a custom domain, too many users, a prepaid card": (
        {"assigned": 301, "seats": 400, "payment_method": PaymentMethod.PREPAID, "legacy": True},
        {"domains": CUSTOM},
    ),
    "on trial, with a licence conflict": ({"is_trial": True, "assigned": 12}, {}),
}


@pytest.mark.rule("R5", "R47")
@pytest.mark.parametrize("kind", TENANTS)
@pytest.mark.parametrize("source", PLANS)
def test_each_pair_has_an_answer(kind: str, source: str) -> None:
    held, facts = TENANTS[kind]
    for target in PLANS:
        answer = judge(target, held=subscription(source, **held), **facts)
        manual = judge(
            target,
            held=subscription(source, **held),
            order={"route": Route.MANUAL, "payment_method": PaymentMethod.CARD},
            **facts,
        )
        listed = (source, target) in LISTED

        assert answer.allowed == (answer.route is Route.WIZARD) == (listed and kind == "in order")
        assert manual.allowed == (answer.route is not Route.NONE), (source, target)
        if answer.route is Route.NONE:
            assert answer.blockers, (source, target)
            assert manual.blockers, (source, target)
        for finding, locale in product(answer.findings + manual.findings, LOCALES):
            told = finding.sentence(language(locale)) + finding.advice(language(locale))
            assert re.fullmatch(r"[^{}]+\.", told)


@pytest.mark.rule("R5")
def test_the_wizard_offers_the_55_pairs_and_no_other() -> None:
    offered = {
        (source, target)
        for source, target in product(PLANS, PLANS)
        if judge(target, held=subscription(source)).route is Route.WIZARD
    }

    assert 55 == len(LISTED)
    assert LISTED == offered


def test_for_a_tenant_in_order_every_other_pair_goes_manually_but_that_of_a_plan_with_itself() -> None:
    routes = Counter(judge(target, held=subscription(source)).route for source, target in product(PLANS, PLANS))

    assert {Route.WIZARD: 55, Route.MANUAL: 22 * 22 - 55 - 22, Route.NONE: 22} == routes
    assert ["same_plan"] == codes(judge("e3", held=subscription("e3")).blockers)
