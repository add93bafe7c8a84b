"""The catalog: what is sold, and which change is allowed (rules.md §H and §I)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from facts import MATRIX
from overstap.app.catalog_file import load_catalog
from overstap.domain.catalog import Catalog, ChangeKind
from overstap.errors import BadInput, NotFound

FILE = Path(__file__).parents[2] / "config" / "catalog.toml"

SKUS = {
    "small-business": ("LITEPACK", "bd09678e-b83c-4d3f-aaba-3dad4abd128b"),
    "small-business-premium": ("LITEPACK_P2", "fc14ec4a-4169-49a4-a51e-2c852931814b"),
    "midsize": ("MIDSIZEPACK", "04a7fb0d-32e0-4241-b4f5-3f7618cd1162"),
    "e1": ("STANDARDPACK", "18181a46-0d4e-45cd-891e-60aabd171b4e"),
    "e3": ("ENTERPRISEPACK", "6fd2c87f-b296-42f0-b197-1e91e994b900"),
    "e4": ("ENTERPRISEWITHSCAL", "1392051d-0cb9-4b7a-88d5-621fee5e8711"),
    "k1": ("DESKLESSPACK", "4b585984-651b-448a-9e53-3b10f069cf7f"),
    "k2": ("DESKLESSWOFFPACK", None),
    "lync-1": ("MCOIMP", "b8b749f8-a4ef-4887-9539-c95b1eaa5db7"),
    "lync-2": ("MCOSTANDARD", "d42c793f-6c78-4f43-92ca-e8f6a02b035f"),
    "lync-3": ("MCVOICECONF", None),
    "sharepoint-1": ("SHAREPOINTSTANDARD", "1fc08a02-8b3d-43b9-831e-f76859e04e1a"),
    "sharepoint-2": ("SHAREPOINTENTERPRISE", "a9732ec9-17d9-494c-a51c-d6b45b384dcb"),
    "exchange-1": ("EXCHANGESTANDARD", "4b9405b0-7788-4568-add1-99614e613b69"),
    "exchange-2": ("EXCHANGEENTERPRISE", "19ec0d23-8335-4cbd-94ac-6050e30712fa"),
    "exchange-kiosk": ("EXCHANGEDESKLESS", "80b2d799-d2ba-4d2a-8842-fb0d0f3a4b82"),
    "education-a1": (None, None),
    "education-a2": (None, None),
    "education-a3": (None, None),
    "education-a4": (None, None),
    "office-online-sharepoint-1": (None, None),
    "office-online-sharepoint-2": (None, None),
}


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(FILE)


def small() -> dict[str, Any]:
    """A catalog of two plans, to be spoilt."""
    plan = {"family": "f", "name_en": "x", "name_nl": "x", "monthly_cents": 100}
    return {
        "version": 1,
        "currency": "EUR",
        "families": [{"id": "f", "name_en": "F", "name_nl": "F"}],
        "plans": [{"id": "a", **plan}, {"id": "b", **plan}],
        "pairs": [{"from": "a", "to": "b"}],
    }


@pytest.mark.rule("R5")
def test_the_pairs_are_exactly_those_of_the_matrix(catalog: Catalog) -> None:
    matrix = {(source, target) for source, targets in MATRIX.items() for target in targets.split()}

    assert len(matrix) == 55
    assert matrix == set(catalog.pairs)


@pytest.mark.rule("R5")
def test_no_pair_is_closed_in_the_file_as_shipped(catalog: Catalog) -> None:
    assert [] == [pair for pair in catalog.pairs.values() if pair.closed]


def test_the_plans_are_sold_as_the_skus_of_the_rules(catalog: Catalog) -> None:
    assert {plan.id: (plan.sku_part_number, plan.sku_id) for plan in catalog.plans.values()} == SKUS


def test_every_plan_is_found_by_its_own_sku(catalog: Catalog) -> None:
    for plan in catalog.plans.values():
        assert plan is catalog.plan_of_sku(plan.sku.part_number, plan.sku.id)
        assert plan is catalog.plan_of_sku(plan.sku.part_number.lower(), None)
        assert plan is catalog.plan_of_sku(None, plan.sku.id.upper())


def test_a_sku_id_decides_before_a_part_number_does(catalog: Catalog) -> None:
    assert catalog.plan("e3") is catalog.plan_of_sku("STANDARDPACK", "6fd2c87f-b296-42f0-b197-1e91e994b900")


def test_an_unknown_sku_is_no_plan(catalog: Catalog) -> None:
    assert catalog.plan_of_sku("FLOW_FREE", "f30db892-07e9-47e9-837c-80727f46fd3d") is None
    assert catalog.plan_of_sku(None, None) is None


def test_a_plan_without_public_sku_goes_by_its_id(catalog: Catalog) -> None:
    assert catalog.plan("education-a1").sku.part_number == "EDUCATION_A1"


def test_an_unknown_plan_is_answered_with_the_plans_there_are(catalog: Catalog) -> None:
    with pytest.raises(NotFound, match=r"No plan is called 'e9'; plans are small-business, .*e4"):
        catalog.plan("e9")


@pytest.mark.rule("R1")
@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        ("e1", "e3", ChangeKind.SAME_FAMILY),
        ("k1", "e3", ChangeKind.SAME_FAMILY),
        ("small-business", "small-business-premium", ChangeKind.SAME_FAMILY),
        ("exchange-1", "e1", ChangeKind.FROM_STANDALONE),
        ("office-online-sharepoint-1", "education-a1", ChangeKind.FROM_STANDALONE),
        ("exchange-kiosk", "exchange-1", ChangeKind.FROM_STANDALONE),
        ("small-business", "e3", ChangeKind.OTHER_FAMILY),
        ("midsize", "e1", ChangeKind.OTHER_FAMILY),
    ],
)
def test_r1_there_are_three_kinds_of_change(catalog: Catalog, source: str, target: str, kind: ChangeKind) -> None:
    assert kind == catalog.kind(source, target)


@pytest.mark.rule("R24")
def test_the_targets_of_a_plan_come_in_the_order_of_the_file(catalog: Catalog) -> None:
    assert [plan.id for plan in catalog.targets("e1")] == ["e3", "e4"]
    assert catalog.targets("e4") == ()


@pytest.mark.rule("R24")
def test_a_closed_pair_is_no_target_but_still_listed() -> None:
    values = small()
    values["pairs"][0]["closed"] = "sold out"
    catalog = Catalog.from_mapping(values)

    pair = catalog.pair("a", "b")

    assert catalog.targets("a") == ()
    assert pair is not None
    assert pair.closed == {"nl": "sold out", "en": "sold out"}


def test_a_reason_may_be_given_in_each_language() -> None:
    values = small()
    values["pairs"][0]["closed"] = {"nl": "uitverkocht", "en": "sold out"}

    pair = Catalog.from_mapping(values).pair("a", "b")

    assert pair is not None
    assert pair.closed == {"nl": "uitverkocht", "en": "sold out"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c["pairs"].append({"from": "a", "to": "e9"}), "pairs[1].to: no plan is called 'e9'; plans are a, b"),
        (lambda c: c["pairs"].append({"from": "e9", "to": "a"}), "pairs[1].from: no plan is called 'e9'"),
        (lambda c: c["pairs"].append({"from": "a", "to": "b"}), "pairs[1]: the same is given in pairs[0] already"),
        (lambda c: c["pairs"].append({"from": "a", "to": "a"}), "pairs[1]: a plan does not change to itself"),
        (lambda c: c["pairs"][0].update(shut="x"), "pairs[0].shut: is not known here; known are closed, from, to"),
        (
            lambda c: c["pairs"][0].update(closed=True),
            "pairs[0].closed: expected a text, or one for each language",
        ),
        (lambda c: c["plans"][1].update(id="a"), "plans[1].id: the same is given in plans[0] already"),
        (lambda c: c["plans"][1].update(family="g"), "plans[1].family: no family is called 'g'; families are f"),
        (lambda c: c["plans"][1].update(sku_id="x"), "plans[1].sku_id: expected a GUID, found 'x'"),
        (
            lambda c: c["plans"][1].update(sku_part_number="A"),
            "plans[1].sku_part_number: the same is given in plans[0]",
        ),
        (lambda c: c["plans"][0].update(monthly_cents=-1), "plans[0].monthly_cents: expected a number from 0 on"),
        (
            lambda c: c["plans"][0].update(monthly_cents="9"),
            "plans[0].monthly_cents: expected a whole number, found '9'",
        ),
        (lambda c: c.pop("currency"), "currency: is missing"),
    ],
)
def test_a_wrong_catalog_is_refused_with_its_place(spoil: Any, message: str) -> None:
    values = small()
    spoil(values)

    with pytest.raises(BadInput) as error:
        Catalog.from_mapping(values)

    assert f"catalog.toml: {message}" in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"version = ", "no valid TOML"),
        (b"name = '\xff'", "expected UTF-8"),
    ],
)
def test_a_catalog_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "catalog.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(BadInput, match=message) as error:
        load_catalog(path)

    assert str(path) in str(error.value)
