"""The way back: everyone returns, the old billing too, and nothing of the new stays (R39)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

TURNED_BACK = ["submitted", "migrating", "rolling_back", "failed"]


def refuse(operation: str, after: int = 0) -> dict[str, Any]:
    return {"operation": operation, "kind": "refuses", "after": after, "times": 1}


@pytest.mark.rule("R39")
@pytest.mark.parametrize(
    ("operation", "after"),
    [("move_users", 0), ("move_users", 2), ("swap_licences", 0), ("swap_licences", 1), ("swap_licences", 2)],
)
@pytest.mark.parametrize("move_time", ["0s", "10m"])
def test_a_migration_that_is_refused_midway_brings_everyone_back(
    make_world: MakeWorld, operation: str, after: int, move_time: str
) -> None:
    world = make_world(
        embedded={"move_chunk": 2, "licence_chunk": 2, "move_time": move_time}, faults=refuse(operation, after)
    )
    run = world.order(users=5)

    world.run_for("10h")

    assert TURNED_BACK == world.path(run)
    assert {"e1": 5} == world.plans("acme")
    assert world.residents("acme", "acme-e1") == [f"acme-{number}" for number in range(5)]
    assert ["e1", "e1"] == [plan for plan, _, _ in world.billing("acme")]
    assert world.billing("acme")[-1][2] is None
    assert set() == world.locks(run)


def test_the_refusal_is_told_on_the_way_back(make_world: MakeWorld) -> None:
    world = make_world(faults=refuse("move_users"))
    run = world.order()

    world.work()

    (turn,) = (entry for entry in world.journal(run) if entry.to_state == "rolling_back")
    assert "refuses move_users" in turn.data["error"]


@pytest.mark.rule("R39")
def test_an_order_that_is_refused_touches_nothing(make_world: MakeWorld) -> None:
    world = make_world(faults=refuse("place_order"))
    run = world.order()

    world.work()

    assert ["submitted", "rolling_back", "failed"] == world.path(run)
    assert [("e1", "0s", None)] == world.billing("acme")
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.rule("R39")
def test_a_credit_request_that_is_refused_is_a_no(make_world: MakeWorld) -> None:
    world = make_world(faults=refuse("request_credit"))
    run = world.order(payment="invoice")

    world.work()

    assert ["submitted", "credit_check", "rolling_back", "failed"] == world.path(run)
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({"seats": 2}, "licence_conflict", marks=pytest.mark.rule("R8")),
        pytest.param({"healthy": False}, "service_unhealthy", marks=pytest.mark.rule("R7")),
    ],
)
def test_facts_that_change_between_order_and_work_end_the_change_before_anything_was_touched(
    world: World, facts: dict[str, Any], code: str
) -> None:
    run = world.order(users=3)
    world.tenant(users=3, **facts)

    world.work()

    assert ["submitted", "failed"] == world.path(run)
    assert code in [finding["code"] for finding in world.run(run).data["findings"]]
    assert [] == world.operations("acme")
    assert {} == world.effects(run)


def test_after_a_change_that_failed_the_next_one_may_succeed(make_world: MakeWorld) -> None:
    world = make_world(faults=refuse("swap_licences"))
    first = world.order()
    world.run_for("1h")
    assert "failed" == world.state(first)

    second = world.submit("acme", "e4")
    world.run_for("1h")

    assert "completed" == world.state(second)
    assert {"e4": 3} == world.plans("acme")
    assert "e4" == world.billing("acme")[-1][0]


@pytest.mark.rule("R39")
def test_a_move_that_is_still_under_way_is_waited_for_before_anyone_goes_back(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_chunk": 2, "move_time": "20m"}, faults=refuse("move_users", 1))
    run = world.order(users=4)

    world.run_for("20m")
    assert "rolling_back" == world.state(run)
    world.run_for("1h")

    assert "failed" == world.state(run)
    assert {"e1": 4} == world.plans("acme")
