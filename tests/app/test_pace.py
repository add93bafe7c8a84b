"""How many steps a worker does, and what its listing tells of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overstap.app.figures import WorkerFigures
from overstap.app.mailbox import StepEnded
from overstap.app.pace import Pace
from overstap.store.batch import Claim
from overstap.store.fleet import Standing, WorkerRecord
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
RECORD = WorkerRecord("w", "host", 1, "1.0", NOON, NOON, None, steps=0, rate=0.0, held=0)
LOST = StepEnded(Claim(Run("r1", "errand", 1, "", "t1", {}, "going", NOON, NOON), 1, 0, [], NOON, "w"))
LATE_AFTER = timedelta(seconds=15)


def steps(pace: Pace, count: int) -> None:
    pace.steps_ended([LOST] * count)


def test_the_rate_is_over_the_time_since_the_start_at_first() -> None:
    pace = Pace(100.0, WorkerFigures())
    steps(pace, 30)

    assert (30, 3.0) == pace.told(110.0)


def test_the_rate_forgets_what_is_longer_than_a_minute_ago() -> None:
    pace = Pace(0.0, WorkerFigures())
    for beat in range(1, 41):
        steps(pace, 50 if beat <= 20 else 10)  # every five seconds
        told = pace.told(5.0 * beat)

    assert (1200, 2.0) == told


def test_a_worker_that_rests_for_a_minute_does_nothing_per_second() -> None:
    pace = Pace(0.0, WorkerFigures())
    steps(pace, 100)
    for second in (5.0, 60.0, 66.0):
        told = pace.told(second)

    assert (100, 0.0) == told


def test_a_rate_asked_at_once_is_nothing() -> None:
    assert (0, 0.0) == Pace(5.0, WorkerFigures()).told(5.0)


@pytest.mark.parametrize(
    ("record", "after", "standing"),
    [
        (RECORD, timedelta(seconds=15), Standing.ALIVE),
        (RECORD, timedelta(seconds=16), Standing.LATE),
        (replace(RECORD, stopped_at=NOON), timedelta(0), Standing.STOPPED),
        (replace(RECORD, stopped_at=NOON), timedelta(days=1), Standing.STOPPED),
    ],
)
def test_a_worker_is_late_when_it_has_been_silent_for_long(
    record: WorkerRecord, after: timedelta, standing: Standing
) -> None:
    assert standing is record.standing(NOON + after, LATE_AFTER)
