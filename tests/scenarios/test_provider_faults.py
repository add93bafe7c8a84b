"""What an outside system can do to its callers, and that every effect still happens once (rules.md J7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

FORWARD = ["place_order", "request_credit", "move_users", "swap_licences", "start_billing", "close_subscription"]
BACK = ["withdraw_order", "swap_licences", "move_users", "cancel_target", "restore_billing"]
CHUNKS = {"move_chunk": 2, "licence_chunk": 2, "credit_delay": "1d"}


DISTURBANCES = [
    {"kind": "lost", "times": 1},
    {"kind": "late", "time": "1s", "times": 1},
    {"kind": "late", "time": "50s", "times": 1},
    {"kind": "slow", "time": "5s"},
    {"kind": "hangs", "times": 2},
    {"kind": "fails", "times": 4},
]


def refused_at_the_last_chunk(tenant: str) -> dict[str, Any]:
    """Makes a change of five users turn back when all of them have moved, and four have the new licence."""
    return {"operation": "swap_licences", "kind": "refuses", "after": 2, "times": 1, "tenant": tenant}


def change_all(world: World, names: list[str]) -> dict[str, str]:
    """The same change of several tenants, until it has ended for all of them; answers their runs."""
    runs = {name: world.order(name=name, users=5, payment="invoice") for name in names}
    world.run_for("2d")
    return runs


def what_came_of(world: World, tenant: str, run: str) -> dict[str, Any]:
    return {
        "path": world.path(run),
        "operations": sorted(world.operations(tenant)),
        "plans": world.plans(tenant),
        "effects": world.effects(run),
    }


@pytest.mark.rule("J7")
@pytest.mark.parametrize("fault", DISTURBANCES, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_whichever_call_is_disturbed_a_change_has_every_effect_once(
    make_world: MakeWorld, fault: dict[str, Any]
) -> None:
    faults = [{**fault, "operation": operation, "tenant": operation} for operation in FORWARD]
    world = make_world(embedded={**CHUNKS, "faults": faults})

    runs = change_all(world, ["calm", *FORWARD])

    calm = what_came_of(world, "calm", runs["calm"])
    assert "completed" == calm["path"][-1]
    assert dict.fromkeys(FORWARD, calm) == {name: what_came_of(world, name, runs[name]) for name in FORWARD}


@pytest.mark.rule("R39", "J7")
@pytest.mark.parametrize("fault", DISTURBANCES, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_whichever_call_is_disturbed_a_way_back_has_every_effect_once(
    make_world: MakeWorld, fault: dict[str, Any]
) -> None:
    went_well = {"swap_licences": 3, "move_users": 3}
    faults = [
        {**fault, "operation": operation, "tenant": operation, "after": went_well.get(operation, 0)}
        for operation in BACK
    ]
    refusals = [refused_at_the_last_chunk(name) for name in ("calm", *BACK)]
    world = make_world(embedded={**CHUNKS, "faults": (*faults, *refusals)})

    runs = change_all(world, ["calm", *BACK])

    calm = what_came_of(world, "calm", runs["calm"])
    assert ("failed", {"e1": 5}) == (calm["path"][-1], calm["plans"])
    assert dict.fromkeys(BACK, calm) == {name: what_came_of(world, name, runs[name]) for name in BACK}


@pytest.mark.rule("J7")
def test_an_operation_that_was_told_once_is_not_told_again_when_its_answer_was_lost(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "2h"}, faults={"operation": "notify", "kind": "lost", "times": 1})
    run = world.order()

    world.run_for("3h")

    assert "completed" == world.state(run)
    assert 1 == world.operations("acme").count("notify")


@pytest.mark.rule("J7")
def test_an_effect_whose_answer_was_lost_is_unknown_until_it_was_looked_up(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "lost", "times": 1})
    run = world.order()

    world.work()
    assert {"submitted:1:place_order": "unknown"} == world.effects(run)
    world.run_for("1m")

    assert "confirmed" == world.effects(run)["submitted:1:place_order"]


def test_a_provider_that_fails_is_tried_again_with_growing_pauses(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "start_billing", "kind": "fails", "times": 6})
    run = world.order()

    world.run_for("10m")

    tries = [entry for entry in world.journal(run) if entry.kind == "retry"]
    pauses = [(world.wake_at(entry) - entry.at).total_seconds() for entry in tries]
    assert [1, 2, 3, 4, 5, 6] == [entry.data["attempt"] for entry in tries]
    assert [(2, True), (4, True), (8, True), (16, True), (32, True), (64, True)] == [
        (2**number, 0.8 * 2**number <= pause <= 1.2 * 2**number) for number, pause in enumerate(pauses, start=1)
    ]


def test_the_attempts_are_counted_and_forgotten_once_it_goes_on(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "move_users", "kind": "fails", "times": 3})
    run = world.order()
    seen = [(world.run(run).attempt, world.run(run).error is None)]

    for _ in range(4):
        world.work()
        seen.append((world.run(run).attempt, world.run(run).error is None))
        world.clock.advance_to(world.run(run).wake_at or world.clock.now())

    assert [(0, True), (1, False), (2, False), (3, False), (0, True)] == seen
    assert "completed" == world.state(run)


@pytest.mark.parametrize("kind", ["fails", "hangs"])
def test_an_order_that_is_not_placed_within_a_day_is_given_up(make_world: MakeWorld, kind: str) -> None:
    world = make_world(faults={"operation": "place_order", "kind": kind})
    run = world.order()

    world.run_for("10m")
    world.pass_time("24h")
    world.run_for("1h")

    assert ["submitted", "rolling_back", "failed"] == world.path(run)
    assert ["withdraw_order"] == world.operations("acme")
    assert [("e1", "0s", None)] == world.billing("acme")


def test_an_order_that_comes_in_after_it_was_given_up_is_not_taken(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "late", "time": "2d"})
    run = world.order()

    world.run_for("10m")
    world.pass_time("24h")
    world.run_for("2d")

    assert [] == world.late
    assert "failed" == world.state(run)
    assert "place_order" not in world.operations("acme")
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.rule("R39", "J7")
def test_an_order_that_was_lost_is_found_and_taken_back_when_the_change_is_cancelled(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "lost", "times": 1})
    run = world.order()
    world.work()

    world.signal(run, "cancel")
    world.run_for("1h")

    assert "cancelled" == world.state(run)
    assert {"e1": 3} == world.plans("acme")
    assert [("e1", "0s", "0s"), ("e1", "0s", None)] == world.billing("acme")


def test_a_way_back_that_nobody_can_end_stays_visible_as_stuck(make_world: MakeWorld) -> None:
    world = make_world(
        embedded={"credit_answers": "never"},
        faults={"operation": "restore_billing", "kind": "refuses"},
    )
    run = world.order(payment="invoice")

    world.run_for("15d")

    assert ("rolling_back", "stuck") == (world.state(run), world.run(run).status)
    assert "restore_billing" in str(world.run(run).error)
