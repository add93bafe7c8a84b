"""How a database stands at a moment, in numbers: for dashboards and alerts, which ask again and again.

Every question reads little, however many runs have ended or are parked: the tally, and the indexes of what is due,
claimed, held, in trouble or waiting. A deadline that has passed needs no index of its own: its run is due, or somebody
holds it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, func, literal, select, union_all
from sqlalchemy.sql import ColumnElement

from overstap.domain.run_filter import RunFilter
from overstap.store.api_tables import DeliveryRow
from overstap.store.database import Database
from overstap.store.fleet import Standing, standing
from overstap.store.narrowing import CLAIMED, Narrowing
from overstap.store.rows import EFFECT, RUN, WORKER
from overstap.store.tally import counted
from overstap.workflow.priority import Priority
from overstap.workflow.run import Status

DELIVERY: Table = DeliveryRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Things that wait for somebody.

    Attributes:
        oldest: since when the first of them has been waiting; None where there is none.
    """

    count: int
    oldest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gauges:
    """How a database stands.

    Attributes:
        at: the moment of the picture, on the clock that the database lives by.
        runs: how many there are, by workflow and state.
        retrying: whose last try failed.
        stuck: of which somebody must look why, as `runs list --stuck` has them.
        held: that an operator holds.
        due: that a worker could take now, since when they are due, by priority.
        overdue: that have not ended though their deadline has passed.
        effects_unknown: calls of which nobody knows whether they were done, of runs whose last try failed.
        workers: how many ever ran here, by whether they live.
        claims: how many runs workers hold, by whether they live.
        steps: how many all workers together had done at their last heartbeats.
        deliveries: to webhooks, that wait for their turn or their next try.
        dead_deliveries: that were given up.
    """

    at: datetime
    runs: Mapping[tuple[str, str], int]
    retrying: int
    stuck: int
    held: int
    due: Mapping[Priority, Backlog]
    overdue: Backlog
    effects_unknown: int
    workers: Mapping[Standing, int]
    claims: Mapping[Standing, int]
    steps: int
    deliveries: Backlog
    dead_deliveries: int


