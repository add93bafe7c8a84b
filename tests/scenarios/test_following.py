"""A plan change as its customer follows it: phases, users moved, what is locked and billed, when it will be done."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from overstap.app.following import Followed
from overstap.domain.change import Route
from overstap.domain.locks import PortalPage
from overstap.domain.phases import Billed, Phase, Standing
from overstap.domain.quote import USUAL, USUAL_LICENCES, Expected
from overstap.errors import NotFound

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

USUALLY = Expected.of(())
SLOW = {"move_chunk": 2, "move_time": timedelta(minutes=1)}
UNDECIDED = {"credit_answers": "never"}
ALL = {"commerce", "portal", "licence"}


def follow(world: World, run: str) -> Followed:
    return world.app.following.follow(run, USUALLY)


def standing(followed: Followed) -> dict[str, str]:
    return {one.phase.value: one.standing.value for one in followed.passages}


@pytest.mark.rule("R30", "R31")
def test_users_that_are_moved_are_counted_and_tell_when_it_is_done(make_world: MakeWorld) -> None:
    world = make_world(embedded=SLOW)
    run = world.order(users=6)
    world.work()
    first = follow(world, run)
    world.run_for("1m")
    second = follow(world, run)

    assert (Phase.USERS, (0, 6)) == (first.phase, first.moved)
    assert first.at + USUAL == first.done_at
    assert (2, 6) == second.moved
    # Two of six took a minute; the licences take one more at the most (R31).
    assert first.at + timedelta(minutes=3) + USUAL_LICENCES == second.done_at
    assert ALL == second.locks
    assert set(PortalPage) == second.closed
    assert {
        "ordered": "done", "users": "now", "licences": "ahead", "closing": "ahead", "ended": "ahead",
    } == standing(second)  # fmt: skip


@pytest.mark.rule("R18", "R19")
def test_the_old_plan_is_billed_until_the_order_and_the_new_one_from_the_end_on(make_world: MakeWorld) -> None:
    world = make_world(embedded=SLOW)
    run = world.order()
    before = follow(world, run)
    world.work()
    during = follow(world, run)
    world.run_for("1h")
    after = follow(world, run)

    assert [Billed.OLD, Billed.NONE, Billed.NEW] == [before.billed, during.billed, after.billed]
    assert ("completed", set(), None, None) == (after.run.state, set(after.locks), after.done_at, after.turn)
    assert {Standing.DONE} == {one.standing for one in after.passages}


@pytest.mark.rule("R19")
def test_an_old_billing_that_is_kept_is_told(make_world: MakeWorld) -> None:
    world = make_world(embedded=SLOW, rules={"keep_old_billing": True})
    run = world.order()
    world.work()

    assert Billed.OLD is follow(world, run).billed


@pytest.mark.rule("R34", "R35", "R37", "R39")
def test_a_credit_check_locks_only_the_commerce_and_has_an_end(make_world: MakeWorld) -> None:
    world = make_world(embedded=UNDECIDED)
    run = world.order(payment="invoice")
    world.work()
    waits = follow(world, run)
    world.run_for("14d1m")
    ended = follow(world, run)

    assert (Phase.CREDIT, {"commerce"}, frozenset()) == (waits.phase, waits.locks, waits.closed)
    assert waits.decided_by == waits.run.updated_at + timedelta(days=14)
    assert waits.done_at is None
    assert waits.cancellable
    assert ended.turn is not None
    assert ("failed", "credit_window_expired", Billed.OLD) == (ended.run.state, ended.turn.event, ended.billed)
    assert {"ordered", "credit", "going_back", "ended"} == standing(ended).keys()


def test_who_called_a_change_off_is_told_with_the_reason(make_world: MakeWorld) -> None:
    world = make_world(embedded=UNDECIDED)
    run = world.order(payment="invoice")
    world.work()
    world.app.service.signal(run, "cancel", reason="we thought better of it", actor="admin:user0@acme.example")
    world.work()
    turn = follow(world, run).turn

    assert turn is not None
    assert ("cancel", "admin:user0@acme.example", "we thought better of it") == (turn.event, turn.actor, turn.reason)
    assert not follow(world, run).cancellable


@pytest.mark.rule("R32")
def test_an_escalated_change_counts_on_from_where_it_was(make_world: MakeWorld) -> None:
    fault = {"operation": "move_users", "kind": "fails", "after": 1}
    world = make_world(embedded={"move_chunk": 2}, faults=fault)
    run = world.order(users=6)
    world.run_for("61m")
    late = follow(world, run)

    assert "escalated" == late.run.state
    assert late.escalated_at == late.passages[1].since + timedelta(hours=1)  # type: ignore[operator]
    assert (Phase.USERS, (2, 6), ALL) == (late.phase, late.moved, late.locks)


def test_a_task_of_the_manual_way_is_told(make_world: MakeWorld) -> None:
    world = make_world()
    world.tenant(domains=("acme.com",))
    run = world.submit("acme", "education-a2", route=Route.MANUAL)
    world.work()
    asks = follow(world, run)

    assert asks.task is not None
    assert ("acknowledgement", Phase.ACKNOWLEDGEMENT, True) == (asks.task.kind.name, asks.phase, asks.cancellable)
    assert ["ordered", "acknowledgement", "buying", "users", "licences", "closing", "ended"] == list(standing(asks))
    assert {"ahead"} == set(list(standing(asks).values())[2:])


def test_a_change_that_is_none_is_not_found(make_world: MakeWorld) -> None:
    with pytest.raises(NotFound):
        follow(make_world(), "01M00000000000000000000000")
