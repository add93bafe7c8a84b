"""A plan change that nothing disturbs, from the order to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from overstap.errors import Conflict

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

STRAIGHT = ["submitted", "migrating", "licenses_reassigned", "completed"]


def test_a_change_without_a_credit_check_goes_straight_to_its_end(world: World) -> None:
    run = world.order()

    world.work()

    assert STRAIGHT == world.path(run)


def test_the_journal_tells_every_step_in_order(world: World) -> None:
    run = world.order()

    world.work()

    assert [
        ("submitted", None, "submitted"),
        ("step_done", "check_preconditions", None),
        ("transition", "place_order", "migrating"),
        ("step_done", "check_before_moving", None),
        ("progress", "move_users", None),
        ("step_done", "move_users", None),
        ("progress", "reassign_licences", None),
        ("transition", "reassign_licences", "licenses_reassigned"),
        ("step_done", "start_billing", None),
        ("transition", "close_source", "completed"),
    ] == [(entry.kind, entry.step, entry.to_state) for entry in world.journal(run)]
    assert list(range(1, 11)) == [entry.seq for entry in world.journal(run)]


@pytest.mark.rule("R16", "J7")
def test_many_users_move_in_chunks_and_each_is_one_effect(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_chunk": 2, "licence_chunk": 3})
    run = world.order(users=5)

    world.work()

    entries = [(e.step, e.data["done"], e.data["total"]) for e in world.journal(run) if e.kind == "progress"]
    assert [
        ("move_users", 2, 5),
        ("move_users", 4, 5),
        ("move_users", 5, 5),
        ("reassign_licences", 3, 5),
        ("reassign_licences", 5, 5),
    ] == entries
    assert {
        "submitted:1:place_order": "confirmed",
        "migrating:2:move_users": "confirmed",
        "migrating:2:move_users:1": "confirmed",
        "migrating:2:move_users:2": "confirmed",
        "migrating:2:reassign_licences": "confirmed",
        "migrating:2:reassign_licences:1": "confirmed",
        "licenses_reassigned:3:start_billing": "confirmed",
        "licenses_reassigned:3:close_source": "confirmed",
    } == world.effects(run)


@pytest.mark.rule("R18", "R19")
def test_the_old_billing_stops_at_the_order_and_the_new_starts_at_completion(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "10m"})
    tenant = world.tenant()
    world.pass_time("1h")

    world.submit(tenant)
    world.run_for("1h")

    assert [("e1", "0s", "1h"), ("e3", "1h10m", None)] == world.billing(tenant)


@pytest.mark.rule("R19")
def test_the_old_billing_can_stay_on_until_completion(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "10m"}, rules={"keep_old_billing": True})
    tenant = world.tenant()
    world.pass_time("1h")

    world.submit(tenant)
    world.run_for("1h")

    assert [("e1", "0s", "1h10m"), ("e3", "1h10m", None)] == world.billing(tenant)


@pytest.mark.rule("R16")
def test_every_user_gets_the_new_licence_for_the_old_one(world: World) -> None:
    tenant = world.tenant(users=4)

    world.submit(tenant)
    world.work()

    assert {"e3": 4} == world.plans(tenant)


@pytest.mark.rule("J4")
def test_the_source_is_closed_last(world: World) -> None:
    tenant = world.tenant()
    run = world.submit(tenant)
    worker = world.worker("ann")

    while world.state(run) != "completed":
        worker.round()
        world.pass_time("1s")

    expected = ["place_order", "move_users", "swap_licences", "start_billing", "close_subscription"]
    assert expected == world.operations(tenant)


@pytest.mark.rule("R37", "J5")
def test_the_locks_are_those_of_the_state(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "90m", "credit_delay": "2d"})
    run = world.order(payment="invoice")
    seen = {world.state(run): world.locks(run)}

    for step in ("1m", "2d", "61m", "1d"):
        world.run_for(step)
        seen[world.state(run)] = world.locks(run)

    everything = {"commerce", "portal", "licence"}
    assert {
        "submitted": set(),
        "credit_check": {"commerce"},
        "migrating": everything,
        "escalated": everything,
        "completed": set(),
    } == seen


@pytest.mark.rule("J3")
def test_a_tenant_has_one_change_at_a_time(world: World) -> None:
    tenant = world.tenant()
    run = world.submit(tenant)

    with pytest.raises(Conflict, match=run):
        world.submit(tenant, "e4")

    world.work()
    assert "completed" == world.state(run)


def test_after_one_change_the_next_may_follow(world: World) -> None:
    tenant = world.tenant()
    for plan in ("e3", "e4"):
        world.submit(tenant, plan)
        world.run_for("1h")

    assert {"e4": 3} == world.plans(tenant)


@pytest.mark.rule("J7")
def test_the_same_key_gives_the_same_run(world: World) -> None:
    tenant = world.tenant()

    first = world.submit(tenant, key="order-7")
    second = world.submit(tenant, key="order-7")
    world.work()

    assert first == second
    assert 1 == world.operations(tenant).count("place_order")
