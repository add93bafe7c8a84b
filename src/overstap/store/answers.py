"""The runs that wait for a person, and the one answer that each gets."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select, tuple_
from sqlalchemy.sql import ColumnElement

from overstap.errors import Conflict
from overstap.store.database import Database
from overstap.store.rows import RUN, SIGNAL
from overstap.store.runs import STORED, StoredRun, put_signal, to_stored
from overstap.workflow.decide import Signal

_MINUTE = "%Y-%m-%d %H:%M UTC"

Place = tuple[str, int, str]
"""A state of a workflow: its name, its version, the state."""


class Answers:
    """What runs of one database ask people, and what these say."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def awaited(self, places: Collection[Place], tenant_id: str | None = None) -> list[StoredRun]:
        """The runs in some of these states, the oldest first.

        Args:
            tenant_id: only this tenant's; None for all.
        """
        here: ColumnElement[bool] = tuple_(RUN.c.workflow, RUN.c.version, RUN.c.state).in_(sorted(places))
        query = select(*STORED).where(here, RUN.c.ended_at.is_(None)).order_by(RUN.c.id)
        if tenant_id is not None:
            query = query.where(RUN.c.tenant_id == tenant_id)
        with self._database.read() as connection:
            return [to_stored(row) for row in connection.execute(query)]

    def give(self, run_id: str, answer: Signal, *, visit: int, rivals: Collection[str]) -> None:
        """Put the answer to what a run asks now into its inbox: the first one, and no other.

        Whoever is told that it was taken can rely on it: what comes later does not overtake it.

        Args:
            visit: which visit of a state asks.
            rivals: the events by which that state can end from outside.

        Raises:
            Conflict: when the run has gone on, its deadline has passed, or something else has come in before.
        """
        with self._database.write() as connection:
            # Held until the end: of two answers at once the second finds the first.
            run = connection.execute(
                select(RUN.c.visit, RUN.c.deadline_at).where(RUN.c.id == run_id).with_for_update()
            ).one()
            if run.visit != visit:
                raise Conflict(f"Run {run_id} has gone on meanwhile: it does not ask for this any more.")
            pending = select(SIGNAL).where(
                SIGNAL.c.run_id == run_id, SIGNAL.c.settled_at.is_(None), SIGNAL.c.event.in_(sorted(rivals))
            )
            first = connection.execute(pending.order_by(SIGNAL.c.at, SIGNAL.c.id).limit(1)).first()
            if first is not None:
                told = f"{first.event}, by {first.actor}, at {first.at:{_MINUTE}}"
                raise Conflict(f"Run {run_id} has its answer already: {told}.")
            if run.deadline_at is not None and answer.at > run.deadline_at:
                raise Conflict(
                    f"The deadline has passed: run {run_id} asked for this until {run.deadline_at:{_MINUTE}}."
                )
            put_signal(connection, run_id, answer)
