"""Which of two changes in the books came first, although the clocks of the hosts that made them may differ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from overstap.domain.books import from_outside
from overstap.store.rows import JOURNAL
from overstap.workflow.run import Kind


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment of a change, and what caused it.

    Attributes:
        by: an idempotency key `run:state:visit:step[:chunk]`, a cause from outside, or None where nothing is known.
        rewound: its run was put back to an earlier visit, so that the visits do not tell the order of time any more.
    """

    at: datetime
    by: str | None
    rewound: bool = False

    @property
    def run(self) -> str | None:
        """The run whose key caused it."""
        place = self._place()
        return place[0] if place else None

    def precedes(self, other: Mark) -> bool:
        """Whether it came before the other, or at the same moment.

        One run's changes follow the order of its visits; only inside one visit, or where it was rewound, the clocks.
        """
        mine, theirs = self._place(), other._place()
        if mine and theirs and mine[0] == theirs[0] and mine[1] != theirs[1] and not self.rewound:
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


class Marks:
    """Makes marks of what the rows of the books tell.

    Args:
        rewound: the runs that were put back to an earlier visit.
    """

    def __init__(self, rewound: Collection[str] = ()) -> None:
        self._rewound = rewound

    @classmethod
    def read(cls, connection: Connection) -> Marks:
        """For the runs of a database."""
        back = (JOURNAL.c.kind == Kind.REPLAYED.value) & JOURNAL.c.to_state.is_not(None)
        return cls(set(connection.execute(select(JOURNAL.c.run_id).where(back).distinct()).scalars()))

    def mark(self, at: datetime, by: str | None) -> Mark:
        """The mark of one change."""
        mark = Mark(at, by)
        return replace(mark, rewound=True) if mark.run in self._rewound else mark

    def span(self, start: datetime, started_by: str | None, end: datetime | None, ended_by: str | None) -> Span:
        """The span that a row tells."""
        return Span(self.mark(start, started_by), None if end is None else self.mark(end, ended_by))
