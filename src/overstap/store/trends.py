"""When runs were submitted and when they ended, read by their ids, which begin with the time of their creation.

No index has the ends of runs: a commit would touch it (ADR 17). So runs are found by when they were created, and of
very many only the first ones of each stretch of time are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ARRAY, Connection, FromClause, Select, Text, cast, func, literal, select, true
from sqlalchemy.sql import ColumnElement

from overstap.store.database import Database
from overstap.store.encoding import texts
from overstap.store.narrowing import first_id
from overstap.store.rows import RUN

Stretch = tuple[datetime, datetime]
"""From a moment on, and before another one."""


class Course(NamedTuple):
    """When a run began, when it ended, and where it is."""

    created_at: datetime
    ended_at: datetime | None
    state: str


_COURSE = (RUN.c.created_at, RUN.c.ended_at, RUN.c.state)


class TrendBook:
    """Reads the courses of the runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def since(self, moment: datetime, most: int) -> list[Course] | None:
        """All runs that were created at a moment or later; None where there are more than `most`.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        later = RUN.c.id >= first_id(moment)
        few = select(RUN.c.id).where(later).limit(most + 1).subquery()
        with self._database.read() as connection:
            if connection.execute(select(func.count()).select_from(few)).scalar_one() > most:
                return None
            return [Course(*row) for row in connection.execute(select(*_COURSE).where(later))]

    def counts(self, stretches: Sequence[Stretch]) -> list[int]:
        """How many runs were created within each stretch of time.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._database.read() as connection:
            there, n, within = _given(connection, stretches)
            number = select(func.count()).select_from(RUN).where(*within).correlate(there).scalar_subquery()
            return [row[1] for row in connection.execute(select(n, number).select_from(there).order_by(n))]

    def samples(self, stretches: Sequence[Stretch], each: int) -> list[list[Course]]:
        """Of the runs that were created within each stretch of time, the first so many.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        found: list[list[Course]] = [[] for _ in stretches]
        with self._database.read() as connection:
            for n, *course in connection.execute(_samples(connection, stretches, each)):
                found[n].append(Course(*course))
        return found


def _samples(connection: Connection, stretches: Sequence[Stretch], each: int) -> Select[Any]:
    there, n, within = _given(connection, stretches)
    first = select(RUN.c.id, *_COURSE).where(*within).order_by(RUN.c.id).limit(each).correlate(there)
    if connection.dialect.name == "postgresql":
        inside = first.lateral("inside")
        read = [inside.c[column.name] for column in _COURSE]
        return select(n, *read).select_from(there.join(inside, true()))
    sample = RUN.alias("sample")  # SQLite knows no LATERAL
    those = select(sample.c.id).where(*_between(sample, there)).order_by(sample.c.id).limit(each).correlate(there)
    return select(n, *_COURSE).select_from(there.join(RUN, RUN.c.id.in_(those)))


def _given(
    connection: Connection, stretches: Sequence[Stretch]
) -> tuple[FromClause, ColumnElement[int], list[ColumnElement[bool]]]:
    """Stretches as a table of a query, their numbers from 0, and whether a run is within one."""
    ids = [(first_id(first), first_id(last)) for first, last in stretches]
    if connection.dialect.name == "sqlite":
        there = func.json_each(literal(orjson.dumps(ids).decode(), Text)).table_valued("key", "value", name="stretch")
        return there, there.c.key, _between(RUN, there)
    arrays = (cast(literal(texts([one[end] for one in ids]), Text), ARRAY(Text)) for end in (0, 1))
    made = func.unnest(*arrays).table_valued("first", "last", with_ordinality="n", name="stretch").render_derived()
    return made, made.c.n - 1, _between(RUN, made)


def _between(run: FromClause, there: FromClause) -> list[ColumnElement[bool]]:
    first, last = (
        (there.c.first, there.c.last)
        if "first" in there.c
        else (func.json_extract(there.c.value, "$[0]"), func.json_extract(there.c.value, "$[1]"))
    )
    return [run.c.id >= first, run.c.id < last]
