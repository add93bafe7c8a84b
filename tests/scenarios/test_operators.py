"""Acts of operators and pauses, over whole changes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from overstap.domain.change import Route
from overstap.errors import BadInput, Conflict, NotFound
from overstap.store.acts_log import ACT
from overstap.workflow.pauses import Scope
from overstap.workflow.run import Kind, Status

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

BY = {"reason": "the test says so", "actor": "operator:ann"}
DOWN = [{"operation": "move_users", "kind": "fails"}]


def kinds(world: World, run: str) -> list[Kind]:
    return [entry.kind for entry in world.journal(run)]


def test_a_held_change_rests_until_it_is_released(world: World) -> None:
    run = world.order()
    world.app.operators.hold(run, **BY)

    world.run_for("3h")
    assert "submitted" == world.state(run)
    assert [] == world.operations("acme")
    world.app.operators.release(run, **BY)
    world.work()

    assert "completed" == world.state(run)


def test_the_deadline_of_a_held_migration_still_comes(make_world: MakeWorld) -> None:
    world = make_world(embedded={"faults": DOWN})
    run = world.order()
    world.work()
    world.app.operators.hold(run, **BY)

    world.run_for("1h")

    assert "escalated" == world.state(run)
    assert "the test says so" == world.run(run).held
    assert [] == [
        entry for entry in world.journal(run) if entry.kind is Kind.STEP_DONE and entry.to_state == "escalated"
    ]


def test_what_a_worker_did_to_a_run_that_was_held_meanwhile_is_dropped_and_done_once(world: World) -> None:
    run = world.order()
    worker = world.worker("w1")
    while world.state(run) != "migrating":
        worker.round()
    worker.perform()
    while "move_users" not in world.operations("acme"):
        worker.commit()
        worker.perform()

    held = world.app.operators.hold(run, **BY)
    committed = worker.commit()

    assert held.claimed_by is None
    assert {run: None} == committed.lost
    assert held.run == world.run(run)
    world.app.operators.release(run, **BY)
    world.work()
    assert "completed" == world.state(run)
    assert 1 == world.operations("acme").count("move_users")


def test_a_takeover_kills_the_token_and_lets_another_worker_go_on_at_once(world: World) -> None:
    run = world.order()
    frozen, fresh = world.worker("frozen"), world.worker("fresh")
    frozen.claim()
    frozen.perform()
    assert [] == fresh.claim()

    world.app.operators.take_over(run, **BY)
    fresh.claim()
    fresh.perform()
    fresh.commit()
    late = frozen.commit()

    assert {run: "fresh"} == late.lost
    assert "frozen" == next(entry for entry in world.journal(run) if entry.kind is Kind.TAKEN_OVER).data["held_by"]


def test_only_what_a_worker_holds_can_be_taken_over(world: World) -> None:
    run = world.order()

    with pytest.raises(Conflict, match="no worker holds it"):
        world.app.operators.take_over(run, **BY)


def test_what_is_worked_on_is_not_retried_but_what_a_dead_worker_left_is(make_world: MakeWorld) -> None:
    world = make_world(embedded={"faults": DOWN})
    run = world.order()
    world.work()
    world.run_for("30m")
    world.pass_time("10m")
    world.worker("dying").claim()

    with pytest.raises(Conflict, match=r"being worked on by dying, until .*`overstap runs takeover"):
        world.app.operators.retry(run, **BY)
    world.pass_time("2m")
    world.app.operators.retry(run, **BY)

    assert (Status.READY, 0) == (world.run(run).status, world.run(run).attempt)


def test_an_extended_migration_escalates_later(make_world: MakeWorld) -> None:
    world = make_world(embedded={"faults": DOWN})
    run = world.order()
    world.work()

    world.app.operators.extend(run, timedelta(minutes=30), **BY)
    world.run_for("89m")
    assert "migrating" == world.state(run)
    world.run_for("1m")

    assert "escalated" == world.state(run)


@pytest.mark.rule("R39")
def test_a_failed_migration_is_compensated_first(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_chunk": 1, "faults": [{"operation": "move_users", "kind": "fails", "after": 1}]})
    run = world.order()
    world.work()
    assert 2 == len(world.app.provider.users_to_move("acme", "acme-e1"))

    world.app.operators.fail(run, **BY)
    world.app.provider._faults._faults = ()
    world.run_for("1h")

    assert ["submitted", "migrating", "rolling_back", "failed"] == world.path(run)
    assert {"e1": 3} == world.plans("acme")


def test_an_act_says_what_it_did_to_whom_and_why_in_the_journal(world: World) -> None:
    run = world.order()

    world.app.operators.hold(run, reason="  bank is closed ", actor="operator:ann")

    last = world.journal(run)[-1]
    assert (Kind.HELD, "operator:ann", "bank is closed") == (last.kind, last.actor, last.data["reason"])


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
def test_an_act_without_a_reason_changes_nothing(world: World, reason: str) -> None:
    run = world.order()

    with pytest.raises(BadInput, match="The reason"):
        world.app.operators.hold(run, reason=reason, actor="operator:ann")
    assert [Kind.SUBMITTED] == kinds(world, run)


def test_an_act_on_a_run_that_is_not_there_is_told(world: World) -> None:
    with pytest.raises(NotFound, match="There is no run 'NOBODY'"):
        world.app.operators.hold("NOBODY", **BY)


# --- pauses ---

PAUSES = [(Scope.EVERYTHING, ""), (Scope.WORKFLOW, "plan_change"), (Scope.STEP, "check_preconditions")]
PAUSES += [(Scope.PROVIDER, "embedded")]


@pytest.mark.parametrize(("scope", "name"), PAUSES)
def test_what_is_paused_starts_no_step_until_it_is_resumed(world: World, scope: Scope, name: str) -> None:
    run = world.order()
    world.app.operators.pause(scope, name, **BY)

    world.run_for("2h")
    assert [Kind.SUBMITTED] == kinds(world, run)
    assert 1 == world.app.operators.resume(scope, name, **BY)
    world.work()

    assert "completed" == world.state(run)


@pytest.mark.parametrize(
    ("scope", "name"), [(Scope.WORKFLOW, "manual_change"), (Scope.STEP, "request_credit"), (Scope.STEP, "add_domains")]
)
def test_what_is_not_paused_goes_on(world: World, scope: Scope, name: str) -> None:
    world.app.operators.pause(scope, name, **BY)
    run = world.order()

    world.work()

    assert "completed" == world.state(run)


def test_a_worker_that_holds_a_run_sees_a_pause_before_its_next_round(world: World) -> None:
    run = world.order()
    worker = world.worker("w1")
    worker.round()
    assert worker.claims

    world.app.operators.pause(Scope.STEP, "place_order", **BY)
    world.app.engine.look_at_pauses()
    worker.perform()
    worker.commit()

    assert [] == worker.claims
    assert [] == world.operations("acme")
    assert "submitted" == world.state(run)


def test_a_deadline_comes_and_a_signal_counts_while_everything_is_paused(make_world: MakeWorld) -> None:
    world = make_world(embedded={"faults": DOWN})
    overdue, cancelled = world.order(), world.order(name="other")
    world.app.operators.pause(Scope.STEP, "place_order", **BY)
    world.work()
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    world.signal(cancelled, "cancel")

    world.work()
    assert ["submitted", "rolling_back"] == world.path(cancelled)
    world.run_for("25h")

    assert ["submitted", "rolling_back"] == world.path(overdue)
    assert [] == world.operations("acme")


def test_resuming_one_of_two_pauses_leaves_what_the_other_stops(world: World) -> None:
    run = world.order()
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    world.app.operators.pause(Scope.WORKFLOW, "plan_change", **BY)
    world.work()

    world.app.operators.resume(Scope.EVERYTHING, "", **BY)
    world.work()
    assert "submitted" == world.state(run)
    world.app.operators.resume(Scope.WORKFLOW, "plan_change", **BY)
    world.work()

    assert "completed" == world.state(run)


def test_a_run_parked_by_a_pause_that_was_lifted_meanwhile_is_not_forgotten(world: World) -> None:
    run = world.order()
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    worker = world.worker("w1")
    worker.claim()
    worker.perform()

    world.app.operators.resume(Scope.EVERYTHING, "", **BY)
    worker.commit()
    world.work()

    assert "completed" == world.state(run)


def test_pausing_and_resuming_are_kept_with_who_and_why(world: World) -> None:
    world.app.operators.pause(Scope.STEP, "move_users", **BY)
    world.app.operators.resume(Scope.STEP, "move_users", reason="it is back", actor="operator:bob")

    with world.database.read() as connection:
        rows = connection.execute(ACT.select().order_by(ACT.c.seq)).all()
    assert [
        ("paused", "step move_users", "operator:ann", "the test says so"),
        ("resumed", "step move_users", "operator:bob", "it is back"),
    ] == [(row.kind, row.subject, row.actor, row.reason) for row in rows]


@pytest.mark.parametrize(
    ("scope", "name", "error", "why"),
    [
        (Scope.STEP, "move_user", BadInput, "There is no step 'move_user'; there is .*move_users"),
        (Scope.WORKFLOW, "", BadInput, "There is a workflow to name; there is manual_change, plan_change"),
        (Scope.EVERYTHING, "else", BadInput, "leave 'else' out"),
        (Scope.PROVIDER, "graph", BadInput, "There is no provider 'graph'; there is embedded"),
    ],
)
def test_a_pause_of_nothing_is_refused(world: World, scope: Scope, name: str, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        world.app.operators.pause(scope, name, **BY)


def test_the_same_pause_twice_is_a_conflict_and_an_unknown_one_cannot_be_lifted(world: World) -> None:
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)

    with pytest.raises(Conflict, match=r"Paused already: everything, since .*, by operator:ann: the test says so"):
        world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    with pytest.raises(NotFound, match="There is no pause of workflow plan_change"):
        world.app.operators.resume(Scope.WORKFLOW, "plan_change", **BY)


def test_who_pauses_the_same_at_the_same_moment_is_told_that_it_is_paused_already(world: World) -> None:
    together = Barrier(8)

    def pause(name: str) -> bool:
        together.wait(timeout=30)
        try:
            world.app.operators.pause(Scope.STEP, name, **BY)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        for name in ("move_users", "close_source", "check_preconditions"):
            done = [pool.submit(pause, name) for _ in range(8)]
            assert [True] == [one.result() for one in done if one.result()]


def test_a_signal_that_waits_is_discarded_when_an_operator_ends_the_run(world: World) -> None:
    run = world.submit_from(world.tenant(plan="midsize"), "acme-midsize", "e3", route=Route.MANUAL)
    world.signal(run, "cancel")

    world.app.operators.fail(run, **BY)

    assert "failed" == world.state(run)
    assert [Kind.SUBMITTED, Kind.TRANSITION, Kind.SIGNAL_DISCARDED] == kinds(world, run)
    assert [] == world.app.runs.pending_signals(run)


def test_what_was_parked_is_woken_though_whoever_lifted_the_pause_died_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.order()
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    world.work()
    with monkeypatch.context() as dying:
        dying.setattr(world.app.pauses, "_make_due", lambda: 0)
        world.app.operators.resume(Scope.EVERYTHING, "", **BY)

    world.work()  # finds it lifted
    world.work()

    assert "completed" == world.state(run)
    assert not world.app.pauses.may_park()


def test_lifting_a_pause_and_parking_because_of_it_never_wait_for_each_other(world: World) -> None:
    runs = [world.order(name=f"t{number}", users=1) for number in range(6)]
    places = [(Scope.EVERYTHING, ""), (Scope.WORKFLOW, "plan_change"), (Scope.STEP, "check_preconditions")]

    def park_and_go_on(name: str) -> None:
        worker = world.worker(name, batch=3)
        for _ in range(25):
            worker.round()

    def pause_and_resume() -> None:
        for scope, name in places * 8:
            world.app.operators.pause(scope, name, **BY)
            world.app.operators.resume(scope, name, **BY)

    with ThreadPoolExecutor(3) as pool:
        for done in [
            pool.submit(park_and_go_on, "w1"),
            pool.submit(park_and_go_on, "w2"),
            pool.submit(pause_and_resume),
        ]:
            done.result()
    world.pass_time("2m")  # what a worker still holds runs out
    world.work()

    assert {"completed"} == {world.state(run) for run in runs}


def test_a_pause_longer_than_a_deadline_lets_it_come(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "30m"})
    run = world.order()
    world.work()
    world.app.operators.pause(Scope.EVERYTHING, "", **BY)
    world.run_for("2h")
    assert "escalated" == world.state(run)
