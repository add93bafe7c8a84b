"""How the database stands, for whoever asks often: one look serves all who ask at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta

from overstap.clock import Clock
from overstap.store.gauges import Backlog, GaugeBook, Gauges

__all__ = ["Backlog", "Dashboard", "Gauges"]

_AT_LEAST_SECONDS = 1.0
_TIMES = 10
"""A look is good for so many times as long as it took: however slow the database is, this takes a tenth of it."""


class Dashboard:
    """Looks at the gauges of a database.

    Args:
        late_after: asked for how long a worker may be silent.
        stuck_after: failed tries in a row from which a run that is tried again counts as stuck.
        seconds: reads a clock that only goes forward.
    """

    def __init__(
        self,
        book: GaugeBook,
        clock: Clock,
        *,
        late_after: Callable[[], timedelta],
        stuck_after: int,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._book = book
        self._clock = clock
        self._late_after = late_after
        self._stuck_after = stuck_after
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: Gauges | None = None
        self._good_until = 0.0

    def look(self) -> Gauges:
        """How the database stands, or stood a moment ago.

        Raises:
            DatabaseUnavailable: when the database does not answer; what was known before is old then.
        """
        with self._lock:
            began = self._seconds()
            if self._known is None or began >= self._good_until:
                self._known = self._book.read(self._clock.now(), self._late_after(), self._stuck_after)
                ended = self._seconds()
                self._good_until = ended + max(_AT_LEAST_SECONDS, _TIMES * (ended - began))
            return self._known

    def alive(self) -> int:
        """How many workers live now.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        return self._book.alive(self._clock.now(), self._late_after())
