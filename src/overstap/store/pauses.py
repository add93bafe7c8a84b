"""Pauses as they are stored, and what depends on them: runs that were parked because of one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, case, delete, select, tuple_, update
from sqlalchemy.sql import ColumnElement

from overstap.errors import Conflict, NotFound
from overstap.store.acts_log import record_act
from overstap.store.database import Database, upserting
from overstap.store.rows import RUN
from overstap.store.tables import PauseRow
from overstap.store.wakeup import notify
from overstap.workflow.pauses import Pause, Scope

PAUSE: Table = PauseRow.__table__  # type: ignore[attr-defined]

Place = tuple[str, str]
"""The scope and the name of a pause."""

_AT_ONCE = 1000
_EARLIEST = case((RUN.c.deadline_at < RUN.c.wake_at, RUN.c.deadline_at), else_=RUN.c.wake_at)
_PARKED = (
    RUN.c.ended_at.is_(None)
    & RUN.c.claimed_by.is_(None)
    & RUN.c.held.is_(None)
    & RUN.c.wake_at.is_not(None)
    & (RUN.c.due_at.is_(None) | (RUN.c.due_at > _EARLIEST))
)


class PauseBook:
    """The pauses of one database.

    A pause is lifted in one transaction and forgotten in a later one, when all that it had parked is due again. Whoever
    finds one that is only lifted goes on with that, so no run stays parked when the process that lifted it dies.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Pause]:
        """Those in force, the oldest first."""
        return [pause for pause, lifted in self._rows() if not lifted]

    def look(self) -> list[Pause]:
        """Those in force, for a worker: what others that were lifted have parked is made due."""
        rows = self._rows()
        if any(lifted for _, lifted in rows):
            self._make_due()
        return [pause for pause, lifted in rows if not lifted]

    def may_park(self) -> bool:
        """Whether runs may be parked now: by a pause in force, or still by one that was lifted."""
        return bool(self._rows())

    def add(self, pause: Pause) -> None:
        """Put a pause into force.

        Raises:
            Conflict: when the same is paused already.
        """
        about = {"reason": pause.reason, "actor": pause.actor, "since": pause.since}
        with self._database.write() as connection:
            # One statement: two who look first, and write then, both find nothing when they come at the same moment.
            put = upserting(connection, PAUSE).values({"scope": pause.scope.value, "name": pause.name, **about})
            place, again = [PAUSE.c.scope, PAUSE.c.name], {**about, "lifted_at": None}
            put = put.on_conflict_do_update(index_elements=place, set_=again, where=PAUSE.c.lifted_at.is_not(None))
            if connection.execute(put.returning(PAUSE.c.name)).first() is None:
                known = connection.execute(select(PAUSE).where(_is(pause))).one()
                since = f"{known.since:%Y-%m-%d %H:%M:%S} UTC, by {known.actor}: {known.reason}"
                raise Conflict(f"Paused already: {pause.what}, since {since}.")
            _record(connection, "paused", pause, pause.actor, pause.reason, pause.since)
            notify(connection)  # workers look at once

    def remove(self, scope: Scope, name: str, *, reason: str, actor: str, now: datetime) -> int:
        """Lift a pause, and make due again what was parked.

        Returns:
            How many runs are due again, or were parked by another pause too and will be again.

        Raises:
            NotFound: when there is no such pause.
        """
        pause = Pause(scope, name, reason, actor, now)
        with self._database.write() as connection:
            # Who parks something holds its runs, and then this row: we hold nothing else while we wait for that.
            lift = update(PAUSE).where(_is(pause), PAUSE.c.lifted_at.is_(None)).values(lifted_at=now)
            if not connection.execute(lift).rowcount:
                raise NotFound(f"There is no pause of {pause.what}; `overstap pauses` shows those in force.")
            _record(connection, "resumed", pause, actor, reason, now)
        return self._make_due()

    def _make_due(self) -> int:
        """Make due what is parked, some runs at a time, then forget the pauses that were lifted before that."""
        with self._database.read() as connection:
            lifted = list(connection.execute(select(PAUSE.c.lifted_at).where(PAUSE.c.lifted_at.is_not(None))).scalars())
        made, first = 0, ""
        while True:
            with self._database.read() as connection:
                found = connection.execute(parked_behind(first)).all()
            if not found:
                break
            with self._database.write() as connection:
                # Locked by id, as everybody does, and looked at once more: the page is in the order of tenants.
                those = RUN.c.id.in_([row.id for row in found]) & _PARKED
                ids = connection.execute(select(RUN.c.id).where(those).order_by(RUN.c.id).with_for_update()).scalars()
                due = update(RUN).where(RUN.c.id.in_(ids.all())).values(due_at=_EARLIEST)
                made += connection.execute(due).rowcount
                notify(connection)
            first = found[-1].tenant_id
        with self._database.write() as connection:
            connection.execute(delete(PAUSE).where(PAUSE.c.lifted_at.in_(lifted)))
        return made

    def _rows(self) -> list[tuple[Pause, bool]]:
        with self._database.read() as connection:
            rows = connection.execute(select(PAUSE).order_by(PAUSE.c.since, PAUSE.c.scope, PAUSE.c.name)).all()
        return [
            (Pause(Scope(row.scope), row.name, row.reason, row.actor, row.since), row.lifted_at is not None)
            for row in rows
        ]


def parked_behind(tenant: str) -> Select[Any]:
    """The next runs that are parked, by the id of their tenant, which has one active run at most.

    So the index of those reads it, and what has ended is not read: `run` may have a hundred times as many of that.
    """
    query = select(RUN.c.id, RUN.c.tenant_id).where(_PARKED, RUN.c.tenant_id > tenant)
    return query.order_by(RUN.c.tenant_id).limit(_AT_ONCE)


def in_force(connection: Connection, places: Collection[Place]) -> set[Place]:
    """Those of some pauses that are in force, and stay so until the transaction ends."""
    there = tuple_(PAUSE.c.scope, PAUSE.c.name).in_(sorted(places)) & PAUSE.c.lifted_at.is_(None)
    # Whoever lifts a pause waits for us, and then sees what we parked: or nobody would wake it.
    query = select(PAUSE.c.scope, PAUSE.c.name).where(there).order_by(PAUSE.c.scope, PAUSE.c.name)
    return {(row.scope, row.name) for row in connection.execute(query.with_for_update(read=True))}


def _is(pause: Pause) -> ColumnElement[bool]:
    return (PAUSE.c.scope == pause.scope.value) & (PAUSE.c.name == pause.name)


def _record(connection: Connection, kind: str, pause: Pause, actor: str, reason: str, now: datetime) -> None:
    record_act(connection, at=now, actor=actor, kind=kind, subject=pause.what, reason=reason, data={})