class GaugeBook:
    """Reads the gauges of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, now: datetime, late_after: timedelta, stuck_after: int) -> Gauges:
        """How the database stands.

        Args:
            late_after: without a heartbeat for longer, a worker is late.
            stuck_after: failed tries in a row from which a run that is tried again counts as stuck.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._database.snapshot() as connection:
            runs, retrying = _runs(connection)
            due, overdue_due = _due(connection, now)
            held_by, overdue_claimed = _claimed(connection, now)
            workers, steps = _workers(connection, now, late_after)
            # A worker that left steps behind has stopped, and its claims run out.
            claims = Counter(dict.fromkeys(Standing, 0))
            for worker_id, count in held_by.items():
                claims[workers.get(worker_id, Standing.STOPPED)] += count
            stopped = select(func.count()).where(WORKER.c.stopped_at.is_not(None))
            live = Counter(workers.values())
            return Gauges(
                at=now,
                runs=runs,
                retrying=retrying,
                stuck=_count(connection, RunFilter(stuck=True), now, stuck_after),
                held=_count(connection, RunFilter(held=True), now, stuck_after),
                due=due,
                overdue=_together(overdue_due, overdue_claimed),
                effects_unknown=int(connection.execute(_EFFECTS_UNKNOWN).scalar_one()),
                workers={
                    Standing.ALIVE: live[Standing.ALIVE],
                    Standing.LATE: live[Standing.LATE],
                    Standing.STOPPED: connection.execute(stopped).scalar_one(),
                },
                claims=dict(claims),
                steps=steps,
                deliveries=_backlog(connection.execute(_DELIVERIES).one()),
                dead_deliveries=connection.execute(_DEAD).scalar_one(),
            )

    def alive(self, now: datetime, late_after: timedelta) -> int:
        """How many workers live.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._database.read() as connection:
            workers, _ = _workers(connection, now, late_after)
        return Counter(workers.values())[Standing.ALIVE]


_NUMBER = func.count().label("number")
# Asked for run by run: joined, a database may prefer to look through all effects.
_OF_RUN = (
    select(func.count())
    .where(EFFECT.c.run_id == RUN.c.id, EFFECT.c.status == "unknown")
    .correlate(RUN)
    .scalar_subquery()
)
_EFFECTS_UNKNOWN = select(func.coalesce(func.sum(_OF_RUN), 0)).where(RUN.c.error.is_not(None), RUN.c.ended_at.is_(None))
_DELIVERIES = select(_NUMBER, func.min(DELIVERY.c.at).label("oldest")).where(DELIVERY.c.status == "waiting")
_DEAD = select(func.count()).where(DELIVERY.c.status == "dead")


def _runs(connection: Connection) -> tuple[dict[tuple[str, str], int], int]:
    """How many runs there are by workflow and state, and how many of them are tried again."""
    places: Counter[tuple[str, str]] = Counter()
    retrying = 0
    for bucket in connection.execute(counted()):
        places[bucket.workflow, bucket.state] += bucket.runs
        retrying += bucket.runs if bucket.status == Status.RETRYING.value else 0
    return dict(places), retrying


def _count(connection: Connection, wanted: RunFilter, now: datetime, stuck_after: int) -> int:
    few = Narrowing(wanted, now, stuck_after, ())
    return connection.execute(select(func.count()).select_from(RUN).where(*few.rest())).scalar_one()


def _due(connection: Connection, now: datetime) -> tuple[dict[Priority, Backlog], Backlog]:
    """What is due, by priority, and what of it is overdue."""

    def line(priority: Priority) -> Select[Any]:
        number, oldest = _NUMBER, func.min(RUN.c.due_at).label("oldest")
        due = (RUN.c.priority == priority.rank) & RUN.c.due_at.is_not(None) & (RUN.c.due_at <= now)
        return select(literal(priority.value).label("priority"), number, oldest, *_overdue(now)).where(due)

    rows = connection.execute(union_all(*(line(one) for one in Priority))).all()
    return {Priority(row.priority): _backlog(row) for row in rows}, _together(*map(_late, rows))


def _claimed(connection: Connection, now: datetime) -> tuple[dict[str, int], Backlog]:
    """How many runs each worker holds, and what of those whose claims have not run out is overdue."""
    claimed = select(RUN.c.claimed_by, _NUMBER, *_overdue(now, RUN.c.due_at > now)).where(CLAIMED)
    rows = connection.execute(claimed.group_by(RUN.c.claimed_by)).all()
    return {row.claimed_by: row.number for row in rows}, _together(*map(_late, rows))


def _overdue(now: datetime, *more: ColumnElement[bool]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    passed = (RUN.c.deadline_at < now, *more)
    return func.count().filter(*passed).label("late"), func.min(RUN.c.deadline_at).filter(*passed).label("latest")


def _backlog(row: Row[Any]) -> Backlog:
    return Backlog(row.number, row.oldest)


def _late(row: Row[Any]) -> Backlog:
    return Backlog(row.late, row.latest)


def _together(*backlogs: Backlog) -> Backlog:
    oldest = min((one.oldest for one in backlogs if one.oldest is not None), default=None)
    return Backlog(sum(one.count for one in backlogs), oldest)


def _workers(connection: Connection, now: datetime, late_after: timedelta) -> tuple[dict[str, Standing], int]:
    """Whether each worker that has not stopped lives, and how many steps all together have done."""
    steps = connection.execute(select(func.coalesce(func.sum(WORKER.c.steps), 0))).scalar_one()
    unstopped = select(WORKER.c.id, WORKER.c.heartbeat_at).where(WORKER.c.stopped_at.is_(None))
    found = {row.id: standing(row.heartbeat_at, None, now, late_after) for row in connection.execute(unstopped)}
    return found, int(steps)
