"""Letting go of what nobody needs any more: the feed, deliveries that are over, answers that were kept."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Self

import structlog

from overstap.clock import Clock
from overstap.errors import DatabaseUnavailable
from overstap.store.deliveries import DeliveryBook
from overstap.store.feed import Feed
from overstap.store.kept_answers import KeptAnswers

log = structlog.get_logger(__name__)

EVERY = timedelta(minutes=5)
"""How often it is looked for something to let go of; of the machine's time."""
_LAST_SECONDS = 5.0


class Sweeper:
    """Deletes what is older than it is kept.

    Args:
        keep: how long the feed, and deliveries that are over, are kept.
        keep_answers: how long the answers to idempotency keys are.
        clock: deliveries live by the machine's time.
        runs_clock: by which the runs live, and so the feed.
    """

    def __init__(
        self,
        feed: Feed,
        deliveries: DeliveryBook,
        answers: KeptAnswers,
        clock: Clock,
        runs_clock: Clock,
        *,
        keep: timedelta,
        keep_answers: timedelta,
    ) -> None:
        self._feed = feed
        self._deliveries = deliveries
        self._answers = answers
        self._clock = clock
        self._runs_clock = runs_clock
        self._keep = keep
        self._keep_answers = keep_answers

    def sweep(self) -> None:
        """Delete it now; of the feed nothing that a webhook has still to read."""
        while self._deliveries.prune(self._clock.now() - self._keep):
            pass
        self._feed.prune(self._runs_clock.now() - self._runs_clock.stretch(self._keep), self._deliveries.unread())
        self._answers.prune(self._keep_answers)


class SweepingThread:
    """Has a sweeper sweep now and then, in a thread of its own, for as long as its block lasts."""

    def __init__(self, sweeper: Sweeper, every: timedelta = EVERY) -> None:
        self._sweeper = sweeper
        self._seconds = every.total_seconds()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="overstap-sweeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.set()
        self._thread.join(timeout=_LAST_SECONDS)

    def _run(self) -> None:
        while not self._closing.wait(self._seconds):
            try:
                self._sweeper.sweep()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
            except Exception:
                log.exception("sweeping_failed")  # whatever it was, the next time tries again
