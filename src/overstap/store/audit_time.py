"""Which of two changes in the books came first, although the clocks of the hosts that made them may differ."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from overstap.domain.books import from_outside


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment of a change, and what caused it.

    Attributes:
        by: an idempotency key `run:state:visit:step[:chunk]`, a cause from outside, or None where nothing is known.
    """

    at: datetime
    by: str | None

    @property
    def run(self) -> str | None:
        """The run whose key caused it."""
        place = self._place()
        return place[0] if place else None

    def precedes(self, other: Mark) -> bool:
        """Whether it came before the other, or at the same moment.

        One run's changes follow the order of its visits, and only inside one visit the clocks.
        """
        mine, theirs = self._place(), other._place()
        if mine and theirs and mine[0] == theirs[0] and mine[1] != theirs[1]:
            return mine[1] < theirs[1]
        return self.at <= other.at

    def _place(self) -> tuple[str, int] | None:
        parts = [] if from_outside(self.by) else (self.by or "").split(":")  # an admin's key may hold colons too
        return (parts[0], int(parts[2])) if len(parts) > 3 and parts[2].isdecimal() else None  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Span:
    """From one change to another; an end of None is still to come."""

    start: Mark
    end: Mark | None

    def covers(self, mark: Mark) -> bool:
        """Whether it had begun by then and was not over."""
        if mark == self.start and mark.by is not None:
            return True  # the same operation: it was not over when it began, whatever the clock of its end says
        return self.start.precedes(mark) and not self.ended_by(mark)

    def ended_by(self, mark: Mark) -> bool:
        """Whether it was over by then."""
        return self.end is not None and self.end.precedes(mark)


def span(start: datetime, started_by: str | None, end: datetime | None, ended_by: str | None) -> Span:
    """The span that a row of the books tells."""
    return Span(Mark(start, started_by), None if end is None else Mark(end, ended_by))
