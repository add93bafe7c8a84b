"""How many runs were submitted and ended over the last hours, and how long those took that were completed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from operator import itemgetter

from overstap.clock import Clock
from overstap.store.trends import Course, Stretch, TrendBook
from overstap.workflow.files import Library
from overstap.workflow.notable import good_ends

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GOOD_FOR = 5.0
"""Seconds that a look is good for at least."""
_TIMES = 20
"""A look is good for so many times as long as it took."""
_LONGEST = timedelta(days=15)
"""A credit check takes 14 days at most, so nearly all runs that end now were created within this."""
_MOST = 5_000
"""Runs read for one look, about; of more, some are."""
_PARTS = 2
"""Stretches that each point is counted and sampled in, where there are very many runs."""
_BEFORE = timedelta(hours=6)
"""So long before the window runs are looked for at least, where there are very many."""
_BEFORE_PARTS = 24
_MOST_COUNTED = 2_000
"""Stretches whose runs are remembered."""
_SETTLED = timedelta(minutes=1)
"""Of the machine's time, after which no run comes in any more that was created before."""

Weighed = tuple[float, Course]
"""A run, and how many runs it stands for."""


class Window(StrEnum):
    """How far back a trend goes, in clock time."""

    HOUR = "1h"
    QUARTER = "6h"
    DAY = "24h"

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return {Window.HOUR: timedelta(hours=1), Window.QUARTER: timedelta(hours=6), Window.DAY: timedelta(days=1)}[
            self
        ]

    @property
    def width(self) -> timedelta:
        """The time that one point is about."""
        minutes = {Window.HOUR: 1, Window.QUARTER: 5, Window.DAY: 30}[self]
        return timedelta(minutes=minutes)


@dataclass(frozen=True, slots=True)
class Point:
    """What happened within one stretch of time.

    Attributes:
        submitted: runs that were created in it.
        ended: runs that ended in it, however they did.
        median, p95: how long those that were completed in it took from their creation; None where there were none.
    """

    begins: datetime
    submitted: int
    ended: int
    median: timedelta | None
    p95: timedelta | None


@dataclass(frozen=True, slots=True)
class Trend:
    """What happened over the last hours.

    Attributes:
        at: the moment of the look.
        points: the oldest first; the last one is not over yet.
        whole: the same about all of the window.
        since: what was submitted before this moment is not looked at, also where it ended in the window.
        estimated: whether ends and durations are those of a part of the runs.
    """

    at: datetime
    window: Window
    points: tuple[Point, ...]
    whole: Point
    since: datetime
    estimated: bool


class Trends:
    """Looks at what happened over the last hours.

    Args:
        seconds: reads a clock that only goes forward.
        most: runs that are read for one look, about.
    """

    def __init__(
        self,
        book: TrendBook,
        library: Library,
        clock: Clock,
        *,
        seconds: Callable[[], float] = time.monotonic,
        most: int = _MOST,
    ) -> None:
        self._book = book
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._good = frozenset(end for definition in library.all() for end in good_ends(definition))
        self._lock = threading.Lock()
        self._known: dict[Window, tuple[float, Trend]] = {}
        self._counted: dict[Stretch, int] = {}

    def look(self, window: Window) -> Trend:
        """What happened within a window, or a few seconds ago had happened.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._lock:
            began = self._seconds()
            good_until, known = self._known.get(window, (0.0, None))
            if known is None or began >= good_until:
                known = self._look(window, self._clock.now())
                ended = self._seconds()
                self._known[window] = ended + max(_GOOD_FOR, _TIMES * (ended - began)), known
            return known

    def _look(self, window: Window, now: datetime) -> Trend:
        # Points begin at round times, so that a stretch that is over is the same one at the next look.
        number = window.span // window.width
        last = _EPOCH + ((now - _EPOCH) // window.width + 1) * window.width
        begins = last - window.span
        since, estimated = begins - _LONGEST, False
        all_of_them = self._book.since(since, self._most)
        if all_of_them is None:
            stretches = _stretches(begins, last, window)
            since = stretches[0][0]
            runs, estimated = self._sampled(stretches, now)
        else:
            runs = [(1.0, one) for one in all_of_them]
        submitted: list[list[Weighed]] = [[] for _ in range(number)]
        ended: list[list[Weighed]] = [[] for _ in range(number)]
        for one in runs:
            created_at, ended_at, _ = one[1]
            if begins <= created_at < last:
                submitted[(created_at - begins) // window.width].append(one)
            if ended_at is not None and begins <= ended_at < last:
                ended[(ended_at - begins) // window.width].append(one)
        points = tuple(
            self._point(begins + n * window.width, came, went)
            for n, (came, went) in enumerate(zip(submitted, ended, strict=True))
        )
        whole = self._point(begins, _all(submitted), _all(ended))
        return Trend(now, window, points, whole, since, estimated)

    def _sampled(self, stretches: Sequence[Stretch], now: datetime) -> tuple[list[Weighed], bool]:
        new = [one for one in stretches if one not in self._counted]
        counts = {**self._counted, **dict(zip(new, self._book.counts(new), strict=True))}
        settled = now - self._clock.stretch(_SETTLED)
        if len(self._counted) > _MOST_COUNTED:
            self._counted.clear()
        self._counted |= {one: counts[one] for one in stretches if one[1] < settled}
        full = [one for one in stretches if counts[one]]
        each = max(1, self._most // max(1, len(full)))
        samples = self._book.samples(full, each)
        weighed = [
            (counts[stretch] / len(sample), one)
            for stretch, sample in zip(full, samples, strict=True)
            for one in sample
        ]
        return weighed, any(counts[one] > each for one in full)

    def _point(self, begins: datetime, came: Sequence[Weighed], went: Sequence[Weighed]) -> Point:
        took = sorted(
            (
                ((one.ended_at - one.created_at).total_seconds(), weight)
                for weight, one in went
                if one.state in self._good and one.ended_at is not None
            ),
            key=itemgetter(0),
        )
        return Point(begins, _number(came), _number(went), _quantile(took, 0.5), _quantile(took, 0.95))


def _stretches(begins: datetime, last: datetime, window: Window) -> list[Stretch]:
    """What runs are counted in: of the window and of what was before it; the same ones again a moment later."""
    before = max(window.span, _BEFORE)
    wide, narrow = before / _BEFORE_PARTS, window.width / _PARTS
    first = _EPOCH + (begins - before - _EPOCH) // wide * wide
    edges = [first + n * wide for n in range(_BEFORE_PARTS + 2)]
    edges = [one for one in edges if one < begins] + [begins + n * narrow for n in range((last - begins) // narrow + 1)]
    return list(pairwise(edges))


def _all(parts: Iterable[list[Weighed]]) -> list[Weighed]:
    return [one for part in parts for one in part]


def _number(runs: Iterable[Weighed]) -> int:
    return round(sum(weight for weight, _ in runs))


def _quantile(took: Sequence[tuple[float, float]], share: float) -> timedelta | None:
    """The least duration that this share of the weight does not exceed."""
    rest = share * sum(weight for _, weight in took)
    for seconds, weight in took:
        rest -= weight
        if rest <= 1e-9 * weight:
            return timedelta(seconds=seconds)
    return None
