"""How a database stands, in numbers: each against a look at every row, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, text

from overstap.store.database import Database
from overstap.store.fleet import Fleet, Standing
from overstap.store.gauges import DELIVERY, Backlog, GaugeBook, Gauges
from overstap.store.rows import EFFECT, RUN, WORKER, changing_values, fixed_values
from overstap.store.tally import tell_tally
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run, Status

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LATE_AFTER = timedelta(seconds=15)
STUCK_AFTER = 3
WORKERS = {"lively": Standing.ALIVE, "silent": Standing.LATE, "gone": Standing.STOPPED}

Row = dict[str, Any]


def a_run(chance: random.Random, number: int) -> tuple[Run, Row]:
    """A run as workers and operators may leave it, and what its row has besides."""
    status = chance.choice([*Status, Status.ENDED])
    ended, failed = status is Status.ENDED, status in {Status.RETRYING, Status.STUCK}
    deadline = None if ended or chance.random() < 0.3 else NOW + chance.choice([-5, -1, 2]) * HOUR
    wake = None if ended or status is Status.STUCK else NOW + chance.choice([-7, -2, 3]) * HOUR
    run = Run(
        id=f"r{number:03}",
        workflow=chance.choice(["change", "other"]),
        version=chance.choice([1, 2]),
        digest="digest",
        tenant_id=f"t{number}",
        input={"subscription_id": "s", "target_plan": chance.choice(["e1", "e3"])},
        state="done" if ended else chance.choice(["moving", "waiting"]),
        status=status,
        created_at=NOW - 9 * HOUR,
        updated_at=NOW - 9 * HOUR,
        ended_at=NOW if ended else None,
        attempt=chance.randrange(1, 6) if failed else 0,
        error="no answer" if failed or chance.random() < 0.1 else None,
        held="wait" if not ended and chance.random() < 0.2 else None,
        wake_at=wake,
        deadline_at=deadline,
    )
    priority = chance.choice(list(Priority)).rank
    row = {"due_at": run.due_at, "claimed_by": None, "claim_until": None, "priority": priority}
    if not ended and chance.random() < 0.3:
        until = NOW + chance.choice([-1, 1]) * MINUTE
        row |= {"claimed_by": chance.choice(list(WORKERS)), "claim_until": until, "due_at": until}
    return run, row


@pytest.fixture
def runs(database: Database) -> list[tuple[Run, Row]]:
    chance = random.Random(11)
    made = [a_run(chance, number) for number in range(200)]
    with database.write() as connection:
        rows = [{**fixed_values(run), **changing_values(run), "claim_token": 0, "inbox": 0, **row} for run, row in made]
        connection.execute(insert(RUN), rows)
        tell_tally(connection, ((None, run) for run, _ in made))
    return made


@pytest.fixture
def effects(database: Database, runs: list[tuple[Run, Row]]) -> list[Row]:
    chance = random.Random(12)
    made = [
        {
            "key": f"{run.id}:{number}",
            "run_id": run.id,
            "operation": "move_users",
            "status": chance.choice(["confirmed", "unknown"]),
            "request": {},
            "at": NOW,
        }
        for run, _ in runs
        for number in range(2)
    ]
    with database.write() as connection:
        connection.execute(insert(EFFECT), made)
    return made


@pytest.fixture
def workers(database: Database) -> None:
    fleet = Fleet(database)
    for name in WORKERS:
        fleet.register(name, "host", 1, "1.0", NOW - HOUR)
    fleet.heartbeat("lively", NOW - LATE_AFTER, 70, 1.0)
    fleet.heartbeat("silent", NOW - LATE_AFTER - timedelta(seconds=1), 20, 1.0)
    fleet.stopped("gone", NOW - MINUTE, steps=9)


@pytest.fixture
def deliveries(database: Database) -> None:
    states = ["waiting"] * 3 + ["dead"] * 2 + ["delivered"] * 4
    rows = [
        {
            "id": f"d{number}",
            "webhook_id": "w",
            "run_id": "r001",
            "seq": number,
            "at": NOW - number * MINUTE,
            "status": status,
            "attempts": 0,
            "next_at": NOW,
        }
        for number, status in enumerate(states, start=1)
    ]
    with database.write() as connection:
        connection.execute(insert(DELIVERY), rows)


def gauges(database: Database) -> Gauges:
    return GaugeBook(database).read(NOW, LATE_AFTER, STUCK_AFTER)


def backlog(moments: Iterable[datetime | None]) -> Backlog:
    found = [moment for moment in moments if moment is not None]
    return Backlog(len(found), min(found, default=None))


def test_runs_are_counted_by_workflow_and_state(database: Database, runs: list[tuple[Run, Row]]) -> None:
    assert Counter((run.workflow, run.state) for run, _ in runs) == gauges(database).runs


def test_what_failed_is_counted_by_whether_somebody_must_look(database: Database, runs: list[tuple[Run, Row]]) -> None:
    retrying = [run for run, _ in runs if run.status is Status.RETRYING]
    stuck = [run for run, _ in runs if run.status is Status.STUCK]
    found = gauges(database)

    assert len(retrying) == found.retrying
    assert len(stuck) + sum(run.attempt >= STUCK_AFTER for run in retrying) == found.stuck
    assert sum(run.held is not None for run, _ in runs) == found.held


def test_what_is_due_is_counted_with_its_oldest_by_priority(database: Database, runs: list[tuple[Run, Row]]) -> None:
    due = [row for _, row in runs if row["due_at"] is not None and row["due_at"] <= NOW]

    assert {one: backlog(row["due_at"] for row in due if row["priority"] == one.rank) for one in Priority} == gauges(
        database
    ).due


def test_a_deadline_that_has_passed_is_counted_whoever_holds_the_run(
    database: Database, runs: list[tuple[Run, Row]]
) -> None:
    passed = [run.deadline_at for run, _ in runs if run.deadline_at is not None and run.deadline_at < NOW]

    assert backlog(passed) == gauges(database).overdue


def test_effects_are_unknown_of_runs_in_trouble(
    database: Database, runs: list[tuple[Run, Row]], effects: list[Row]
) -> None:
    trouble = {run.id for run, _ in runs if run.error is not None and run.ended_at is None}

    assert (
        sum(one["status"] == "unknown" and one["run_id"] in trouble for one in effects)
        == gauges(database).effects_unknown
        > 0
    )


@pytest.mark.usefixtures("workers")
def test_workers_are_counted_with_what_they_hold(database: Database, runs: list[tuple[Run, Row]]) -> None:
    held = Counter(WORKERS[row["claimed_by"]] for _, row in runs if row["claimed_by"] is not None)
    found = gauges(database)

    assert dict.fromkeys(Standing, 1) == found.workers
    assert dict(held) == found.claims
    assert 99 == found.steps
    assert 1 == GaugeBook(database).alive(NOW, LATE_AFTER)


@pytest.mark.usefixtures("deliveries")
def test_deliveries_are_counted_that_wait_or_were_given_up(database: Database) -> None:
    found = gauges(database)

    assert (Backlog(3, NOW - 3 * MINUTE), 2) == (found.deliveries, found.dead_deliveries)


def test_an_empty_database_has_nothing_of_anything(database: Database) -> None:
    found = gauges(database)

    assert ({}, 0, 0, 0, 0, 0) == (
        found.runs,
        found.retrying,
        found.stuck,
        found.held,
        found.effects_unknown,
        found.steps,
    )
    assert dict.fromkeys(Priority, Backlog(0)) == found.due
    assert (Backlog(0), Backlog(0), 0) == (found.overdue, found.deliveries, found.dead_deliveries)
    assert dict.fromkeys(Standing, 0) == found.workers == found.claims


@pytest.fixture
def asked(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent to the database."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield statements
    event.remove(database.engine, "before_cursor_execute", note)


def walks(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The tables that a statement is answered by walking through."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        return [row[3].split()[1] for row in plan if row[3].startswith("SCAN ") and " INDEX " not in row[3]]
    connection.execute(text("SET LOCAL enable_seqscan = off"))  # the tables of a test are too small for an index
    plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    return [line.partition("Seq Scan on ")[2].split()[0] for line in plan if "Seq Scan on " in line]


@pytest.mark.usefixtures("runs", "effects", "workers", "deliveries")
def test_no_question_walks_through_what_grows_for_ever(database: Database, asked: list[tuple[str, Any]]) -> None:
    gauges(database)
    questions = asked[:]
    with database.snapshot() as connection:
        walked = {table for question in questions for table in walks(connection, *question)}

    assert len(questions) > 8
    assert set() == walked & {RUN.name, EFFECT.name, DELIVERY.name}
    assert WORKER.name in walked
