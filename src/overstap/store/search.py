"""Finding runs among very many.

What a database may plan, it plans badly some day: with a limit it likes to walk all runs in the order asked, in the
hope that enough of them match. So each question goes one of four ways, and every one of them reads little:

- the runs of one tenant, which are few;
- the runs that have an error, which are few;
- bucket by bucket: the tally tells which have runs, and the index of each gives its first ones in order; with those
  that workers carry on at the moment, which are few and not in that index;
- all runs in the order of their ids, when nothing but time is asked for.

Time is a range of ids, so it narrows each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, or_, select
from sqlalchemy.sql import ColumnElement

from overstap.store.database import Database
from overstap.store.narrowing import CLAIMED, TALLY_BUCKET, UNINDEXED, Condition, Narrowing, of_buckets
from overstap.store.rows import RUN
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.store.tally import counted


class Sort(StrEnum):
    """The order of a listing; ties go to the newest, but `oldest` and `deadline` begin with the oldest."""

    NEWEST = "newest"
    OLDEST = "oldest"
    DEADLINE = "deadline"
    """The soonest first; only active runs with a deadline."""
    ATTEMPTS = "attempts"
    """The most failed tries in a row first; only runs whose last try failed."""


class Position(NamedTuple):
    """A place in a listing: behind this run.

    Attributes:
        key: its deadline or its failed tries, where these give the order.
    """

    run_id: str
    key: datetime | int | None = None


def position(run: StoredRun, sort: Sort) -> Position:
    """The place behind a run."""
    key = {Sort.DEADLINE: run.run.deadline_at, Sort.ATTEMPTS: run.run.attempt}.get(sort)
    return Position(run.run.id, key)


class RunSearch:
    """Finds runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, narrowing: Narrowing, sort: Sort, after: Position | None, limit: int) -> list[StoredRun]:
        """The first runs that match, in order.

        Args:
            after: only those behind this place; it must be one of the same order.
        """
        with self._database.snapshot() as connection:
            return _these(connection, _first_ids(connection, narrowing, sort, after, limit))

    def these(self, ids: Sequence[str]) -> list[StoredRun]:
        """The runs with these ids as they are now, in this order; those that there are not are left out."""
        with self._database.read() as connection:
            return _these(connection, ids)


def _these(connection: Connection, ids: Sequence[str]) -> list[StoredRun]:
    found = {row.id: row for row in connection.execute(select(*STORED).where(RUN.c.id.in_(ids)))}
    return [to_stored(found[run_id]) for run_id in ids if run_id in found]


def _first_ids(
    connection: Connection, narrowing: Narrowing, sort: Sort, after: Position | None, limit: int
) -> list[str]:
    key: ColumnElement[Any] = {Sort.DEADLINE: RUN.c.deadline_at, Sort.ATTEMPTS: RUN.c.attempt}.get(sort, RUN.c.id)
    order = _order(sort, key, RUN.c.id)

    def look(conditions: Sequence[Condition]) -> Select[Any]:
        rest = [*narrowing.rest(), *_behind(sort, after)]
        return select(RUN.c.id, key.label("key")).where(*conditions, *rest).order_by(*order).limit(limit)

    if narrowing.few or sort is Sort.ATTEMPTS:
        return list(connection.execute(look(narrowing.sorts(UNINDEXED))).scalars())
    active = sort is Sort.DEADLINE
    sorts = narrowing.sorts(TALLY_BUCKET, active=active)
    if not sorts:
        return list(connection.execute(look([])).scalars())

    def look_at_rest(conditions: Sequence[Condition]) -> Select[Any]:
        deadline = RUN.c.rest_deadline_at
        key = deadline if active else RUN.c.id
        rest = [*narrowing.rest(deadline), *_behind(sort, after, deadline)]
        found = select(RUN.c.id, key.label("key")).where(*conditions, *rest)
        return found.order_by(*_order(sort, key, RUN.c.id)).limit(limit)

    def merge(found: Select[Any]) -> Select[Any]:
        told = found.selected_columns
        return found.order_by(*_order(sort, told["key"], told["id"])).limit(limit)

    rows = [row for _, row in of_buckets(connection, counted(*sorts), look_at_rest, merge)]
    rows += connection.execute(look([CLAIMED, *narrowing.sorts(UNINDEXED, active=active)])).all()
    rows.sort(key=lambda row: row.id, reverse=sort is Sort.NEWEST)
    if active:
        rows.sort(key=lambda row: row.key)
    return [row.id for row in rows[:limit]]


def _order(sort: Sort, key: ColumnElement[Any], run_id: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    match sort:
        case Sort.NEWEST:
            return [run_id.desc()]
        case Sort.OLDEST:
            return [run_id.asc()]
        case Sort.DEADLINE:
            return [key.asc(), run_id.asc()]
        case Sort.ATTEMPTS:
            return [key.desc(), run_id.desc()]


def _behind(sort: Sort, after: Position | None, deadline: ColumnElement[Any] = RUN.c.deadline_at) -> list[Condition]:
    """What is in an order at all, and behind a place."""
    there: list[Condition] = [deadline.is_not(None)] if sort is Sort.DEADLINE else []
    there += [RUN.c.attempt > 0, RUN.c.error.is_not(None)] if sort is Sort.ATTEMPTS else []  # the few have an index
    if after is None:
        return there
    match sort:
        case Sort.NEWEST:
            return [RUN.c.id < after.run_id]
        case Sort.OLDEST:
            return [RUN.c.id > after.run_id]
        case Sort.DEADLINE:
            tie = (deadline == after.key) & (RUN.c.id > after.run_id)
            return [*there, or_(deadline > after.key, tie)]
        case Sort.ATTEMPTS:
            tie = (RUN.c.attempt == after.key) & (RUN.c.id < after.run_id)
            return [*there, or_(RUN.c.attempt < after.key, tie)]
