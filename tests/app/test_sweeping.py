"""What nobody needs any more is let go of, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from overstap.app.sweeping import Sweeper, SweepingThread
from overstap.clock import VirtualClock
from overstap.errors import DatabaseUnavailable
from overstap.store.database import Database
from overstap.store.deliveries import DeliveryBook
from overstap.store.feed import Feed
from overstap.store.kept_answers import KeptAnswers

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_answers_are_kept_for_their_time_and_no_longer(database: Database) -> None:
    clock = VirtualClock(datetime(2026, 3, 2, tzinfo=UTC))
    feed, answers = Feed(database), KeptAnswers(database, clock)
    book = DeliveryBook(database, feed)
    sweeper = Sweeper(feed, book, answers, clock, clock, keep=DAY, keep_answers=HOUR)
    answers.begin("anna", "key", "digest", repeatable=False)

    clock.advance(HOUR)
    sweeper.sweep()
    assert answers.begin("anna", "key", "digest", repeatable=True) is not None

    clock.advance(timedelta(seconds=1))
    sweeper.sweep()
    assert answers.begin("anna", "key", "digest", repeatable=True) is None


def test_a_database_that_is_away_is_swept_later() -> None:
    class Failing:
        times = 0

        def sweep(self) -> None:
            self.times += 1
            raise DatabaseUnavailable("away") if self.times == 1 else RuntimeError("broken")

    failing = Failing()
    with SweepingThread(failing, timedelta(milliseconds=1)):  # type: ignore[arg-type]
        while failing.times < 3:
            pass
    assert failing.times >= 3
