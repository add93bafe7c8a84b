"""What a database remembers besides runs: its workers, the workflow versions it has used, and its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, Table, func, insert, select, update

from overstap.clock import Clock, ScaledClock, SystemClock
from overstap.errors import BadInput, Refused
from overstap.store.database import Database, upserting
from overstap.store.fleet_tables import ClockRow, WorkflowRow
from overstap.store.rows import RUN, WORKER

CLOCK: Table = ClockRow.__table__  # type: ignore[attr-defined]
WORKFLOW: Table = WorkflowRow.__table__  # type: ignore[attr-defined]


class Standing(StrEnum):
    """Whether a worker lives, as far as the database can tell."""

    ALIVE = "alive"
    LATE = "late"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process as its row tells it.

    Attributes:
        held: claims that it holds.
        steps: how many it had done at its last heartbeat.
        rate: steps per second of the machine's time, over the minute before its last heartbeat.
    """

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    heartbeat_at: datetime
    stopped_at: datetime | None
    steps: int
    rate: float
    held: int

    def standing(self, now: datetime, late_after: timedelta) -> Standing:
        """Whether it lives.

        Args:
            late_after: without a heartbeat for longer it is late: frozen, dead, or cut off from the database.
        """
        return standing(self.heartbeat_at, self.stopped_at, now, late_after)


def standing(heartbeat_at: datetime, stopped_at: datetime | None, now: datetime, late_after: timedelta) -> Standing:
    """Whether a worker lives; see `WorkerRecord`."""
    if stopped_at is not None:
        return Standing.STOPPED
    return Standing.LATE if now - heartbeat_at > late_after else Standing.ALIVE


class Fleet:
    """Workers, workflow digests and the clock of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, worker_id: str, host: str, pid: int, version: str, now: datetime) -> None:
        """Write the row of a worker that starts."""
        values = {"id": worker_id, "host": host, "pid": pid, "version": version, "started_at": now, "heartbeat_at": now}
        with self._database.write() as connection:
            connection.execute(insert(WORKER), values)

    def heartbeat(self, worker_id: str, now: datetime, steps: int, rate: float) -> None:
        """Say that a worker is alive, and what it does; see `WorkerRecord`."""
        self._tell(worker_id, heartbeat_at=now, steps=steps, rate=rate)

    def stopped(self, worker_id: str, now: datetime, *, steps: int) -> None:
        """Say that a worker has ended in order."""
        self._tell(worker_id, heartbeat_at=now, stopped_at=now, steps=steps, rate=0.0)

    def _tell(self, worker_id: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(WORKER).where(WORKER.c.id == worker_id).values(values))

    def workers(self) -> list[WorkerRecord]:
        """All workers that ever ran here, the newest first, with the claims they hold."""
        held = (
            select(RUN.c.claimed_by, func.count().label("held"))
            .where(RUN.c.claimed_by.is_not(None), RUN.c.due_at.is_not(None))
            .group_by(RUN.c.claimed_by)
            .subquery()
        )
        query = (
            select(WORKER, func.coalesce(held.c.held, 0).label("held"))
            .outerjoin(held, held.c.claimed_by == WORKER.c.id)
            .order_by(WORKER.c.started_at.desc())
        )
        with self._database.read() as connection:
            return [WorkerRecord(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001

    def pin(self, name: str, version: int, digest: str, now: datetime) -> None:
        """Remember the digest of a workflow version, the first time it is used here.

        Raises:
            BadInput: when it was used before with another content: a released file never changes (design §3).
        """
        with self._database.read() as connection:
            known = connection.execute(_pinned(name, version)).scalar_one_or_none()
        if known is None:
            with self._database.write() as connection:
                row = {"name": name, "version": version, "digest": digest, "first_used_at": now}
                # Workers that start at once may all be the first.
                connection.execute(upserting(connection, WORKFLOW).values(row).on_conflict_do_nothing())
                known = connection.execute(_pinned(name, version)).scalar_one()
        if known != digest:
            raise BadInput(
                f"{name}.v{version}.yaml has changed since runs were made by it "
                f"(digest {digest[:12]}, then {known[:12]}). "
                f"Put the file back as it was, and give the change a new version: {name}.v{version + 1}.yaml."
            )

    def clock(self) -> Clock:
        """The clock this database lives by: the machine's own, or the scaled one that was set."""
        with self._database.read() as connection:
            row = connection.execute(select(CLOCK)).first()
        return SystemClock() if row is None else ScaledClock(row.speed, row.machine_anchor, row.clock_anchor)

    def set_speed(self, speed: float, machine_now: datetime) -> ScaledClock:
        """Let this database live by a clock that goes on from its present time `speed` times as fast.

        Args:
            machine_now: the machine's own time.

        Raises:
            Refused: when it has runs that were worked on in real time.
        """
        with self._database.write() as connection:
            row = connection.execute(select(CLOCK)).first()
            if row is None and connection.execute(select(RUN.c.id).where(RUN.c.seq > 1).limit(1)).first() is not None:
                raise Refused(
                    "This database has runs that were worked on in real time; a faster clock would let their deadlines "
                    "pass. Use a fresh database for --speed."
                )
            anchor = machine_now
            if row is not None:
                anchor = ScaledClock(row.speed, row.machine_anchor, row.clock_anchor).at(machine_now)
            values = {"speed": speed, "machine_anchor": machine_now, "clock_anchor": anchor}
            put = upserting(connection, CLOCK).values({"id": 1, **values})
            connection.execute(put.on_conflict_do_update(index_elements=[CLOCK.c.id], set_=values))
        return ScaledClock(speed, machine_now, anchor)


def _pinned(name: str, version: int) -> Select[Any]:
    return select(WORKFLOW.c.digest).where(WORKFLOW.c.name == name, WORKFLOW.c.version == version)
