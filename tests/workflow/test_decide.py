"""What becomes of a run: every outcome, signal and deadline, without a database (design §4.4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.decide import (
    Discard,
    Expire,
    Perform,
    Receive,
    Signal,
    discard,
    expire,
    next_action,
    receive,
    settle,
    submit,
)
from overstap.workflow.definition import Definition, RetryPolicy, load_definition
from overstap.workflow.fold import fold
from overstap.workflow.outcome import Done, Outcome, Progress, Retry, Stop, Wait
from overstap.workflow.retry import backoff
from overstap.workflow.run import JournalEntry, Run, Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
JOURNEY = """
workflow: journey
version: 1
chart:
  states:
    packing:
      initial: true
      transitions: [{event: packed, target: travelling}, {event: called_off, target: home},
                    {event: overslept, target: home}]
    travelling:
      transitions: [{event: arrived, target: abroad}, {event: late, target: delayed}, {event: broke_down, target: home}]
    delayed: {transitions: [{event: arrived, target: abroad}]}
    abroad: {final: true}
    home: {final: true}
states:
  packing:
    steps: [fold_clothes, close_case]
    on_done: packed
    await: [called_off]
    deadline: {after: 1d, event: overslept}
  travelling:
    steps: [drive]
    on_done: arrived
    on_stop: broke_down
    deadline: {after: 1h, event: late}
    retry: {first: 10s, factor: 3, most: 1m, jitter: 0, attempts: 4}
  delayed: {steps: [drive], on_done: arrived}
