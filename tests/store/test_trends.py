"""The courses of runs by the time of their creation: all of few, and the first ones of each stretch of many."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from overstap.store.database import Database
from overstap.store.narrowing import first_id
from overstap.store.rows import RUN, changing_values, fixed_values
from overstap.store.trends import Course, TrendBook
from overstap.workflow.run import Run, Status

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def courses(database: Database) -> list[Course]:
    """A run each ten seconds of ten minutes; every second one has ended, after two minutes."""
    made = []
    for number in range(60):
        created = NOON + number * timedelta(seconds=10)
        ended = created + 2 * MINUTE if number % 2 else None
        run = Run(
            id=first_id(created)[:-4] + f"{number:04}",
            workflow="change",
            version=1,
            digest="digest",
            tenant_id=f"t{number}",
            input={"subscription_id": "s", "target_plan": "e1"},
            state="completed" if ended else "moving",
            status=Status.ENDED if ended else Status.READY,
            created_at=created,
            updated_at=created,
            ended_at=ended,
        )
        made.append(run)
    with database.write() as connection:
        rows = [{**fixed_values(run), **changing_values(run), "claim_token": 0, "inbox": 0} for run in made]
        connection.execute(insert(RUN), rows)
    return [Course(run.created_at, run.ended_at, run.state) for run in made]


def test_few_runs_are_all_told_and_of_more_none_is(database: Database, courses: list[Course]) -> None:
    book = TrendBook(database)
    assert sorted(book.since(NOON + 5 * MINUTE, 30) or []) == courses[30:]
    assert book.since(NOON + 5 * MINUTE, 29) is None


def test_each_stretch_of_time_is_counted_from_its_beginning_to_before_its_end(
    database: Database, courses: list[Course]
) -> None:
    stretches = [(NOON + 9 * MINUTE, NOON + 20 * MINUTE), (NOON, NOON + 2 * MINUTE), (NOON - MINUTE, NOON)]
    assert TrendBook(database).counts(stretches) == [6, 12, 0]


def test_a_sample_is_the_first_runs_of_each_stretch(database: Database, courses: list[Course]) -> None:
    stretches = [(NOON + MINUTE, NOON + 2 * MINUTE), (NOON - MINUTE, NOON), (NOON, NOON + MINUTE / 3)]
    assert TrendBook(database).samples(stretches, 4) == [courses[6:10], [], courses[:2]]
