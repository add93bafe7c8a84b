"""The migration: one hour, then the operators are told, and the work goes on until it ends (R32)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld

pytestmark = pytest.mark.rule("R32")

NEVER_LATE = ["submitted", "migrating", "licenses_reassigned", "completed"]
LATE = ["submitted", "migrating", "escalated", "licenses_reassigned", "completed"]
OUTAGE = {"operation": "move_users", "kind": "fails"}


def lasting(how: str, time: str) -> dict[str, Any]:
    """Settings that make a migration take so long: slow work, or a provider that is away."""
    return {"move_time": time} if how == "slow" else {"faults": ({**OUTAGE, "lasting": time},)}


@pytest.mark.parametrize("how", ["slow", "away"])
def test_a_migration_of_59_minutes_does_not_escalate(make_world: MakeWorld, how: str) -> None:
    # Away, the last pause between tries (5 minutes and a fifth at most) comes on top.
    world = make_world(embedded=lasting(how, "59m" if how == "slow" else "53m"))
    run = world.order()

    world.run_for("1d")

    assert NEVER_LATE == world.path(run)
    assert "notify" not in world.operations("acme")


@pytest.mark.parametrize("how", ["slow", "away"])
def test_a_migration_of_61_minutes_escalates_at_the_hour_and_still_completes(make_world: MakeWorld, how: str) -> None:
    world = make_world(embedded=lasting(how, "61m"))
    run = world.order()

    world.run_for("59m59s")
    assert "migrating" == world.state(run)
    world.run_for("1s")
    assert "escalated" == world.state(run)
    world.run_for("1d")

    assert LATE == world.path(run)
    assert "1h" == world.entered(run, "escalated")
    assert {"e3": 3} == world.plans("acme")


@pytest.mark.rule("J7")
@pytest.mark.parametrize("how", ["slow", "away"])
def test_the_operators_are_told_once_however_long_it_takes(make_world: MakeWorld, how: str) -> None:
    world = make_world(embedded=lasting(how, "6h"))
    run = world.order()

    world.run_for("1d")

    assert "completed" == world.state(run)
    assert 1 == world.operations("acme").count("notify")


@pytest.mark.rule("J7")
def test_each_user_moves_once_when_a_slow_migration_escalates(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "25m", "move_chunk": 1})
    run = world.order(users=4)

    world.run_for("1d")

    assert LATE == world.path(run)
    assert 4 == world.operations("acme").count("move_users")
    assert [("e1", "0s", "0s"), ("e3", "1h25m", None)] == world.billing("acme")


def test_an_escalated_run_tries_at_a_slower_pace(make_world: MakeWorld) -> None:
    world = make_world(embedded=lasting("away", "5h"))
    run = world.order()

    world.run_for("4h")

    pauses = {
        state: [
            (world.wake_at(entry) - entry.at).total_seconds()
            for entry in world.journal(run)
            if entry.kind == "retry" and entry.from_state == state
        ]
        for state in ("migrating", "escalated")
    }
    assert 1.6 <= pauses["migrating"][0] <= 2.4
    assert 240 <= max(pauses["migrating"]) <= 360
    assert 48 <= pauses["escalated"][0] <= 72
    assert 720 <= max(pauses["escalated"]) <= 1080


def test_the_hour_begins_on_entering_the_migration_not_with_the_credit_check(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "59m", "credit_answers": "never"})
    run = world.order(payment="invoice")
    world.run_for("10d")
    world.signal(run, "credit_approved")

    world.run_for("1d")

    assert "escalated" not in world.path(run)
    assert "completed" == world.state(run)
    assert "10d" == world.entered(run, "migrating")


def test_an_hour_that_passed_while_no_worker_looked_escalates(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "10m"})
    run = world.order()
    world.work()

    world.pass_time("61m")
    world.work()

    assert LATE == world.path(run)


@pytest.mark.rule("R39")
def test_a_migration_that_is_refused_after_the_hour_rolls_back(make_world: MakeWorld) -> None:
    refused = {"operation": "swap_licences", "kind": "refuses", "times": 1}
    world = make_world(embedded={"move_time": "61m", "faults": (refused,)})
    run = world.order()

    world.run_for("1d")

    assert ["submitted", "migrating", "escalated", "rolling_back", "failed"] == world.path(run)
    assert {"e1": 3} == world.plans("acme")
