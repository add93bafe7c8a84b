"""The queue of due runs: one index, `run_due`, read from the front of each priority's part of it.

Each part is read from its longest due run on and no further than the present, so ended and parked runs cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, literal, select, tuple_
from sqlalchemy.sql import ColumnElement

from overstap.store.rows import RUN
from overstap.workflow.priority import Priority, shares

_RANKS = [one.rank for one in Priority]


class DueQueue:
    """The runs that the workers of one process may take.

    Args:
        workflows: name and version of the definitions this process has; other runs are left to those that have theirs.
    """

    def __init__(self, workflows: Iterable[tuple[str, int]]) -> None:
        self._ours = tuple_(RUN.c.workflow, RUN.c.version).in_(sorted(workflows)) & RUN.c.due_at.is_not(None)

    def shares(self, connection: Connection, limit: int, now: datetime) -> dict[Priority, int]:
        """How many runs of each priority are to be taken now, at most `limit` together."""
        fronts = self._first(connection, RUN.c.due_at <= now)
        if len(fronts) < 2:  # noqa: PLR2004 - nothing to weigh
            return dict.fromkeys(fronts, limit)
        due = {}
        for one in fronts:
            line = select(RUN.c.due_at).where(self._of(one, RUN.c.due_at <= now)).order_by(RUN.c.due_at).limit(limit)
            due[one] = connection.execute(line).scalars().all()
        return shares(due, limit)

    def next(self, priority: Priority, limit: int, now: datetime) -> Select[Any]:
        """The ids of the runs of a priority that are due longest."""
        return select(RUN.c.id).where(self._of(priority, RUN.c.due_at <= now)).order_by(RUN.c.due_at).limit(limit)

    def next_due(self, connection: Connection, after: datetime) -> datetime | None:
        """When the first run is due after a moment, or the first claim runs out."""
        return min(self._first(connection, RUN.c.due_at > after).values(), default=None)

    def busy(self, now: datetime, longest_claim: datetime) -> Select[Any]:
        """Finds a row when something is due or held.

        Args:
            longest_claim: no claim made so far can end later than this.
        """
        held_or_due = (RUN.c.due_at <= now) | RUN.c.claimed_by.is_not(None)
        there = self._ours & RUN.c.priority.in_(_RANKS) & (RUN.c.due_at <= longest_claim) & held_or_due
        return select(literal(1)).where(there).limit(1)

    def _of(self, priority: Priority, when: ColumnElement[bool]) -> ColumnElement[bool]:
        return (RUN.c.priority == priority.rank) & when & self._ours

    def _first(self, connection: Connection, when: ColumnElement[bool]) -> dict[Priority, datetime]:
        """The first moment that a run of each priority is due; those that have none are left out."""
        fronts = {
            one: select(RUN.c.due_at).where(self._of(one, when)).order_by(RUN.c.due_at).limit(1).scalar_subquery()
            for one in Priority
        }
        row = connection.execute(select(*(front.label(one.value) for one, front in fronts.items()))).one()
        return {one: moment for one, moment in zip(Priority, row, strict=True) if moment is not None}
