"""What an operator may do to a run, for every state of the shipped workflows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overstap.errors import Conflict
from overstap.settings import data_path
from overstap.steps import STEP_EVENTS
from overstap.workflow import acts
from overstap.workflow.decide import Decision, Signal, next_action, settle, submit
from overstap.workflow.definition import Definition
from overstap.workflow.files import load_library
from overstap.workflow.fold import apply
from overstap.workflow.outcome import Retry, Wait
from overstap.workflow.run import Run, Status

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIBRARY = load_library(data_path("workflows"), STEP_EVENTS)
PLAN_CHANGE, MANUAL = LIBRARY.latest("plan_change"), LIBRARY.latest("manual_change")
STATES = [(definition, state) for definition in (PLAN_CHANGE, MANUAL) for state in definition.states]
ANY_STATE = pytest.mark.parametrize(("definition", "state"), STATES, ids=[f"{d.name}-{s}" for d, s in STATES])
WHO = ("because", "operator:ann")


def in_state(definition: Definition, state: str, status: Status = Status.RETRYING) -> Run:
    """A run as it is in a state: its first step has failed twice, and is tried again in a minute."""
    begun = submit(definition, "RUN", "t1", {}, "operator", NOON).run
    spec = definition.states[state]
    if spec.final:
        return replace(begun, state=state, status=Status.ENDED, wake_at=None, deadline_at=None, ended_at=NOON)
    return replace(
        begun,
        state=state,
        status=status,
        attempt=2,
        error="no answer",
        wake_at=None if status is Status.STUCK else NOON + timedelta(minutes=1),
        deadline_at=NOON + spec.deadline.after if spec.deadline else None,
    )


def told(decision: Decision, run: Run) -> Run:
    """The run that a decision leads to, which is what its entry makes of the run before."""
    assert decision.run == apply(run, decision.entry)
    assert ("because", "operator:ann") == (decision.entry.data["reason"], decision.entry.actor)
    return decision.run


@ANY_STATE
def test_a_run_that_has_ended_allows_nothing(definition: Definition, state: str) -> None:
    run = in_state(definition, state)

    assert bool(acts.possible(definition, run)) == (not definition.states[state].final)


@ANY_STATE
def test_a_held_run_does_no_step_and_still_meets_its_deadline(definition: Definition, state: str) -> None:
    if definition.states[state].final:
        return
    run = told(acts.hold(definition, in_state(definition, state), *WHO, NOON), in_state(definition, state))

    assert run.deadline_at == run.due_at
    assert next_action(definition, run, [], NOON + timedelta(minutes=2)) is None
    if run.deadline_at is not None:
        late = next_action(definition, run, [], run.deadline_at)
        assert late is not None
        assert "Expire" == type(late).__name__


def test_a_held_run_still_takes_the_signal_that_its_state_awaits() -> None:
    run = acts.hold(PLAN_CHANGE, in_state(PLAN_CHANGE, "credit_check"), *WHO, NOON).run
    yes = Signal("s1", "credit_approved", "fine", "operator:ann", NOON)

    assert "Receive" == type(next_action(PLAN_CHANGE, run, [yes], NOON)).__name__


def test_an_answer_that_was_due_does_not_keep_a_held_run_from_its_deadline() -> None:
    run = in_state(PLAN_CHANGE, "credit_check", Status.WAITING)
    assert run.deadline_at is not None

    held = acts.hold(PLAN_CHANGE, run, *WHO, NOON).run

    assert "Perform" == type(next_action(PLAN_CHANGE, run, [], run.deadline_at)).__name__
    assert "Expire" == type(next_action(PLAN_CHANGE, held, [], run.deadline_at)).__name__


def test_a_released_run_goes_on_where_it_was() -> None:
    run = in_state(PLAN_CHANGE, "migrating")
    held = acts.hold(PLAN_CHANGE, run, *WHO, NOON).run

    released = told(acts.release(PLAN_CHANGE, held, *WHO, NOON), held)

    assert replace(run, seq=released.seq, head=released.head) == released


@pytest.mark.parametrize("status", [Status.RETRYING, Status.STUCK, Status.WAITING])
def test_a_retry_is_due_at_once_with_its_attempts_counted_anew(status: Status) -> None:
    run = in_state(PLAN_CHANGE, "migrating", status)

    after = told(acts.retry(PLAN_CHANGE, run, *WHO, NOON), run)

    assert (Status.READY, 0, None, NOON) == (after.status, after.attempt, after.error, after.due_at)
    assert (run.visit, run.step, run.chunk, run.deadline_at) == (
        after.visit,
        after.step,
        after.chunk,
        after.deadline_at,
    )
    assert 1 == settle(PLAN_CHANGE, after, Retry("no answer"), NOON).run.attempt


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (in_state(PLAN_CHANGE, "completed"), "has ended"),
        (in_state(PLAN_CHANGE, "migrating", Status.READY), "due already"),
        (acts.hold(PLAN_CHANGE, in_state(PLAN_CHANGE, "migrating"), *WHO, NOON).run, "it is held: because"),
    ],
    ids=["ended", "due", "held"],
)
def test_a_retry_that_makes_no_sense_is_refused(run: Run, why: str) -> None:
    with pytest.raises(Conflict, match=why):
        acts.retry(PLAN_CHANGE, run, *WHO, NOON)


@pytest.mark.parametrize("later", [timedelta(hours=2), NOON + timedelta(hours=3)], ids=["by", "to"])
def test_a_deadline_can_be_moved_to_a_later_moment(later: timedelta | datetime) -> None:
    run = in_state(PLAN_CHANGE, "migrating")

    after = told(acts.extend(PLAN_CHANGE, run, later, *WHO, NOON), run)

    assert NOON + timedelta(hours=3) == after.deadline_at
    assert replace(run, deadline_at=after.deadline_at, seq=after.seq, head=after.head) == after


@pytest.mark.parametrize(("status", "named"), [(Status.RETRYING, True), (Status.STUCK, True), (Status.READY, False)])
def test_where_no_deadline_can_be_moved_a_retry_is_named_if_one_is_possible(status: Status, named: bool) -> None:
    why = acts.refusal("extend", PLAN_CHANGE, in_state(PLAN_CHANGE, "escalated", status))

    assert why is not None
    assert why.startswith("escalated has no deadline")
    assert named is ("`overstap runs retry RUN` has it try its step now" in why)


@pytest.mark.rule("R34")
@pytest.mark.parametrize("definition", [PLAN_CHANGE, MANUAL], ids=lambda one: one.name)
def test_the_credit_window_cannot_be_moved(definition: Definition) -> None:
    with pytest.raises(Conflict, match="fixed at 14d by the rules of the business"):
        acts.extend(definition, in_state(definition, "credit_check"), timedelta(days=1), *WHO, NOON)


@pytest.mark.parametrize(
    ("later", "now", "why"),
    [
        (timedelta(0), NOON, "not after its present one"),
        (NOON + timedelta(minutes=59), NOON, "not after its present one"),
        (timedelta(hours=1), NOON + timedelta(hours=5), "not after the present moment"),
    ],
    ids=["no later", "earlier", "passed"],
)
def test_a_deadline_is_never_moved_back_or_into_the_past(later: timedelta | datetime, now: datetime, why: str) -> None:
    with pytest.raises(Conflict, match=why):
        acts.extend(PLAN_CHANGE, in_state(PLAN_CHANGE, "migrating"), later, *WHO, now)


@ANY_STATE
def test_who_fails_a_run_sends_it_where_no_success_is_left(definition: Definition, state: str) -> None:
    run = in_state(definition, state)
    open_before = definition.ends(state)

    if "fail" not in acts.possible(definition, run):
        with pytest.raises(Conflict, match=r"has ended|has no way to failure"):
            acts.fail(definition, run, *WHO, NOON)
        return
    after = told(acts.fail(definition, run, *WHO, NOON), run)

    assert "completed" in open_before
    assert "completed" not in definition.ends(after.state)
    assert run.visit + 1 == after.visit


def test_the_states_that_can_be_failed_are_those_with_a_way_back() -> None:
    def can_fail(definition: Definition) -> set[str]:
        return {
            state for state in definition.states if "fail" in acts.possible(definition, in_state(definition, state))
        }

    assert {"submitted", "credit_check", "migrating", "escalated"} == can_fail(PLAN_CHANGE)
    assert {"submitted", "preparing", "buying", "credit_check", "migrating", "escalated"} == can_fail(MANUAL)


def test_a_run_that_waits_for_nothing_but_a_signal_has_no_step_to_try() -> None:
    run = settle(MANUAL, replace(in_state(MANUAL, "backup"), step=1), Wait(), NOON).run

    assert Status.WAITING == run.status
    assert "retry" in acts.possible(MANUAL, run)  # it only looks again
