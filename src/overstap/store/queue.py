"""The queue of due runs: one index, `run_due`, read from the front of each priority's part of it.

Each part is read from its longest due run on and no further than the present, so ended and parked runs cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, Select, bindparam, false, literal, or_, select
from sqlalchemy.sql import ColumnElement

from overstap.store.database import UtcDateTime
from overstap.store.rows import RUN
from overstap.workflow.priority import Priority, shares

_RANKS = [one.rank for one in Priority]
_NOW = bindparam("b_now", type_=UtcDateTime())


class DueQueue:
    """The runs that the workers of one process may take.

    Args:
        workflows: name and version of the definitions this process has; other runs are left to those that have theirs.
    """

    def __init__(self, workflows: Iterable[tuple[str, int]]) -> None:
        ours = [(RUN.c.workflow == name) & (RUN.c.version == version) for name, version in sorted(workflows)]
        self._ours = or_(false(), *ours) & RUN.c.due_at.is_not(None)
        # Built once: to put a statement together costs more than what the database does with it.
        self.due = self._firsts(RUN.c.due_at <= _NOW)
        """Finds for each priority, as a column, since when its first run is due at `b_now`."""
        self._later = self._firsts(RUN.c.due_at > _NOW)
        self._lines = {one: self._line(one, select(RUN.c.due_at)) for one in Priority}

    def shares(self, connection: Connection, limit: int, now: datetime) -> dict[Priority, int]:
        """How many runs of each priority are to be taken now, at most `limit` together."""
        fronts = _moments(connection, self.due, now)
        if len(fronts) < 2:  # noqa: PLR2004 - nothing to weigh
            return dict.fromkeys(fronts, limit)
        about = {"b_now": now, "b_count": limit}
        return shares({one: connection.execute(self._lines[one], about).scalars().all() for one in fronts}, limit)

    def next(self, priority: Priority) -> Select[Any]:
        """The ids of the `b_count` runs of a priority that at `b_now` are due longest."""
        return self._line(priority, select(RUN.c.id))

    def newest(self, priority: Priority) -> Select[Any]:
        """The ids of the `b_count` runs of a priority that at `b_now` have been due for the shortest time."""
        return self._line(priority, select(RUN.c.id), RUN.c.due_at.desc())

    def next_due(self, connection: Connection, after: datetime) -> datetime | None:
        """When the first run is due after a moment, or the first claim runs out."""
        return min(_moments(connection, self._later, after).values(), default=None)

    def busy(self, now: datetime, longest_claim: datetime) -> Select[Any]:
        """Finds a row when something is due or held.

        Args:
            longest_claim: no claim made so far can end later than this.
        """
        held_or_due = (RUN.c.due_at <= now) | RUN.c.claimed_by.is_not(None)
        there = self._ours & RUN.c.priority.in_(_RANKS) & (RUN.c.due_at <= longest_claim) & held_or_due
        return select(literal(1)).where(there).limit(1)

    def _line(self, priority: Priority, what: Select[Any], order: ColumnElement[Any] = RUN.c.due_at) -> Select[Any]:
        due = (RUN.c.priority == priority.rank) & (RUN.c.due_at <= _NOW) & self._ours
        return what.where(due).order_by(order).limit(bindparam("b_count", type_=Integer))

    def _firsts(self, when: ColumnElement[bool]) -> Select[Any]:
        """Finds the first such moment of each priority, as its columns."""
        first = select(RUN.c.due_at).where(when, self._ours).order_by(RUN.c.due_at).limit(1)
        return select(*(first.where(RUN.c.priority == one.rank).scalar_subquery().label(one.value) for one in Priority))


def _moments(connection: Connection, firsts: Select[Any], now: datetime) -> dict[Priority, datetime]:
    row = connection.execute(firsts, {"b_now": now}).one()
    return {one: moment for one, moment in zip(Priority, row, strict=True) if moment is not None}
