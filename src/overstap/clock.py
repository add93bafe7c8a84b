"""The only place that reads the time (design §4: time is an argument).

Everything else gets a `Clock` or a `now`. All times are aware and in UTC.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST = timedelta(days=36_500)
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


class TooLong(ValueError):
    """A duration that is written well, and longer than can be counted with."""


def parse_duration(text: str) -> timedelta:
    """Read a duration such as `250ms`, `2s`, `1h30m` or `14d`.

    Args:
        text: one or more numbers, each with its unit: ms, s, m, h, d or w.

    Raises:
        ValueError: when the text is anything else; the message shows the form.
        TooLong: when it is more than a hundred years.
    """
    compact = text.strip()
    parts = list(_PART.finditer(compact))
    if not parts or "".join(part.group() for part in parts) != compact:
        raise ValueError(f"{text!r} is not a duration; write it like 250ms, 2s, 1h30m or 14d")
    seconds = sum(float(part[1]) * _UNITS[part[2]] for part in parts)
    if seconds > _LONGEST.total_seconds():
        raise TooLong(f"{text!r} is a longer time than can be counted with; at most {_LONGEST.days}d")
    return timedelta(seconds=seconds)


def parse_moment(text: str) -> datetime:
    """Read a moment such as `2026-03-02`, `2026-03-02 12:30` or `2026-03-02T12:30:00+01:00`; the answer is in UTC.

    Args:
        text: ISO 8601; without a zone it is a moment in the zone of who reads it here.

    Raises:
        ValueError: when the text is anything else; the message shows the form.
    """
    try:
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a moment; write it like 2026-03-02, or 2026-03-02T12:30:00+01:00") from None


def format_duration(duration: timedelta) -> str:
    """Write a duration the way `parse_duration` reads it, with its two largest units."""
    rest = round(abs(duration.total_seconds()), 3)
    if rest < 1:
        return f"{round(rest * 1000)}ms" if rest else "0s"
    words = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            words.append(f"{int(count)}{unit}")
    return ("-" if duration < timedelta(0) else "") + "".join(words[:2])


class Clock(Protocol):
    """Tells the time, and how clock time relates to the machine's own."""

    @property
    def speed(self) -> float:
        """How much faster than the machine's own time this clock runs (1.0: the same)."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    def stretch(self, machine_time: timedelta) -> timedelta:
        """How far this clock gets in so much machine time; for leases and heartbeats."""

    def shrink(self, clock_time: timedelta) -> timedelta:
        """How much machine time passes while this clock gets so far; for waiting."""

    def sleep(self, clock_time: timedelta) -> None:
        """Wait until the clock got so much further."""


class SystemClock:
    """The machine's own time."""

    speed = 1.0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def stretch(self, machine_time: timedelta) -> timedelta:
        return machine_time

    def shrink(self, clock_time: timedelta) -> timedelta:
        return clock_time

    def sleep(self, clock_time: timedelta) -> None:
        time.sleep(max(0.0, clock_time.total_seconds()))


class ScaledClock:
    """Runs `speed` times as fast as the machine, from two anchors on; for demos and rehearsals.

    The same anchors and speed give the same time in every process, so they are stored in the database.

    Args:
        speed: clock seconds per machine second, above 0.
        machine_anchor: the machine's time at which the clock showed `clock_anchor`.
        clock_anchor: what the clock showed then.
    """

    def __init__(self, speed: float, machine_anchor: datetime, clock_anchor: datetime) -> None:
        if speed <= 0:
            raise ValueError(f"a clock's speed is above 0, not {speed}")
        self._pace = (speed, machine_anchor, clock_anchor)

    @property
    def speed(self) -> float:
        return self._pace[0]

    def follow(self, other: ScaledClock) -> None:
        """Go on at another clock's pace."""
        self._pace = other._pace

    def now(self) -> datetime:
        return self.at(datetime.now(UTC))

    def at(self, machine_time: datetime) -> datetime:
        """What the clock shows at a moment of the machine's time."""
        speed, machine_anchor, clock_anchor = self._pace
        return clock_anchor + (machine_time - machine_anchor) * speed

    def stretch(self, machine_time: timedelta) -> timedelta:
        return machine_time * self.speed

    def shrink(self, clock_time: timedelta) -> timedelta:
        return clock_time / self.speed

    def sleep(self, clock_time: timedelta) -> None:
        time.sleep(max(0.0, clock_time.total_seconds() / self.speed))


class VirtualClock:
    """Stands still until it is told to move; for tests. `sleep` moves it instead of waiting."""

    speed = 1.0

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        with self._lock:
            self._now += by

    def advance_to(self, moment: datetime) -> None:
        """Move the clock forward to a moment; a moment that has passed leaves it where it is."""
        with self._lock:
            self._now = max(self._now, moment)

    def stretch(self, machine_time: timedelta) -> timedelta:
        return machine_time

    def shrink(self, clock_time: timedelta) -> timedelta:
        return clock_time

    def sleep(self, clock_time: timedelta) -> None:
        self.advance(clock_time)
