"""What operators are told of, by the workflow's own structure."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from overstap.settings import data_path
from overstap.steps import STEP_EVENTS
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.files import load_library
from overstap.workflow.notable import Notice, Topic, good_ends, notices_of
from overstap.workflow.run import JournalEntry, Kind

LIBRARY = load_library(data_path("workflows"), STEP_EVENTS)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DEADLINES = {
    ("plan_change", "submitted"): Topic.EXPIRED,
    ("plan_change", "credit_check"): Topic.EXPIRED,
    ("plan_change", "migrating"): Topic.ESCALATED,
    ("manual_change", "submitted"): Topic.EXPIRED,
    ("manual_change", "acknowledgement"): Topic.EXPIRED,
    ("manual_change", "backup"): Topic.EXPIRED,
    ("manual_change", "domain_removal"): Topic.EXPIRED,
    ("manual_change", "buying"): Topic.EXPIRED,
    ("manual_change", "credit_check"): Topic.EXPIRED,
    ("manual_change", "migrating"): Topic.ESCALATED,
    ("manual_change", "domain_return"): Topic.ESCALATED,
    ("manual_change", "domain_overdue"): Topic.EXPIRED,
}
WORKING = [(each.name, state) for each in LIBRARY.all() for state, spec in each.states.items() if not spec.final]
ROUNDABOUT = """
workflow: roundabout
version: 1
chart:
  states:
    out: {initial: true, transitions: [{event: there, target: home}, {event: late, target: back}]}
    back: {transitions: [{event: returned, target: nowhere}, {event: dusk, target: night}]}
    night: {transitions: [{event: returned, target: nowhere}, {event: dawn, target: nowhere}]}
    home: {final: true}
    nowhere: {final: true}
states:
  out: {steps: [go], on_done: there, deadline: {after: 1h, event: late}}
  back: {steps: [turn], on_done: returned, deadline: {after: 1h, event: dusk}}
  night: {steps: [turn], on_done: returned, deadline: {after: 1h, event: dawn}}
"""


def entry(kind: Kind, state: str, **more: Any) -> JournalEntry:
    return JournalEntry(run_id="r1", seq=7, at=NOON, kind=kind, from_state=state, **more)


def told(definition: Definition, *entries: JournalEntry, stuck_after: int = 5) -> list[Topic]:
    return [notice.topic for notice in notices_of(definition, entries, stuck_after)]


def passed_deadline(definition: Definition, state: str) -> JournalEntry:
    deadline = definition.states[state].deadline
    assert deadline is not None
    target = definition.next_state(state, deadline.event)
    return entry(Kind.TRANSITION, state, event=deadline.event, to_state=target, actor="deadline")


def test_the_table_names_every_deadline_of_the_workflows_that_come_along() -> None:
    assert DEADLINES.keys() == {
        (each.name, state) for each in LIBRARY.all() for state, spec in each.states.items() if spec.deadline
    }


@pytest.mark.rule("R32", "R34")
@pytest.mark.parametrize(("name", "state"), DEADLINES)
def test_each_passed_deadline_is_told_as_what_it_is(name: str, state: str) -> None:
    definition = LIBRARY.latest(name)

    assert [DEADLINES[name, state]] == told(definition, passed_deadline(definition, state))


@pytest.mark.parametrize("name", ["plan_change", "manual_change"])
def test_the_only_good_end_is_the_one_that_no_failure_leads_to(name: str) -> None:
    assert {"completed"} == good_ends(LIBRARY.latest(name))


@pytest.mark.parametrize(("name", "state"), WORKING)
def test_a_step_that_stops_for_good_parks_a_run_except_while_it_is_undone(name: str, state: str) -> None:
    expected = Topic.COMPENSATION_FAILED if state == "rolling_back" else Topic.PARKED

    assert [expected] == told(LIBRARY.latest(name), entry(Kind.STUCK, state, step="s", data={"error": "no"}))


@pytest.mark.parametrize(
    ("state", "attempt", "expected"),
    [
        ("migrating", 4, []),
        ("migrating", 5, [Topic.PARKED]),
        ("migrating", 6, []),
        ("rolling_back", 5, [Topic.COMPENSATION_FAILED]),
    ],
)
def test_a_step_that_fails_again_and_again_is_told_once(state: str, attempt: int, expected: list[Topic]) -> None:
    failed = entry(Kind.RETRY, state, step="s", data={"attempt": attempt, "error": "away"})

    assert expected == told(LIBRARY.latest("plan_change"), failed)


@pytest.mark.parametrize("kind", [Kind.SUBMITTED, Kind.STEP_DONE, Kind.PROGRESS, Kind.WAIT, Kind.SIGNAL_DISCARDED])
def test_what_gets_on_is_not_told(kind: Kind) -> None:
    assert [] == told(LIBRARY.latest("plan_change"), entry(kind, "migrating"))


@pytest.mark.parametrize("actor", ["worker", "operator:ann", "admin:bob"])
def test_what_somebody_or_a_step_decided_is_not_told(actor: str) -> None:
    moved = entry(Kind.TRANSITION, "migrating", event="migration_failed", to_state="rolling_back", actor=actor)

    assert [] == told(LIBRARY.latest("plan_change"), moved)


def test_a_notice_names_its_entry() -> None:
    stuck = entry(Kind.STUCK, "migrating", data={"error": "no"})

    assert [Notice("r1", 7, Topic.PARKED, NOON)] == notices_of(LIBRARY.latest("plan_change"), [stuck], 5)


@pytest.mark.parametrize(("state", "expected"), [("out", "expired"), ("back", "escalated"), ("night", "expired")])
def test_a_deadline_of_an_undoing_that_goes_on_is_an_escalation_and_its_end_an_expiry(
    tmp_path: Path, state: str, expected: str
) -> None:
    path = tmp_path / "roundabout.v1.yaml"
    path.write_text(ROUNDABOUT, encoding="utf-8")
    definition = load_definition(path, None)

    assert [Topic(expected)] == told(definition, passed_deadline(definition, state))


def test_where_every_end_may_follow_a_failure_none_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "roundabout.v1.yaml"
    path.write_text(
        ROUNDABOUT.replace("target: nowhere}, {event: dusk", "target: home}, {event: dusk"), encoding="utf-8"
    )
    definition = load_definition(path, None)

    assert {"home", "nowhere"} >= good_ends(definition)
    assert [Topic.PARKED] == told(definition, entry(Kind.STUCK, "out", data={"error": "no"}))
