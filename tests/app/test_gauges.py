"""One look at the gauges serves all who ask at the same time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from overstap.app.gauges import Dashboard
from overstap.clock import VirtualClock
from overstap.errors import DatabaseUnavailable
from overstap.store.gauges import Gauges

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Book:
    """Gauges that are counted when they are read."""

    def __init__(self) -> None:
        self.read_at: list[datetime] = []
        self.away = False
        self.takes = 0.0
        self.seconds = 0.0
        self.read_again = threading.Event()

    def read(self, now: datetime, late_after: timedelta, stuck_after: int) -> Gauges:
        if self.away:
            raise DatabaseUnavailable("gone")
        self.read_at.append(now)
        if len(self.read_at) > 1:
            self.read_again.set()
        self.seconds += self.takes
        return object()  # type: ignore[return-value]


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def dashboard(book: Book) -> Dashboard:
    late = timedelta(seconds=15)
    return Dashboard(
        book,  # type: ignore[arg-type]
        VirtualClock(NOON),
        late_after=lambda: late,
        stuck_after=5,
        seconds=lambda: book.seconds,
    )


def test_a_storm_of_questions_costs_one_look(book: Book, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    read = book.read

    def read_slowly(*about: object) -> Gauges:
        found = read(*about)  # type: ignore[arg-type]
        book.read_again.wait(0.1)
        return found

    monkeypatch.setattr(book, "read", read_slowly)
    threads = [threading.Thread(target=dashboard.look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [NOON] == book.read_at


def test_a_look_is_good_for_a_second(book: Book, dashboard: Dashboard) -> None:
    first = dashboard.look()
    book.seconds = 0.9
    assert first is dashboard.look()

    book.seconds = 1.0
    assert first is not dashboard.look()


def test_a_look_that_took_long_is_good_for_long(book: Book, dashboard: Dashboard) -> None:
    book.takes = 2.0
    first = dashboard.look()
    book.seconds = 21.0
    assert first is dashboard.look()

    book.seconds = 22.0
    assert first is not dashboard.look()


def test_a_database_that_went_away_is_not_shown_as_it_was(book: Book, dashboard: Dashboard) -> None:
    dashboard.look()
    book.away, book.seconds = True, 5.0

    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            dashboard.look()
