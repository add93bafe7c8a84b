"""Pauses as they are stored, and what depends on them: runs that were parked because of one."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Table, case, delete, insert, select, tuple_, update
from sqlalchemy.sql import ColumnElement

from overstap.errors import Conflict, NotFound
from overstap.store.acts_log import record_act
from overstap.store.database import Database
from overstap.store.rows import RUN
from overstap.store.tables import PauseRow
from overstap.store.wakeup import notify
from overstap.workflow.pauses import Pause, Scope

PAUSE: Table = PauseRow.__table__  # type: ignore[attr-defined]

Place = tuple[str, str]
"""The scope and the name of a pause."""


class PauseBook:
    """The pauses of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Pause]:
        """Those in force, the oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(PAUSE).order_by(PAUSE.c.since, PAUSE.c.scope, PAUSE.c.name)).all()
        return [Pause(Scope(row.scope), row.name, row.reason, row.actor, row.since) for row in rows]

    def add(self, pause: Pause) -> None:
        """Put a pause into force.

        Raises:
            Conflict: when the same is paused already.
        """
        with self._database.write() as connection:
            known = connection.execute(select(PAUSE).where(_is(pause.scope, pause.name)).with_for_update()).first()
            if known is not None:
                since = f"{known.since:%Y-%m-%d %H:%M:%S} UTC, by {known.actor}: {known.reason}"
                raise Conflict(f"Paused already: {pause.what}, since {since}.")
            values = {"scope": pause.scope.value, "name": pause.name}
            values |= {"reason": pause.reason, "actor": pause.actor}
            connection.execute(insert(PAUSE), {**values, "since": pause.since})
            self._record(connection, "paused", pause, {})
            notify(connection)  # workers look at once

    def remove(self, pause: Pause) -> int:
        """Lift a pause, and make due again what was parked.

        Args:
            pause: which one; with who lifts it, when and why.

        Returns:
            How many runs are due again, or were parked by another pause too and will be again.

        Raises:
            NotFound: when there is no such pause.
        """
        with self._database.write() as connection:
            if not connection.execute(delete(PAUSE).where(_is(pause.scope, pause.name))).rowcount:
                raise NotFound(f"There is no pause of {pause.what}; `overstap pauses` shows those in force.")
            earliest = case((RUN.c.deadline_at < RUN.c.wake_at, RUN.c.deadline_at), else_=RUN.c.wake_at)
            parked = (
                RUN.c.ended_at.is_(None)
                & RUN.c.claimed_by.is_(None)
                & RUN.c.held.is_(None)
                & RUN.c.wake_at.is_not(None)
                & (RUN.c.due_at.is_(None) | (RUN.c.due_at > earliest))
            )
            # In the order of all writers: a worker commits its batch meanwhile.
            ids = (
                connection.execute(select(RUN.c.id).where(parked).order_by(RUN.c.id).with_for_update()).scalars().all()
            )
            connection.execute(update(RUN).where(parked).values(due_at=earliest))
            self._record(connection, "resumed", pause, {"due_again": len(ids)})
            notify(connection)
            return len(ids)

    @staticmethod
    def _record(connection: Connection, kind: str, pause: Pause, data: dict[str, int]) -> None:
        record_act(
            connection,
            at=pause.since,
            actor=pause.actor,
            kind=kind,
            subject=pause.what,
            reason=pause.reason,
            data=data,
        )


def in_force(connection: Connection, places: Collection[Place]) -> set[Place]:
    """Those of some pauses that are in force, and stay so until the transaction ends."""
    query = select(PAUSE.c.scope, PAUSE.c.name).where(tuple_(PAUSE.c.scope, PAUSE.c.name).in_(sorted(places)))
    # Whoever lifts a pause waits for us, and then sees what we parked: or nobody would wake it.
    return {(row.scope, row.name) for row in connection.execute(query.with_for_update(read=True))}


def _is(scope: str, name: str) -> ColumnElement[bool]:
    return (PAUSE.c.scope == str(scope)) & (PAUSE.c.name == name)
