"""Facts change between the order and the work: every rule is asked again at the start, and after the credit check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from overstap.domain.findings import Finding, blockers
from overstap.settings import data_path
from overstap.store.books import DOMAIN, PURCHASE, SERVICE

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

FACTS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "R7": (SERVICE, {"healthy": False, "status": "serviceInterruption"}, "service_unhealthy"),
    "R6": (PURCHASE, {"provisioned": False}, "not_provisioned"),
    "R4": (PURCHASE, {"is_trial": True}, "trial"),
    "R8": (PURCHASE, {"seats": 2}, "licence_conflict"),
    "R10": (PURCHASE, {"payment_method": "prepaid"}, "source_payment"),
}
EACH_RULE = [pytest.param(*fact, marks=pytest.mark.rule(rule), id=rule) for rule, fact in FACTS.items()]


def change(world: World, table: Any, values: dict[str, Any]) -> None:
    """What the provider knows of the source's tenant becomes otherwise."""
    with world.database.write() as connection:
        query = update(table).where(table.c.tenant_id == "acme")
        if table is PURCHASE:
            query = query.where(table.c.replaces.is_(None))
        connection.execute(query.values(values))


def found(world: World, run: str) -> list[str]:
    return [one.code for one in blockers(Finding.from_data(data) for data in world.run(run).data["findings"])]


@pytest.mark.parametrize(("table", "values", "code"), EACH_RULE)
def test_a_new_blocker_at_the_start_ends_the_run_with_its_findings_and_nothing_is_touched(
    world: World, table: Any, values: dict[str, Any], code: str
) -> None:
    run = world.order()
    change(world, table, values)

    world.work()

    assert ["submitted", "failed"] == world.path(run)
    assert [code] == found(world, run)
    assert ([], {}) == (world.operations("acme"), world.effects(run))


@pytest.mark.rule("R38")
@pytest.mark.parametrize(("table", "values", "code"), EACH_RULE)
def test_a_new_blocker_after_the_credit_check_ends_the_run_before_anybody_moves(
    world: World, table: Any, values: dict[str, Any], code: str
) -> None:
    run = world.order(payment="invoice")
    world.work()
    assert "credit_check" == world.state(run)
    change(world, table, values)

    world.run_for("1d")

    assert ["submitted", "credit_check", "migrating", "rolling_back", "failed"] == world.path(run)
    assert [code] == found(world, run)
    assert set() == {"move_users", "swap_licences", "start_billing"} & set(world.operations("acme"))
    assert {"e1": 3} == world.plans("acme")
    assert [("e1", "0s", "0s"), ("e1", "1d", None)] == world.billing("acme")
    assert set() == world.locks(run)


@pytest.mark.rule("R32")
@pytest.mark.parametrize(("table", "values", "code"), EACH_RULE)
def test_a_new_blocker_is_found_too_when_the_migration_is_overdue_before_anybody_looked(
    world: World, table: Any, values: dict[str, Any], code: str
) -> None:
    run = world.order(payment="invoice")
    world.work()
    world.signal(run, "credit_approved")
    world.worker("ann").round()
    assert "migrating" == world.state(run)
    change(world, table, values)

    world.pass_time("1h1m")
    world.run_for("1d")

    assert ["submitted", "credit_check", "migrating", "escalated", "rolling_back", "failed"] == world.path(run)
    assert [code] == found(world, run)
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.rule("R32")
def test_who_is_half_moved_when_it_is_overdue_is_judged_no_more(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_chunk": 1, "move_time": "40m"})
    run = world.order()
    world.run_for("41m")
    change(world, SERVICE, {"healthy": False, "status": "serviceInterruption"})

    world.run_for("1d")

    assert ["submitted", "migrating", "escalated", "licenses_reassigned", "completed"] == world.path(run)


@pytest.mark.rule("R5")
def test_a_pair_that_was_closed_meanwhile_is_closed_at_the_door(make_world: MakeWorld, tmp_path: Path) -> None:
    text = data_path("catalog").read_text(encoding="utf-8")
    closed = text.replace("version = 1 ", "version = 2 ").replace(
        '{from = "e1", to = "e3"}', '{from = "e1", to = "e3", closed = "sold out"}'
    )
    (tmp_path / "catalog.toml").write_text(closed, encoding="utf-8")
    run = make_world().order()

    later = make_world(catalog_file=tmp_path / "catalog.toml")
    later.work()

    assert ("failed", ["pair_closed"]) == (later.state(run), found(later, run))
    kept = later.run(run)
    assert (1, 2) == (kept.input["catalog_version"], kept.data["catalog_version"])


def test_a_run_keeps_the_edition_of_the_catalog_that_it_was_judged_by(world: World) -> None:
    run = world.order()

    world.work()

    kept = world.run(run)
    assert ("completed", 1, 1) == (kept.state, kept.input["catalog_version"], kept.data["catalog_version"])


@pytest.mark.rule("R20")
def test_a_warning_holds_up_nothing(world: World) -> None:
    run = world.order()
    change(world, DOMAIN, {"custom": True})

    world.work()

    assert "completed" == world.state(run)
    assert "findings" not in world.run(run).data
