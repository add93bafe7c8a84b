"""Checks of the whole database that take long: one at a time, beside everything else, with their progress."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from overstap.app.auditing import Progress
from overstap.clock import Clock
from overstap.errors import Conflict, OverstapError

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Checked:
    """A check that was begun in this process, and how far it is.

    Attributes:
        name: which check it is.
        by: who began it.
        done, total: runs that were looked at, and how many there are; 0 of 0 before the first.
        report: what it found; None while it is under way, or when it failed.
        failed: why it came to no report.
    """

    name: str
    by: str
    began: datetime
    ended: datetime | None = None
    done: int = 0
    total: int = 0
    report: Any = None
    failed: str | None = None

    def progress(self, done: int, total: int) -> None:
        """Note how many runs were looked at, and of how many."""
        self.done, self.total = done, total


class Checking:
    """The checks of one process. Each has a thread of its own, so that nobody waits for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._one = threading.Lock()
        self._known: dict[str, Checked] = {}

    def last(self, name: str) -> Checked | None:
        """The newest check of that name; None where there was none since the process began."""
        return self._known.get(name)

    def under_way(self) -> Checked | None:
        """The check that is under way."""
        return next((one for one in list(self._known.values()) if one.ended is None), None)

    def start(self, name: str, check: Callable[[Progress], object], by: str) -> Checked:
        """Begin a check.

        Args:
            check: told where to report its progress; answers its report.
            by: who begins it.

        Raises:
            Conflict: when one is under way.
        """
        if not self._one.acquire(blocking=False):
            other = self.under_way()
            whose = f": {other.name}, begun by {other.by}" if other else ""
            raise Conflict(f"A check of the whole database is under way{whose}. Wait for its end; this page shows it.")
        made = self._known[name] = Checked(name, by, self._clock.now())
        threading.Thread(target=self._run, args=(made, check), name=f"check-{name}", daemon=True).start()
        return made

    def _run(self, made: Checked, check: Callable[[Progress], object]) -> None:
        try:
            made.report = check(made.progress)
        except OverstapError as error:
            made.failed = str(error)
        except Exception:
            log.exception("check_failed", name=made.name)
            made.failed = "Something went wrong that nobody expected; the log of the server has it."
        finally:
            made.ended = self._clock.now()
            self._one.release()
