"""Replays: what is planned is done, once, and nothing else; and no replay has the provider do a thing twice."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, update
from tests.scenarios.conftest import World

from overstap.app import replaying
from overstap.app.replay_planning import Wish
from overstap.app.replay_views import PlanState
from overstap.domain.run_filter import RunFilter
from overstap.errors import BadInput, NotFound, Refused
from overstap.store.acts import Acts
from overstap.store.acts_log import ACT
from overstap.store.books import MOVE, OPERATION
from overstap.store.replays import ITEM
from overstap.store.rows import RUN
from overstap.workflow.acts import hold, retry
from overstap.workflow.decide import Decision
from overstap.workflow.replay import DeadlinePolicy, Result, put_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.scenarios.conftest import MakeWorld

ANN, BEN = "operator:ann", "operator:ben"
KEEP, RESET = DeadlinePolicy.parse("keep"), DeadlinePolicy.parse("reset")
STUCK = RunFilter(status=("retrying", "stuck"))
FAILS = {"operation": "move_users", "kind": "fails", "lasting": "30m"}


def plan(world: World, runs: list[str] | RunFilter = STUCK, **wish: Any) -> str:
    made, _ = world.app.replays.plan(runs, Wish(**{"deadline": KEEP, "resolve": True, **wish}), actor=ANN)
    return made.id


def verdicts(world: World, plan_id: str) -> dict[str, str | None]:
    return {item.run_id: item.why for item in world.app.replays.get(plan_id)[1]}


def receipt(world: World, plan_id: str) -> dict[str, str | None]:
    """What came of each run: its result, or why it was skipped."""
    lines = world.app.replays.receipt(plan_id).lines
    return {line.item.run_id: str(line.outcome.result) if line.outcome else line.skipped for line in lines}


def run(world: World, plan_id: str, actor: str = ANN) -> bool:
    return world.app.replays.run(plan_id, actor=actor, reason="the provider is back")


def stuck_runs(world: World, *names: str) -> list[str]:
    runs = [world.order(name=name) for name in names]
    world.run_for("20m")
    assert {"retrying"} == {world.run(one).status for one in runs}
    return runs


def test_between_plan_and_run_each_run_that_is_not_as_it_was_is_skipped_and_says_why(make_world: MakeWorld) -> None:
    faults = [{**FAILS, "operation": one} for one in ("move_users", "place_order")]
    world = make_world(embedded={"faults": [{**faults[1], "tenant": "ends"}, faults[0]]})
    stays, changes, ends, claimed, held = stuck_runs(world, "stays", "changes", "ends", "claimed", "held")
    made = plan(world)
    assert dict.fromkeys((stays, changes, ends, claimed, held)) == verdicts(world, made)

    world.signal(ends, "cancel")
    world.work()
    world.pass_time("6m")
    worker = world.worker("somebody")
    world.app.engine.claims.release([one for one in worker.claim() if one.run.id != claimed])
    acts, now = Acts(world.database), world.clock.now()
    acts.change(changes, lambda one: retry(world.app.library.get("plan_change", 1), one.run, "now", BEN, now))
    acts.change(held, lambda one: hold(world.app.library.get("plan_change", 1), one.run, "wait", BEN, now))
    run(world, made)

    told = receipt(world, made)
    assert ("under_way", "it has ended (cancelled)") == (told[stays], told[ends])
    assert str(told[changes]).startswith("changed since: entry ")
    assert str(told[claimed]).startswith("claimed by somebody until 2026-03-02 12:27")
    assert "it is on hold: wait" == told[held]


def test_a_plan_is_done_once_and_its_receipt_stays_the_same(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    runs = stuck_runs(world, "one", "two")
    world.pass_time("20m")
    made = plan(world)

    assert run(world, made, ANN)
    world.run_for("10m")
    told, done = receipt(world, made), [world.operations(name) for name in ("one", "two")]
    assert not run(world, made, BEN)
    world.run_for("10m")

    assert dict.fromkeys(runs, "passed") == told == receipt(world, made)
    assert done == [world.operations(name) for name in ("one", "two")]
    assert ANN == world.app.replays.get(made)[0].executed_by
    assert 1 == sum(entry.kind == "replayed" for entry in world.journal(runs[0]))


class Killed(BaseException):
    """What nothing catches: the process is gone."""


def test_a_replay_that_broke_off_goes_on_with_what_is_left_and_does_nothing_twice(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(faults=FAILS)
    runs = stuck_runs(world, "one", "two", "three")
    world.pass_time("20m")
    made = plan(world)
    turn = itertools.count(1)

    def dies(*args: Any, **named: Any) -> Decision:
        if next(turn) == 2:
            raise Killed
        return put_back(*args, **named)

    with monkeypatch.context() as patched:
        patched.setattr(replaying, "_AT_ONCE", 1)
        patched.setattr(replaying, "put_back", dies)
        with pytest.raises(Killed):
            run(world, made, ANN)

    def replayed() -> list[int]:
        return sorted(sum(entry.kind == "replayed" for entry in world.journal(one)) for one in runs)

    assert [0, 0, 1] == replayed()
    assert PlanState.BEING_RUN is world.app.replay_views.look(made).state
    assert not run(world, made, BEN)
    world.run_for("10m")
    assert [1, 1, 1] == replayed()
    assert dict.fromkeys(runs, "passed") == receipt(world, made)
    assert ANN == world.app.replays.get(made)[0].executed_by


def test_a_plan_of_very_many_runs_names_few_of_them_in_each_statement(database_url: str) -> None:
    world = World(database_url)
    with_copies(world, world.order(), 1200)
    named = []

    def count(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        named.append(len(given) if statement.startswith("SELECT") else 0)

    event.listen(world.database.engine, "before_cursor_execute", count)
    try:
        _, items = world.app.replays.plan(RunFilter(state=("submitted",)), Wish(KEEP), actor=ANN)
    finally:
        world.close()

    assert 1201 == len({item.run_id for item in items})
    assert max(named) < 1000  # PostgreSQL takes 65,535 at most


def with_copies(world: World, original: str, count: int) -> None:
    """Add copies of a run, each of a tenant of its own and without a journal."""
    with world.database.write() as connection:
        columns = [column for column in RUN.c if column.computed is None]
        row = connection.execute(select(*columns).where(RUN.c.id == original)).one()._mapping
        copies = [
            {**row, "id": f"{original}{number:05}", "tenant_id": f"copy-{number}", "idempotency_key": None}
            for number in range(count)
        ]
        connection.execute(insert(RUN), copies)


@pytest.mark.parametrize(("kind", "result"), [("fails", "stuck_again_same_error"), ("refuses", "left")])
def test_a_replay_that_does_not_get_beyond_its_step_did_not_pass(make_world: MakeWorld, kind: str, result: str) -> None:
    refused = {"operation": "move_users", "kind": kind, "after": 9}
    world = make_world(embedded={"faults": [refused, {"operation": "move_users", "kind": "fails", "times": 9}]})
    one = world.order(name="one")
    while world.run(one).attempt < 9:
        world.run_for("10s")
    made = plan(world, deadline=RESET)

    run(world, made)
    world.run_for("1m")

    assert {one: result} == receipt(world, made)
    assert not world.app.replays.receipt(made).passed


@pytest.mark.rule("J7")
def test_unknown_effects_are_refused_until_somebody_says_how_they_are_resolved(make_world: MakeWorld) -> None:
    faults = [
        {"operation": "move_users", "kind": "lost", "tenant": "done", "after": 5, "times": 1},
        {"operation": "move_users", "kind": "hangs", "tenant": "not", "after": 5, "times": 1},
        {"operation": "move_users", "kind": "fails", "times": 5},
    ]
    world = make_world(embedded={"faults": faults})
    done, left = (world.order(name=name) for name in ("done", "not"))
    while {"unknown"} != {world.effects(one).get("migrating:2:move_users") for one in (done, left)}:
        world.run_for("1s")

    refused = plan(world, resolve=False)
    resolved = plan(world)

    assert dict.fromkeys((done, left), "1 effect unknown; say --resolve lookup") == verdicts(world, refused)
    assert dict.fromkeys((done, left)) == verdicts(world, resolved)
    items = world.app.replays.get(resolved)[1]
    fates = {item.run_id: sorted(effect["fate"] for effect in item.detail["effects"]) for item in items}
    assert {done: ["done", "done_there"], left: ["done", "not_there"]} == fates
    run(world, resolved)
    world.run_for("1m")
    assert {"completed"} == {world.state(one) for one in (done, left)}
    assert [1, 1] == [world.operations(name).count("move_users") for name in ("done", "not")]


def test_a_filter_means_what_sticks_and_an_id_means_that_run(make_world: MakeWorld) -> None:
    world = make_world(embedded={"credit_answers": "never"})
    waits = world.order(payment="invoice", name="waits")
    world.work()

    by_filter, by_id = plan(world, RunFilter(state=("credit_check",))), plan(world, [waits])

    assert "gets on by itself" in str(verdicts(world, by_filter)[waits])
    assert {waits: None} == verdicts(world, by_id)


def test_a_plan_of_nothing_is_refused(world: World) -> None:
    for nothing in ([], RunFilter()):
        with pytest.raises(BadInput, match="Say which runs"):
            plan(world, nothing)
    with pytest.raises(NotFound, match="No run that has not ended is like that"):
        plan(world, STUCK)
    with pytest.raises(NotFound, match="There is no run 'X'"):
        plan(world, ["X"])
    with pytest.raises(BadInput, match="No workflow has a step 'fly'"):
        plan(world, ["X"], step="fly")


def test_above_what_one_person_may_do_a_second_one_approves(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS, replay={"approve_runs": 1})
    runs = stuck_runs(world, "one", "two")
    replays = world.app.replays
    small, large = plan(world, [runs[0]]), plan(world, runs)

    with pytest.raises(Refused, match="needs no approval"):
        replays.approve(small, actor=BEN, reason="fine")
    with pytest.raises(Refused, match="needs the approval of a second person"):
        run(world, large)
    with pytest.raises(Refused, match="was made by operator:ann: a second person has to approve it"):
        replays.approve(large, actor=ANN, reason="fine")
    replays.approve(large, actor=BEN, reason="fine")
    with pytest.raises(Refused, match="approved already"):
        replays.approve(large, actor=BEN, reason="fine")

    assert run(world, large, BEN)
    with world.database.read() as connection:
        acts = connection.execute(select(ACT.c.kind, ACT.c.actor).where(ACT.c.subject == large)).all()
    assert [("replay_planned", ANN), ("replay_approved", BEN), ("replay_run", BEN)] == [tuple(act) for act in acts]


def test_much_money_needs_a_second_person_too(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS, replay={"approve_amount": "1.00"})
    stuck_runs(world, "one")
    assert world.app.replays.get(plan(world))[0].needs_approval


def test_an_old_plan_and_one_that_somebody_changed_are_refused(make_world: MakeWorld) -> None:
    world = make_world(faults={**FAILS, "lasting": "3h"})
    stuck_runs(world, "one")
    old = plan(world, deadline=RESET)
    world.pass_time("61m")
    with pytest.raises(Refused, match="has expired at 2026-03-02 13:20"):
        run(world, old)

    changed = plan(world, deadline=RESET)
    with world.database.write() as connection:
        connection.execute(update(ITEM).where(ITEM.c.plan_id == changed).values(run_seq=1))
    with pytest.raises(Refused, match="not what was planned any more"):
        run(world, changed)


@pytest.mark.rule("J1", "J2", "J4", "J6", "J7")
def test_a_migration_that_was_escalated_goes_back_and_everything_still_holds(make_world: MakeWorld) -> None:
    faults = [{"operation": "swap_licences", "kind": "fails", "lasting": "3h", "after": 1}]
    world = make_world(embedded={"faults": faults, "licence_chunk": 2, "move_chunk": 2})
    one = world.order(users=5)
    world.run_for("2h")
    assert ("escalated", "retrying") == (world.state(one), world.run(one).status)
    world.pass_time("2h")

    made = plan(world, step="migrating/reassign_licences", deadline=RESET)
    assert {one: None} == verdicts(world, made)
    run(world, made)
    assert ("migrating", 2) == (world.state(one), world.run(one).visit)
    world.run_for("1h")

    assert ["migrating", "escalated", "migrating", "licenses_reassigned", "completed"] == world.path(one)[1:]
    assert {one: "passed"} == receipt(world, made)


def test_a_rewind_that_the_structure_forbids_is_a_verdict(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    (one,) = stuck_runs(world, "one")
    assert "open to changes from outside" in str(verdicts(world, plan(world, step="place_order"))[one])


def test_a_rehearsal_tells_what_would_happen_and_touches_nothing(make_world: MakeWorld) -> None:
    world = make_world(faults={**FAILS, "lasting": "3h"})
    runs = stuck_runs(world, "one", "two")
    before = [world.journal(one) for one in runs], [world.operations(name) for name in ("one", "two")]
    made = plan(world)

    told = world.app.rehearsals.play(made)

    assert [(one, Result.PASSED, "completed") for one in runs] == [
        (each.run_id, each.outcome.result, each.state) for each in told if each.outcome
    ]
    operations = ["close_subscription", "move_users", "start_billing", "swap_licences"]
    assert [operations, operations] == [sorted(operation for _, operation in each.done_anew) for each in told]
    assert before == ([world.journal(one) for one in runs], [world.operations(name) for name in ("one", "two")])
    run(world, made)
    with pytest.raises(Refused, match="was executed already"):
        world.app.rehearsals.play(made)


@pytest.fixture
def new_world(sqlite_template: Path, tmp_path: Path) -> Callable[..., World]:
    """Makes one fresh world after the other."""
    numbers = itertools.count()

    def make(**values: Any) -> World:
        path = shutil.copy(sqlite_template, tmp_path / f"{next(numbers)}.db")
        return World(f"sqlite:///{path}", **values)

    return make


KINDS = st.sampled_from(["fails", "lost", "hangs", "late", "refuses"])
OPERATIONS = ("place_order", "move_users", "swap_licences", "start_billing", "close_subscription", "withdraw_order")


@pytest.mark.rule("J7")
def test_no_replay_of_whatever_sticks_has_the_provider_do_a_thing_twice(
    new_world: Callable[..., World],
) -> None:
    @settings(settings.get_profile("scenarios"), max_examples=4)
    @given(
        faults=st.lists(st.tuples(st.sampled_from(OPERATIONS), KINDS, st.integers(0, 3)), max_size=4),
        plans=st.lists(
            st.tuples(
                st.sampled_from(["1s", "1m", "20m", "70m"]),
                st.sampled_from([None, "check_before_moving", "move_users", "migrating/move_users", "place_order"]),
            ),
            min_size=1,
            max_size=4,
        ),
    )
    def law(faults: list[tuple[str, str, int]], plans: list[tuple[str, str | None]]) -> None:
        own = [
            {"operation": operation, "kind": kind, "after": after, "times": 2, "time": "30s"}
            for operation, kind, after in faults
        ]
        world = new_world(embedded={"faults": own, "move_chunk": 2, "licence_chunk": 2})
        one = world.order(users=3)
        for pause, step in plans:
            world.run_for(pause)
            if world.run(one).ended_at is None:
                run(world, plan(world, [one], step=step, deadline=RESET))
        world.run_for("2h")

        with world.database.read() as connection:
            moved = select(func.count()).select_from(MOVE).group_by(MOVE.c.user_id, MOVE.c.to_subscription_id)
            assert {1} >= set(connection.execute(moved).scalars())
            single = OPERATION.c.operation.in_(("place_order", "start_billing", "cancel_target"))
            once = select(func.count()).where(single)
            assert {1} >= set(connection.execute(once.group_by(OPERATION.c.operation)).scalars())
        assert [] == world.breaches()
        world.close()

    law()
