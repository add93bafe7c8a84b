"""Plans as people look at them: where each stands, and what is known of its runs, while it is carried out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event
from tests.scenarios.conftest import World
from tests.scenarios.test_replay import ANN, BEN, FAILS, KEEP, STUCK, plan, run, stuck_runs, with_copies

from overstap.app.replay_planning import Wish
from overstap.app.replay_views import PlanState, Verdict
from overstap.app.replaying import TooMuch
from overstap.domain.run_filter import RunFilter
from overstap.errors import BadInput
from overstap.settings.model import Fault
from overstap.store.acts import Acts
from overstap.workflow.acts import hold

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld


def counts(world: World, plan_id: str) -> dict[Verdict, int]:
    return dict(world.app.replay_views.look(plan_id).counts)


def state(world: World, plan_id: str) -> PlanState:
    seen = world.app.replay_views.look(plan_id)
    (listed,) = [one for one in world.app.replay_views.plans(50) if one.plan.id == plan_id]
    assert seen.state is listed.state
    return seen.state


def test_a_plan_goes_from_open_to_done_and_its_runs_pass_or_do_not(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    passes, skipped, fails = stuck_runs(world, "passes", "skipped", "fails")
    world.pass_time("20m")
    world.reopen(faults=(Fault(operation="move_users", kind="refuses", tenant="fails"),))
    made = plan(world, [passes, skipped, fails])
    assert (PlanState.OPEN, {Verdict.WILL_RUN: 3}) == (state(world, made), counts(world, made))

    world.app.replays.begin(made, actor=ANN, reason="the provider is back")
    assert (PlanState.BEING_RUN, {Verdict.NOT_YET: 3}) == (state(world, made), counts(world, made))
    now = world.clock.now()
    definition = world.app.library.get("plan_change", 1)
    Acts(world.database).change(skipped, lambda one: hold(definition, one.run, "wait", BEN, now))
    world.app.replays.carry_out(made)
    assert PlanState.DONE is state(world, made)
    world.run_for("10m")

    seen = world.app.replay_views.look(made)
    assert {passes: Verdict.PASSED, skipped: Verdict.SKIPPED, fails: Verdict.NOT_PASSED} == dict(seen.verdicts)
    assert seen.settled
    assert not seen.passed
    assert seen == world.app.replay_views.look(made)


@pytest.mark.parametrize("approved", [True, False])
def test_a_plan_that_needs_a_second_person_says_so_until_it_is_approved_or_expires(
    make_world: MakeWorld, approved: bool
) -> None:
    world = make_world(faults=FAILS, replay={"approve_runs": 0})
    stuck_runs(world, "one")
    made = plan(world)
    assert PlanState.NEEDS_APPROVAL is state(world, made)
    assert [TooMuch.RUNS] == world.app.replays.why_approval(1, 0)
    if approved:
        world.app.replays.approve(made, actor=BEN, reason="looks right")
        assert PlanState.APPROVED is state(world, made)

    world.pass_time("61m")
    assert PlanState.EXPIRED is state(world, made)


def test_what_came_of_a_run_is_read_once_and_stays(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    stuck_runs(world, "one", "two")
    world.pass_time("20m")
    made = plan(world)
    run(world, made)
    world.run_for("10m")
    assert world.app.replay_views.look(made).passed
    asked = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(world.database.engine, "before_cursor_execute", note)
    assert world.app.replay_views.look(made).passed
    assert [] == [one for one in asked if "journal" in one or "replay_item" in one]


def test_the_plans_are_listed_a_page_at_a_time(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    stuck_runs(world, "one")
    made = []
    for _ in range(3):
        made.insert(0, plan(world))
        world.pass_time("1s")
    run(world, made[1])

    views = world.app.replay_views
    first = views.plans(2)
    assert made[:2] == [one.plan.id for one in first]
    assert [(1, 0, 0), (1, 0, 1)] == [(one.tally.will_run, one.tally.skipped, one.tally.replayed) for one in first]
    assert made[2:] == [one.plan.id for one in views.plans(2, made[1])]


def test_of_a_plan_of_very_many_runs_only_the_lines_that_are_shown_are_read(database_url: str) -> None:
    world = World(database_url)
    original = world.order()
    with_copies(world, original, 1200)
    made, items = world.app.replays.plan(RunFilter(state=("submitted",)), Wish(KEEP), actor=ANN)
    views = world.app.replay_views

    verdicts = views.look(made.id).verdicts
    assert Counter("skipped" if item.why else "will_run" for item in items) == Counter(map(str, verdicts.values()))
    assert list(verdicts) == sorted(verdicts)
    shown = list(verdicts)[600:650]
    assert shown == [line.item.run_id for line in views.lines(made.id, shown)]
    will_run = [item for item in items if item.will_run]
    totals = views.totals(made.id)
    assert (len(will_run), sum(item.detail["touched"]["users"] for item in will_run)) == (totals.runs, totals.users)
    world.close()


def test_how_many_runs_a_plan_would_be_about_is_told_before_it_is_made(make_world: MakeWorld) -> None:
    world = make_world(faults=FAILS)
    runs = stuck_runs(world, "one", "two")
    ended = world.order(name="ended")
    world.signal(ended, "cancel")
    world.work()

    matches = world.app.replays.matches
    count, first = matches(STUCK, 1)
    assert (2, runs[:1]) == (count, [one.run.id for one in first])
    assert 2 == matches(RunFilter(workflow="plan_change"), 5)[0]
    assert (2, runs) == (matches(runs, 5)[0], [one.run.id for one in matches(runs, 5)[1]])
    with pytest.raises(BadInput, match="A filter that says nothing would mean every run"):
        matches(RunFilter(), 5)