"""


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path = tmp_path_factory.mktemp("workflows") / "journey.v1.yaml"
    path.write_text(JOURNEY, encoding="utf-8")
    return load_definition(path, None)


@pytest.fixture
def packing(journey: Definition) -> Run:
    return submit(journey, "r1", "acme", {"to": "Rome"}, "operator", NOON).run


@pytest.fixture
def travelling(journey: Definition, packing: Run) -> Run:
    halfway = settle(journey, packing, Done(), NOON).run
    return settle(journey, halfway, Done(), NOON).run


def sent(event: str, at: datetime) -> Signal:
    return Signal("s1", event, "asked for", "admin:eva", at)


def test_a_new_run_has_its_first_step_to_do_and_its_deadline(journey: Definition, packing: Run) -> None:
    assert ("packing", Status.READY, 1, 1) == (packing.state, packing.status, packing.visit, packing.seq)
    assert (NOON, NOON + timedelta(days=1)) == (packing.wake_at, packing.deadline_at)
    assert Perform("fold_clothes") == next_action(journey, packing, [], NOON)


def test_steps_of_a_state_follow_each_other_and_the_last_one_leads_on(journey: Definition, packing: Run) -> None:
    second = settle(journey, packing, Done(data={"shirts": 4}), NOON).run
    assert Perform("close_case") == next_action(journey, second, [], NOON)

    third = settle(journey, second, Done(), NOON).run
    assert ("travelling", 2, 0, "packed") == (third.state, third.visit, third.step, third.cause)
    assert {"shirts": 4} == third.data
    assert NOON + HOUR == third.deadline_at


def test_an_event_of_a_step_leads_on_at_once(journey: Definition, packing: Run) -> None:
    assert "travelling" == settle(journey, packing, Done("packed"), NOON).run.state


def test_progress_asks_for_the_next_chunk_at_once(journey: Definition, travelling: Run) -> None:
    run = settle(journey, travelling, Progress(30, 90), NOON + HOUR / 2).run

    assert (1, 30, 90, 0) == (run.chunk, run.done, run.total, run.attempt)
    assert Perform("drive") == next_action(journey, run, [], NOON + HOUR / 2)


def test_a_retry_waits_longer_each_time_up_to_the_most(journey: Definition, travelling: Run) -> None:
    pauses = []
    run = travelling
    for _ in range(3):
        run = settle(journey, run, Retry("rain"), NOON).run
        assert run.wake_at is not None
        pauses.append((run.wake_at - NOON).total_seconds())

    assert [10, 30, 60] == pauses
    assert ("rain", Status.RETRYING, 3) == (run.error, run.status, run.attempt)
    assert next_action(journey, run, [], NOON + timedelta(seconds=59)) is None
    assert Perform("drive") == next_action(journey, run, [], NOON + timedelta(seconds=60))


def test_the_last_attempt_stops(journey: Definition, travelling: Run) -> None:
    run = travelling
    for _ in range(4):
        run = settle(journey, run, Retry("rain"), NOON).run

    assert ("home", Status.ENDED) == (run.state, run.status)
    assert "rain (attempt 4, the last one)" == run.error


def test_getting_on_forgets_the_failures(journey: Definition, travelling: Run) -> None:
    failed = settle(journey, travelling, Retry("rain"), NOON).run

    run = settle(journey, failed, Progress(1, 2), NOON).run

    assert (0, None) == (run.attempt, run.error)


def test_a_wait_parks_the_run_until_its_moment(journey: Definition, travelling: Run) -> None:
    run = settle(journey, travelling, Wait(NOON + HOUR / 4), NOON).run
    assert next_action(journey, run, [], NOON) is None
    assert NOON + HOUR / 4 == run.due_at

    endless = settle(journey, travelling, Wait(None), NOON).run
    assert NOON + HOUR == endless.due_at


@pytest.mark.parametrize("first", [0, 1])
def test_a_moment_is_written_in_utc_whoever_asked_before(journey: Definition, travelling: Run, first: int) -> None:
    zones = [timezone(HOUR), UTC]
    later = NOON + (1 + first) * timedelta(minutes=7)  # nothing has told of this one yet

    told = [
        settle(journey, travelling, Wait(later.astimezone(zones[first - number])), NOON).entry.data["wake_at"]
        for number in range(2)
    ]

    assert [later.isoformat()] * 2 == told


def test_a_moment_without_a_zone_is_refused(journey: Definition, travelling: Run) -> None:
    with pytest.raises(ValueError, match="needs its time zone"):
        settle(journey, travelling, Wait(NOON.replace(tzinfo=None)), NOON)


def test_a_stop_goes_where_the_state_says(journey: Definition, travelling: Run) -> None:
    run = settle(journey, travelling, Stop("no bridge"), NOON).run

    assert ("home", "no bridge", NOON) == (run.state, run.error, run.ended_at)
    assert run.due_at is None


def test_a_stop_that_leads_nowhere_leaves_the_run_stuck_with_its_deadline(journey: Definition, packing: Run) -> None:
    run = settle(journey, packing, Stop("no case", {"searched": "attic"}), NOON).run

    assert (Status.STUCK, "no case", {"searched": "attic"}) == (run.status, run.error, run.data)
    assert next_action(journey, run, [], NOON) is None
    assert NOON + timedelta(days=1) == run.due_at


def test_an_event_nobody_knows_leaves_the_run_stuck_not_lost(journey: Definition, packing: Run) -> None:
    run = settle(journey, packing, Done("teleported"), NOON).run

    assert Status.STUCK == run.status
    assert "teleported" in str(run.error)


@pytest.mark.parametrize(("minutes", "state"), [(59, "travelling"), (60, "delayed"), (61, "delayed")])
def test_the_deadline_is_due_at_its_moment_and_not_before(
    journey: Definition, travelling: Run, minutes: int, state: str
) -> None:
    now = NOON + timedelta(minutes=minutes)
    waiting = settle(journey, travelling, Wait(None), NOON).run

    action = next_action(journey, waiting, [], now)
    run = expire(journey, waiting, now).run if action == Expire() else waiting

    assert state == run.state


def test_an_answer_that_was_due_before_the_deadline_is_looked_at_first_and_only_once(
    journey: Definition, travelling: Run
) -> None:
    late = NOON + 5 * HOUR
    waiting = settle(journey, travelling, Wait(NOON + HOUR / 2), NOON).run
    failing = settle(journey, travelling, Retry("rain"), NOON).run

    assert Perform("drive") == next_action(journey, waiting, [], late)
    looked = settle(journey, waiting, Wait(late + HOUR), late).run
    assert Expire() == next_action(journey, looked, [], late)
    assert Expire() == next_action(journey, failing, [], late), "a step that fails must not keep the deadline away"


def test_work_that_got_there_beats_the_deadline(journey: Definition, travelling: Run) -> None:
    assert "abroad" == settle(journey, travelling, Done(), NOON + 2 * HOUR).run.state


def test_a_signal_that_came_before_the_deadline_beats_it_however_late_one_looks(
    journey: Definition, packing: Run
) -> None:
    in_time = sent("called_off", NOON + timedelta(hours=23, minutes=59))
    too_late = sent("called_off", NOON + timedelta(hours=24, seconds=1))
    week_later = NOON + timedelta(days=7)

    assert Receive(in_time) == next_action(journey, packing, [in_time], week_later)
    assert Expire() == next_action(journey, packing, [too_late], week_later)


def test_a_signal_comes_before_the_next_step(journey: Definition, packing: Run) -> None:
    signal = sent("called_off", NOON)
    decision = receive(journey, packing, signal, NOON + HOUR)

    assert Receive(signal) == next_action(journey, packing, [signal], NOON)
    assert ("home", "admin:eva", "asked for") == (
        decision.run.state,
        decision.entry.actor,
        decision.entry.data["reason"],
    )


def test_a_signal_nothing_can_await_any_more_is_discarded_and_told(journey: Definition, travelling: Run) -> None:
    signal = sent("called_off", NOON)
    assert Discard(signal) == next_action(journey, travelling, [signal], NOON)

    decision = discard(travelling, signal, NOON)
    assert (travelling.state, travelling.wake_at, travelling.seq + 1) == (
        decision.run.state,
        decision.run.wake_at,
        decision.run.seq,
    )
    assert "called_off" == decision.entry.event


@pytest.mark.rule("J4")
def test_an_ended_run_has_nothing_to_do(journey: Definition, packing: Run) -> None:
    ended = receive(journey, packing, sent("called_off", NOON), NOON).run

    assert next_action(journey, ended, [], NOON + timedelta(days=99)) is None


STORABLE = st.integers(-(2**63), 2**64 - 1)
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(
        Done, event=st.none(), data=st.dictionaries(st.text(max_size=3), st.integers(-(2**63), 2**63), max_size=2)
    ),
    st.builds(Progress, done=st.integers(0, 9), total=st.integers(10, 20)),
    st.builds(Retry, reason=st.text(max_size=8)),
    st.builds(Stop, reason=st.text(max_size=8)),
    st.builds(Wait, until=st.none()),
)


@pytest.mark.rule("J6")
@given(outcomes=st.lists(OUTCOMES, max_size=20), hours=st.lists(st.integers(0, 30), max_size=20))
def test_whatever_happens_the_journal_folds_to_the_run(
    journey: Definition, outcomes: list[Outcome], hours: list[int]
) -> None:
    decision = submit(journey, "r1", "acme", {}, "operator", NOON)
    run, journal, now = decision.run, [decision.entry], NOON
    for outcome, pause in zip(outcomes, hours, strict=False):
        now += pause * HOUR
        match next_action(journey, run, [], now):
            case Perform():
                decision = settle(journey, run, outcome, now)
            case Expire():
                decision = expire(journey, run, now)
            case _:
                continue
        run = decision.run
        journal.append(decision.entry)

    assert run == fold(journal)
    assert [entry.seq for entry in journal] == list(range(1, len(journal) + 1))
    assert (run.ended_at is not None) == journey.states[run.state].final


@pytest.mark.rule("J6")
def test_a_journal_with_a_gap_or_a_double_cannot_be_folded(journey: Definition, packing: Run) -> None:
    first = submit(journey, "r1", "acme", {}, "operator", NOON)
    second = settle(journey, first.run, Done(), NOON)
    third = settle(journey, second.run, Done(), NOON)
    broken: list[list[JournalEntry]] = [
        [first.entry, third.entry],
        [first.entry, second.entry, second.entry],
        [second.entry],
        [first.entry, first.entry],
        [],
    ]
    for journal in broken:
        with pytest.raises(ValueError):
            fold(journal)


POLICY = RetryPolicy(first=timedelta(seconds=2), factor=2.0, most=timedelta(minutes=5), jitter=0.2, attempts=None)


@given(attempt=st.integers(1, 5000), salt=st.text(max_size=20))
def test_backoff_stays_within_its_jitter_and_is_the_same_for_the_same_run(attempt: int, salt: str) -> None:
    pause = backoff(POLICY, attempt, salt)
    plain = min(2.0 * 2.0 ** min(attempt - 1, 20), 300.0)

    assert 0.8 * plain <= pause.total_seconds() <= 1.2 * plain
    assert pause == backoff(POLICY, attempt, salt)


def test_jitter_spreads_runs_apart() -> None:
    pauses = {backoff(POLICY, 3, f"run-{number}") for number in range(50)}

    assert len(pauses) > 40
