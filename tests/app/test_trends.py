"""How the last hours went: exactly where runs are few, estimated where they are many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from overstap.app.trends import Trend, Trends, Window
from overstap.clock import VirtualClock
from overstap.settings import load_settings
from overstap.steps import STEP_EVENTS
from overstap.store.database import Database
from overstap.store.trends import Course, Stretch, TrendBook
from overstap.workflow.files import Library, load_library

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


class KnownRuns(TrendBook):
    """A book over runs in memory; `asked` has the stretches that were counted."""

    def __init__(self, courses: Sequence[Course]) -> None:
        super().__init__(Database("sqlite:///unused.db"))
        self.courses = sorted(courses, key=lambda one: one.created_at)
        self.asked: list[Stretch] = []

    def since(self, moment: datetime, most: int) -> list[Course] | None:
        found = [one for one in self.courses if one.created_at >= moment]
        return found if len(found) <= most else None

    def counts(self, stretches: Sequence[Stretch]) -> list[int]:
        self.asked += stretches
        return [len(self._within(one)) for one in stretches]

    def samples(self, stretches: Sequence[Stretch], each: int) -> list[list[Course]]:
        return [self._within(one)[:each] for one in stretches]

    def _within(self, stretch: Stretch) -> list[Course]:
        return [one for one in self.courses if stretch[0] <= one.created_at < stretch[1]]


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(load_settings().workflows, STEP_EVENTS)


def trend(library: Library, book: TrendBook, window: Window = Window.HOUR, most: int = 1000) -> Trend:
    return Trends(book, library, VirtualClock(NOON), most=most).look(window)


def test_each_point_tells_what_was_submitted_what_ended_and_how_long_it_took(library: Library) -> None:
    begins = NOON - 10 * MINUTE
    found = trend(
        library,
        KnownRuns(
            [
                Course(begins, begins + 30 * SECOND, "completed"),
                Course(begins + SECOND, begins + 11 * SECOND, "completed"),
                Course(begins + 2 * SECOND, begins + 52 * SECOND, "completed"),
                Course(begins + 3 * SECOND, begins + 4 * SECOND, "failed"),
                Course(begins + 4 * SECOND, None, "migrating"),
            ]
        ),
    )
    point = next(one for one in found.points if one.begins == begins)
    assert (point.submitted, point.ended) == (5, 4)
    assert (point.median, point.p95) == (30 * SECOND, 50 * SECOND)
    assert found.whole == found.whole.__class__(found.points[0].begins, 5, 4, 30 * SECOND, 50 * SECOND)
    assert not found.estimated


@pytest.mark.parametrize("window", list(Window))
def test_the_points_cover_the_window_without_a_gap(library: Library, window: Window) -> None:
    found = trend(library, KnownRuns([]), window)
    width = window.width
    assert [one.begins for one in found.points] == [
        found.points[0].begins + n * width for n in range(window.span // width)
    ]
    assert found.points[-1].begins <= NOON < found.points[-1].begins + width


def test_what_was_submitted_long_before_the_window_still_ends_in_it(library: Library) -> None:
    credit = Course(NOON - 14 * 24 * HOUR, NOON - 5 * MINUTE, "completed")
    assert trend(library, KnownRuns([credit])).whole.ended == 1


def test_of_very_many_runs_the_submitted_are_counted_and_the_ends_estimated(library: Library) -> None:
    many = [Course(NOON - n * SECOND, NOON - n * SECOND + 90 * SECOND, "completed") for n in range(1, 20_000)]
    found = trend(library, KnownRuns(many))
    assert found.estimated
    assert found.whole.submitted == 59 * 60  # the last minute has just begun
    assert found.whole.ended == pytest.approx(60 * 60, rel=0.05)
    assert found.whole.median == 90 * SECOND


def test_what_is_over_is_counted_once(library: Library) -> None:
    many = [Course(NOON - n * SECOND, None, "migrating") for n in range(1, 20_000)]
    book, clock, seconds = KnownRuns(many), VirtualClock(NOON), [0.0]
    trends = Trends(book, library, clock, most=100, seconds=lambda: seconds[0])
    trends.look(Window.HOUR)
    first = len(book.asked)
    clock.advance(MINUTE)
    seconds[0] += 60
    trends.look(Window.HOUR)
    assert first > 100
    assert len(book.asked) - first < 10


def test_one_look_serves_all_who_ask_within_a_few_seconds(library: Library) -> None:
    trends = Trends(KnownRuns([]), library, VirtualClock(NOON), seconds=lambda: 0.0)
    assert trends.look(Window.HOUR) is trends.look(Window.HOUR)
