"""Where a run's time went: for every journal all of it, and each part with its reason."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.decide import Signal, discard, expire, receive, settle, submit
from overstap.workflow.outcome import Done, Progress, Retry, Stop, Wait
from overstap.workflow.run import JournalEntry, Kind, Run
from overstap.workflow.spells import Why
from overstap.workflow.timeline import Timeline, take_up, timeline
from random_journals import ORDER, Story, definitions, stories

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NONE = timedelta(0)
(PLAN_CHANGE,) = [each for each in definitions() if each.name == "plan_change"]


class Writing:
    """A journal that is written one outcome after the other."""

    def __init__(self) -> None:
        first = submit(PLAN_CHANGE, "r1", "acme", ORDER, "operator:ada", NOON)
        self.run: Run = first.run
        self.journal: list[JournalEntry] = [first.entry]

    def step(self, outcome: Done | Progress | Retry | Stop | Wait, after: timedelta) -> None:
        self._add(settle(PLAN_CHANGE, self.run, outcome, self.run.updated_at + after))

    def signal(self, event: str, after: timedelta) -> None:
        at = self.run.updated_at + after
        self._add(receive(PLAN_CHANGE, self.run, Signal("s", event, "so", "operator:ada", at), at + MINUTE))

    def expire(self, after: timedelta) -> None:
        self._add(expire(PLAN_CHANGE, self.run, self.run.updated_at + after))

    def _add(self, decision: object) -> None:
        self.run, entry = decision.run, decision.entry  # type: ignore[attr-defined]
        self.journal.append(entry)

    def seen(self, after: timedelta = NONE) -> Timeline:
        return timeline(self.journal, self.run.updated_at + after)


def spells(given: Timeline) -> list[tuple[str, str | None, str, timedelta]]:
    return [(one.state, one.step, one.why.value, one.took) for one in given.spells]


@given(story=stories())
def test_the_time_in_all_states_is_the_life_of_the_run(story: Story) -> None:
    seen = timeline(story.journal, story.now)
    run = story.runs[-1]
    life = (run.ended_at or story.now) - run.created_at

    assert life == seen.lasted == sum((visit.took for visit in seen.visits), NONE)
    assert life == sum((spell.took for spell in seen.spells), NONE)
    assert life == sum((one.took for one in seen.waited()), NONE)


@given(story=stories())
def test_each_visit_and_each_spell_begins_where_the_one_before_ended(story: Story) -> None:
    seen = timeline(story.journal, story.now)

    for parts in (seen.visits, [(one.since, one.until) for one in seen.spells]):
        edges = [(one.entered, one.until) if hasattr(one, "entered") else one for one in parts]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))
    assert [one.state for one in seen.visits] == [entry.to_state for entry in story.journal if entry.to_state]
    assert list(range(1, story.runs[-1].visit + 1)) == [one.number for one in seen.visits]
    assert all(one.took > NONE for one in seen.spells)


@given(story=stories())
def test_a_spell_lies_within_its_visit(story: Story) -> None:
    seen = timeline(story.journal, story.now)
    visits = {visit.number: visit for visit in seen.visits}

    for spell in seen.spells:
        assert visits[spell.visit].entered <= spell.since <= spell.until <= visits[spell.visit].until
        assert spell.state == visits[spell.visit].state


@given(story=stories())
def test_every_answer_of_a_step_is_counted_once(story: Story) -> None:
    seen = timeline(story.journal, story.now)
    answers = [entry for entry in story.journal if entry.step is not None]

    assert len(answers) == sum(one.tries for one in seen.attempts)
    failures = sum("error" in entry.data for entry in answers)
    assert failures == sum(one.failures for one in seen.attempts) == sum(one.failures for one in seen.visits)


@given(story=stories(), kept=st.integers(1, 40))
def test_the_end_of_a_journal_measures_as_that_part_of_the_whole(story: Story, kept: int) -> None:
    """A journal that is too long to be read is taken up late: what is counted then is the same."""
    tail = story.journal[-kept:]
    head = story.journal[: len(story.journal) - len(tail)]
    whole = timeline(story.journal, story.now)
    if not head:
        return
    entered = [entry for entry in head if entry.to_state][-1]

    seen = timeline(tail, story.now, take_up(story.runs[-1], entered, tail))

    assert tail[0].seq == seen.first_seq
    places = [(one.number, one.state, one.entered, one.until, one.left) for one in seen.visits]
    same = [(one.number, one.state, one.entered, one.until, one.left) for one in whole.visits]
    assert same[-len(places) :] == places
    assert max(seen.until - tail[0].at, NONE) == sum((one.took for one in seen.spells), NONE)


def test_a_pause_before_a_try_is_told_apart_from_a_turn_that_nobody_took() -> None:
    run = Writing()
    run.step(Done(), MINUTE)
    run.step(Retry("rain"), NONE)
    pause = (run.run.wake_at or NOON) - run.run.updated_at
    run.step(Done("order_accepted"), 10 * MINUTE)

    assert [
        ("submitted", "check_preconditions", "due", MINUTE),
        ("submitted", "place_order", "pause", pause),
        ("submitted", "place_order", "due", 10 * MINUTE - pause),
    ] == spells(run.seen())


def test_a_wait_for_an_answer_ends_when_it_is_due_or_a_signal_comes() -> None:
    run = Writing()
    run.step(Done(), NONE)
    run.step(Done("credit_required"), NONE)
    run.step(Wait(NOON + 60 * MINUTE), NONE)
    run.signal("credit_approved", 20 * MINUTE)

    assert [
        ("credit_check", None, "answer", 20 * MINUTE),
        ("credit_check", None, "due", MINUTE),
    ] == spells(run.seen())


def test_a_wait_without_a_moment_is_for_something_from_outside_until_the_deadline() -> None:
    run = Writing()
    run.step(Done(), NONE)
    run.step(Done("credit_required"), NONE)
    run.step(Wait(None), NONE)
    fortnight = timedelta(days=14)
    run.expire(fortnight + MINUTE)

    assert [
        ("credit_check", None, "outside", fortnight),
        ("credit_check", None, "due", MINUTE),
    ] == spells(run.seen())


def test_what_is_stuck_is_stuck_until_now() -> None:
    run = Writing()
    run.step(Done(), NONE)
    run.step(Done("order_refused"), NONE)
    run.step(Stop("snow"), NONE)

    assert [("rolling_back", None, "stuck", 5 * MINUTE)] == spells(run.seen(5 * MINUTE))
    (last,) = [one for one in run.seen().attempts if one.state == "rolling_back"]
    assert (1, 1, "snow", True, Kind.STUCK) == (last.tries, last.failures, last.error, last.failed, last.answered)


def test_many_pauses_are_summed_up_with_the_longest() -> None:
    run = Writing()
    run.step(Done(), NONE)
    for _ in range(3):
        run.step(Retry("rain"), (run.run.wake_at or NOON) - run.run.updated_at)
    run.step(Done("order_accepted"), (run.run.wake_at or NOON) - run.run.updated_at)

    (paused,) = [one for one in run.seen().waited() if one.longest.why is Why.PAUSE]
    pauses = [spell.took for spell in run.seen().spells if spell.why is Why.PAUSE]
    assert (3, sum(pauses, NONE), max(pauses)) == (paused.times, paused.took, paused.longest.took)


def test_a_clock_that_goes_back_takes_no_time() -> None:
    run = Writing()
    run.step(Done(), 2 * MINUTE)
    run.step(Done("order_accepted"), -MINUTE)

    assert (2 * MINUTE, [2 * MINUTE, NONE]) == (run.seen().lasted, [visit.took for visit in run.seen().visits])


def test_a_dropped_signal_changes_nothing_of_what_is_waited_for() -> None:
    run = Writing()
    run.step(Done(), NONE)
    run.step(Done("order_refused"), NONE)
    run.step(Wait(run.run.updated_at + 9 * MINUTE), NONE)
    dropped = Signal("s", "cancel", "so", "admin:eva", run.run.updated_at)
    run._add(discard(run.run, dropped, run.run.updated_at + MINUTE))

    assert sum((one.took for one in run.seen(8 * MINUTE).spells if one.why is Why.ANSWER), NONE) == 9 * MINUTE


def test_a_share_is_a_part_of_the_whole() -> None:
    run = Writing()

    assert 0.0 == run.seen().share(NONE)
    assert 0.25 == run.seen(4 * MINUTE).share(MINUTE)
