"""Every run can be explained: in each state and status of each shipped workflow, each question, in each language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from overstap.language import language
from overstap.steps import STEP_EVENTS
from overstap.workflow.circumstances import Circumstances, Holder
from overstap.workflow.decide import Signal
from overstap.workflow.definition import Definition
from overstap.workflow.explain import QUESTIONS, Explanation, explain
from overstap.workflow.limits import Cause, Waits
from overstap.workflow.pauses import Pause, Scope
from overstap.workflow.remedies import ACTS
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.spec import StateSpec
from random_journals import Story, definitions, stories

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAIN = Circumstances(step_events=STEP_EVENTS)
DUTCH, ENGLISH = language("nl"), language("en")


@dataclass(frozen=True)
class Case:
    definition: Definition
    run: Run

    @property
    def spec(self) -> StateSpec:
        return self.definition.states[self.run.state]

    def told(self, known: Circumstances = PLAIN, now: datetime = NOW, spoken: Any = ENGLISH) -> dict[str, str]:
        return told(explain(self.definition, self.run, known, now), spoken)

    def target(self, event: str) -> str:
        target = self.definition.next_state(self.run.state, event)
        assert target is not None
        return target


def told(explanation: Explanation, spoken: Any) -> dict[str, str]:
    return {name: "\n".join(spoken.tell(one) for one in answer) for name, answer in explanation.answers()}


def cases() -> Iterator[Any]:
    for definition in definitions():
        for name, spec in definition.states.items():
            for status in [Status.ENDED] if spec.final else list(Status)[:-1]:
                for step in sorted({0, max(0, len(spec.steps) - 1)}):
                    at = f"{definition.name}-{name}-{status}-{step}"
                    made = run(definition, spec, status, step)
                    yield pytest.param(Case(definition, made), id=at)
                    if not spec.final:
                        yield pytest.param(Case(definition, replace(made, held="storing")), id=f"{at}-held")


def run(definition: Definition, spec: StateSpec, status: Status, step: int) -> Run:
    wakes = {Status.READY: NOW - HOUR, Status.WAITING: NOW + 3 * HOUR, Status.RETRYING: NOW + 3 * HOUR}
    troubled = status in {Status.RETRYING, Status.STUCK}
    return Run(
        id="R1",
        workflow=definition.name,
        version=definition.version,
        digest=definition.digest,
        tenant_id="acme",
        input={},
        state=spec.name,
        created_at=NOW - 9 * HOUR,
        updated_at=NOW - HOUR,
        status=status,
        cause="order_accepted",
        visit=2,
        step=step,
        attempt=3 if status is Status.RETRYING else 0,
        wake_at=wakes.get(status),
        deadline_at=NOW + 5 * HOUR if spec.deadline else None,
        error="regen (x17)" if troubled else None,
        ended_at=NOW - HOUR if status is Status.ENDED else None,
        seq=5,
    )


def plan_change(state: str, status: Status, step: int = 0) -> Case:
    (definition,) = [each for each in definitions() if each.name == "plan_change"]
    return Case(definition, run(definition, definition.states[state], status, step))


def holder(**more: Any) -> Circumstances:
    values = {"worker_id": "host-7", "until": NOW + HOUR / 60, "seen_at": NOW - timedelta(seconds=4), **more}
    return replace(PLAIN, holder=Holder(**values))


EVERY = list(cases())
BUSY = Circumstances(
    entered=JournalEntry("R1", 4, NOW - 2 * HOUR, Kind.TRANSITION, "order_overdue", "a", "b", data={"deadline": "x"}),
    turned=JournalEntry("R1", 3, NOW - 4 * HOUR, Kind.TRANSITION, "cancel", "c", "a", None, "ada", {"reason": "ruzie"}),
    holder=Holder("host-7", NOW + HOUR, NOW - HOUR, None, alive=False),
    workers_alive=2,
    signals=tuple(Signal(f"s{at}", at, "ruzie", "ada", NOW) for at in ("cancel", "credit_approved", "domains_ready")),
    unknown_effects=("R1:x:1:y",),
    pauses=tuple(Pause(scope, "iets", "storing", "ada", NOW - HOUR) for scope in Scope),
    waits=Waits("iets", Cause.PROVIDER, NOW - HOUR, NOW + HOUR),
    acts=(*ACTS, "frobnicate"),
    step_events=STEP_EVENTS,
)


@pytest.mark.parametrize("case", EVERY)
def test_no_question_is_left_without_an_answer(case: Case) -> None:
    for known in (Circumstances(), PLAIN, BUSY):
        answers = case.told(known)

        assert list(QUESTIONS) == list(answers)
        assert all(answer.strip() for answer in answers.values())
        assert not re.search(r"[{}]|None", " ".join(answers.values()))


@pytest.mark.parametrize("case", EVERY)
def test_the_dutch_answer_has_no_english_left(case: Case) -> None:
    english = re.compile(
        r"\b(the|and|it|its|that|this|by|at|not|to|when|been|after|before|leads|ago|nobody|step|what|nothing|hour)\b",
        re.IGNORECASE,
    )
    for known in (PLAIN, BUSY, replace(PLAIN, waits=Waits("iets", Cause.TENANT, NOW - HOUR, NOW + HOUR))):
        for sentence in "\n".join(case.told(known, spoken=DUTCH).values()).splitlines():
            words = sentence.partition("overstap ")[0]  # commands are the same in each language
            assert words
            assert not re.search(r"[{}]|None", words)
            assert not english.search(words), sentence


@pytest.mark.parametrize("case", EVERY)
def test_what_comes_next_names_the_state_that_each_answer_leads_to(case: Case) -> None:
    coming, spec = case.told()["next"], case.spec
    left = spec.steps[case.run.step :]

    if spec.final:
        assert f"Nothing: {spec.name} is an end." == coming
        return
    for event in {spec.on_done if left else None, spec.on_stop if left else None} - {None}:
        assert f"{event} leads to {case.target(event)}" in coming
    for step in left:
        assert step in coming
        for event in STEP_EVENTS[step] & case.definition.chart.moves[spec.name].keys():
            assert f"If {step} answers {event}, it goes to {case.target(event)}." in coming
    for step in spec.steps[: case.run.step]:
        assert not re.search(rf"\b{step}\b", coming)  # what is done does not come again


@pytest.mark.parametrize("case", EVERY)
def test_a_deadline_is_told_with_its_moment_and_where_it_leads(case: Case) -> None:
    answers, deadline = case.told(), case.spec.deadline

    if deadline is not None:
        for name in ("wakes", "next"):
            assert ENGLISH.tell(NOW + 5 * HOUR) in answers[name]
            assert case.target(deadline.event) in answers[name]
    elif not case.spec.final:
        assert "no deadline" in answers["next"]


@pytest.mark.parametrize("case", EVERY)
def test_the_timer_and_the_awaited_signals_are_what_wakes_it(case: Case) -> None:
    wakes = case.told()["wakes"]

    for event in case.spec.signals:
        assert f"The signal {event} from outside, at any time: it leads to {case.target(event)}." in wakes
    match case.run.status:
        case Status.READY | Status.RETRYING | Status.WAITING if case.run.held is not None:
            assert "While it is held no step is done" in wakes
            assert "its turn" not in wakes
        case Status.READY:
            assert "its turn came 1 hour ago" in wakes
        case Status.RETRYING | Status.WAITING:
            assert f"at {ENGLISH.tell(case.run.wake_at)}, in 3 hours" in wakes
        case Status.STUCK:
            assert "No timer" in wakes
        case Status.ENDED:
            assert "Nothing: it has ended." == wakes


@pytest.mark.parametrize("case", EVERY)
def test_trouble_is_told_with_its_error(case: Case) -> None:
    why = case.told()["why"]

    assert (case.run.error is not None) == ("regen (x17)" in why)
    assert (case.run.status is Status.STUCK) == ("stuck" in why)
    assert (case.run.status is Status.RETRYING) == ("has failed three times in a row" in why)


@given(story=stories())
def test_whatever_happened_to_a_run_it_can_be_explained(story: Story) -> None:
    entered = [entry for entry in story.journal if entry.to_state][-1]

    explanation = explain(story.definition, story.runs[-1], replace(PLAIN, entered=entered), story.now)

    assert all(answer.strip() for answer in told(explanation, DUTCH).values())


def entry(**values: Any) -> Circumstances:
    at = {"run_id": "R1", "seq": 5, "at": NOW - 2 * HOUR, "kind": Kind.TRANSITION, "event": "go", "from_state": "there"}
    return replace(PLAIN, entered=JournalEntry(**{**at, **values}))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (entry(kind=Kind.SUBMITTED, actor="operator:ada", from_state=None, event=None), "operator:ada ordered it then"),
        (entry(actor="deadline", data={"deadline": "…"}), "the deadline of there had passed (go)"),
        (entry(step="dig", data={"error": "rock"}), "step dig of there stopped (go): rock"),
        (entry(step="dig"), "step dig of there was done and sent go"),
        (entry(actor="admin:eva", data={"reason": "no money"}), "admin:eva sent go while it was in there: no money"),
        (entry(actor="operator:ada"), "go, by operator:ada"),
    ],
)
def test_how_it_came_here_is_told_with_who_and_how_long_ago(known: Circumstances, words: str) -> None:
    why = plan_change("migrating", Status.READY).told(known)["why"]

    assert f"It has been in migrating since {ENGLISH.tell(NOW - 2 * HOUR)}, for 2 hours: {words}" in why


@pytest.mark.parametrize(
    ("known", "words"),
    [
        (PLAIN, "Nobody holds it."),
        (replace(PLAIN, workers_alive=2), "Two workers are running here and can take it."),
        (holder(), "Worker host-7 holds it until 2 Mar 2026 12:01, for 1 minute more.\nThat worker lives"),
        (holder(alive=False), "seems to be dead: it was last heard of 4 seconds ago"),
        (holder(alive=False), "Another worker takes the run when the claim has run out."),
        (holder(stopped_at=NOW - HOUR), "That worker ended at"),
        (holder(seen_at=None), "That worker is not known here."),
        (holder(until=NOW - HOUR), "The claim of worker host-7 ran out 1 hour ago"),
    ],
)
def test_who_holds_it_is_told_with_how_long_and_whether_that_worker_lives(known: Circumstances, words: str) -> None:
    assert words in plan_change("migrating", Status.READY).told(known)["holder"]


@pytest.mark.parametrize(
    ("status", "known", "words"),
    [
        (Status.READY, PLAIN, "no worker has looked at it"),
        (Status.READY, holder(until=NOW + 9 * HOUR), "a worker is at its step"),
        (Status.WAITING, PLAIN, "An answer was due before the deadline"),
    ],
)
def test_a_deadline_that_passed_is_told_with_why_nothing_has_come_of_it(
    status: Status, known: Circumstances, words: str
) -> None:
    wakes = plan_change("migrating", status).told(known, NOW + 6 * HOUR)["wakes"]

    assert "Its deadline passed 1 hour ago" in wakes
    assert "migration_overdue leads to escalated at the next look" in wakes
    assert words in wakes


@pytest.mark.parametrize(
    ("state", "event", "at", "words"),
    [
        ("credit_check", "credit_approved", NOW, "the next worker applies it"),
        ("credit_check", "credit_approved", NOW + 6 * HOUR, "after the deadline, which comes first"),
        ("submitted", "credit_approved", NOW, "waits until a state awaits it"),
        ("migrating", "credit_approved", NOW, "too late: no state to come awaits it"),
    ],
)
def test_a_signal_that_came_in_is_told_with_what_becomes_of_it(
    state: str, event: str, at: datetime, words: str
) -> None:
    known = replace(PLAIN, signals=(Signal("s", event, "so", "admin:eva", at),))

    wakes = plan_change(state, Status.WAITING).told(known, at + HOUR)["wakes"]

    assert f"The signal {event} of admin:eva came 1 hour ago" in wakes
    assert words in wakes


def test_pauses_between_tries_are_told_as_the_policy_and_the_next_one_as_it_will_be() -> None:
    coming = plan_change("escalated", Status.RETRYING, step=2).told()["next"]

    assert "Try 4 of step move_users, at 2 Mar 2026 15:00, in 3 hours." in coming
    assert "pauses grow from about 1 minute to about 15 minutes, and it never gives up" in coming


def test_without_a_worker_the_advice_is_to_start_one() -> None:
    answers = plan_change("migrating", Status.READY).told(replace(PLAIN, workers_alive=0))

    assert "none is running here" in answers["wakes"]
    assert "Start a worker: overstap worker" in answers["can_do"]


def test_what_is_held_or_paused_is_told_with_who_and_why() -> None:
    paused = Pause(Scope.PROVIDER, "embedded", "they asked us to", "operator:ada", NOW - HOUR)
    case = plan_change("migrating", Status.READY)
    held = Case(case.definition, replace(case.run, held="audit"))
    answers = held.told(replace(PLAIN, pauses=(paused,)))

    assert "An operator holds it back: audit" in answers["why"]
    assert "The provider embedded is paused, by operator:ada since 2 Mar 2026 11:00: they asked us to" in answers["why"]
    assert "a signal and its deadline still count" in answers["wakes"]


@pytest.mark.parametrize(
    ("cause", "why", "wakes"),
    [
        (Cause.PROVIDER, "all runs together may ask no more of it now", "when there is a place; it is looked for at"),
        (Cause.TENANT, "for its tenant no more may be asked of it now", "Its turn at the provider embedded, at"),
    ],
)
def test_a_limit_is_told_with_whose_it_is_and_when_it_is_the_runs_turn(cause: Cause, why: str, wakes: str) -> None:
    waits = Waits("embedded", cause, NOW - HOUR / 60, NOW + HOUR / 60)

    answers = plan_change("migrating", Status.READY).told(replace(PLAIN, waits=waits, workers_alive=2))

    assert "Since 2 Mar 2026 11:59 it waits for its turn at the provider embedded" in answers["why"]
    assert why in answers["why"]
    assert wakes in answers["wakes"]
    assert "12:01" in answers["wakes"]
    assert "next free worker" not in answers["wakes"]
    assert "can take it" not in answers["holder"]


def test_each_act_that_is_possible_is_told_with_its_command() -> None:
    can_do = plan_change("migrating", Status.STUCK).told(replace(PLAIN, acts=("retry", "approve", "new")))["can_do"]

    assert "overstap runs retry R1 --reason TEXT" in can_do
    assert "overstap credit approve R1 --reason TEXT" in can_do
    assert "new: overstap runs new R1 --reason TEXT" in can_do
    assert "signal R1" not in can_do


def test_giving_a_held_run_up_is_told_with_what_it_still_needs() -> None:
    case = plan_change("migrating", Status.STUCK)
    held, free = Case(case.definition, replace(case.run, held="audit")), case

    can_do = [one.told(replace(PLAIN, acts=("fail",)))["can_do"] for one in (held, free)]

    assert "Give it up; what was done is undone once it is released: overstap runs fail R1" in can_do[0]
    assert "Give it up, with what was done undone first: overstap runs fail R1" in can_do[1]


def test_without_acts_the_awaited_signals_can_be_sent_but_no_answer_to_a_task() -> None:
    case = plan_change("credit_check", Status.WAITING)

    can_do = case.told(replace(PLAIN, answers=frozenset({"credit_declined"})))["can_do"]

    assert "overstap signal R1 credit_approved --reason TEXT" in can_do
    assert "signal R1 credit_declined" not in can_do
