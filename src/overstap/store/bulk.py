"""Many rows by one statement: the writes of the hot path (design §8).

SQL is prepared once for each dialect. PostgreSQL gets a column of the rows as one array, and what many rows have in
common once; SQLite the rows of a prepared statement. Either way no value passes through SQLAlchemy's processing, which
costs more than the write itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import orjson
from sqlalchemy import ARRAY, Connection, CursorResult, Table, Text, cast, func, literal, select, true
from sqlalchemy.sql import ColumnElement

from overstap.store.database import OTHER_WAYS
from overstap.store.encoding import Encoder, texts

Row = Sequence[Any]
"""One row's values: text, integers, moments and JSON values, or None."""

Alone = tuple[bytes, tuple[str | int | None, ...]]
"""A statement and its parameters, for PostgreSQL's own connection of `Database.each`."""

Shape = tuple[bool, ...] | None
"""Which columns have one value in all rows; None for few rows, which have an array for each."""


class Ready(list[Row]):
    """Rows as SQLite's driver takes them, made before anybody else is kept from writing."""


_MANY = 32
"""Rows from which on it is worth the look for what they have in common: each shape is a statement to be prepared."""
_SHAPES = 256
"""Statements remembered."""

_BY_KEY = select(*(func.set_config(f"enable_{way}", "off", true()) for way in OTHER_WAYS))


class _Bulk:
    """One statement over many rows.

    Attributes:
        sqlite: the statement for one row, on SQLite.
    """

    encoders: list[Encoder]
    sqlite: str

    def ready(self, rows: Sequence[Row]) -> Ready:
        """The rows for SQLite."""
        if not rows:
            return Ready()
        columns = [one.for_sqlite(column) for one, column in zip(self.encoders, zip(*rows, strict=True), strict=True)]
        return Ready(zip(*columns, strict=True))

    def by_driver(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
        """Do it on SQLite, in the transaction of `Database.alone`; answers how many rows it wrote."""
        if not rows:
            return 0
        return connection.executemany(self.sqlite, rows if isinstance(rows, Ready) else self.ready(rows)).rowcount


class BulkInsert(_Bulk):
    """Appends many rows to a table.

    Args:
        columns: the columns a row gives, in order.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.encoders = [Encoder(table.c[name], in_common=bool(place)) for place, name in enumerate(columns)]
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names are the code's own
        self._into = f"INSERT INTO {table.name} ({names})"

    def postgresql(self, shape: Shape) -> str:
        """The statement for rows of a shape."""
        return f"{self._into} {_rows(self.encoders, shape)}"

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Append the rows, in the connection's transaction."""
        if rows:
            _execute(connection, self, rows)


class BulkUpdate(_Bulk):
    """Updates many rows of a table, each to values of its own.

    Args:
        columns: the columns a row gives first, in order.
        where: the columns whose present values a row gives after those; a row that is otherwise is left as it is.
    """

    def __init__(self, table: Table, columns: Sequence[str], where: Sequence[str]) -> None:
        self.encoders = [Encoder(table.c[name]) for name in columns]
        self.encoders += [Encoder(table.c[name], in_common=bool(place)) for place, name in enumerate(where)]
        name = table.name
        changes = ", ".join(f"{column} = ?" for column in columns)
        same = " AND ".join(f"{column} = ?" for column in where)
        self.sqlite = f"UPDATE {name} SET {changes} WHERE {same}"  # noqa: S608 - names are the code's own
        given = ", ".join([f"v_{column}" for column in columns] + [f"w_{column}" for column in where])
        changes = ", ".join(f"{column} = v_{column}" for column in columns)
        same = " AND ".join(f"{column} = w_{column}" for column in where)
        self._before = f"UPDATE {name} SET {changes} FROM ("  # noqa: S608
        self._after = f") AS given({given}) WHERE {same}"

    def postgresql(self, shape: Shape) -> str:
        """The statement for rows of a shape."""
        return f"{self._before}{_rows(self.encoders, shape)}{self._after}"

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Update, in the connection's transaction; answers how many rows were as the given ones say."""
        return _execute(connection, self, rows).rowcount if rows else 0


class Together:
    """Several of these, which PostgreSQL gets as one statement: one way there and back.

    Args:
        hold: a query with one parameter that locks rows; on PostgreSQL `alone` does it too.
        tell: expressions that `alone` evaluates too.
    """

    def __init__(
        self, first: BulkInsert | BulkUpdate, *others: BulkInsert | BulkUpdate, hold: str = "", tell: str = ""
    ) -> None:
        self._parts = (first, *others)
        self._hold = f"held AS ({hold}), " if hold else ""
        # The query that holds rows is done only where its answer is asked for.
        self._told = (", (SELECT count(*) FROM held)" if hold else "") + (f", {tell}" if tell else "")  # noqa: S608
        self._statement = lru_cache(_SHAPES)(self._make_statement)
        self._alone = lru_cache(_SHAPES)(self._make_alone)

    def _make_statement(self, first: Shape, *others: Shape) -> str:
        parts = [f"first AS ({self._parts[0].postgresql(first)} RETURNING 1)"]
        for number, shape in enumerate(others, 1):
            parts.append(f"other_{number} AS ({self._parts[number].postgresql(shape)})")
        return f"WITH {', '.join(parts)} SELECT count(*) FROM first"  # noqa: S608

    def _make_alone(self, *shapes: Shape) -> bytes:
        parts = self._make_statement(*shapes).removeprefix("WITH ").removesuffix("SELECT count(*) FROM first")
        # A division by zero undoes the statement where a row was otherwise.
        guard = "CASE WHEN count(*) = %s THEN count(*) ELSE 1 / (count(*) - count(*)) END"
        return f"WITH {self._hold}{parts}SELECT {guard}{self._told} FROM first".encode()  # noqa: S608

    def ready(self, *rows: Sequence[Row]) -> list[Ready]:
        """The rows of each for SQLite."""
        return [part.ready(given) for part, given in zip(self._parts, rows, strict=True)]

    def __call__(self, connection: Connection, *rows: Sequence[Row]) -> int:
        """Do it, in the connection's transaction; answers how many rows the first one wrote.

        Args:
            rows: of each.
        """
        if connection.dialect.name == "sqlite":
            written = [
                _execute(connection, part, given).rowcount if given else 0
                for part, given in zip(self._parts, rows, strict=True)
            ]
            return written[0]
        shapes, values = self._arrays(rows)
        return int(connection.exec_driver_sql(self._statement(*shapes), values).scalar_one())

    def by_driver(self, connection: sqlite3.Connection, *rows: Sequence[Row]) -> int:
        """Do it on SQLite; answers how many rows the first one wrote.

        Args:
            connection: of `Database.alone`.
        """
        first, *_ = [part.by_driver(connection, given) for part, given in zip(self._parts, rows, strict=True)]
        return first

    def alone(self, *rows: Sequence[Row], hold: Sequence[str] = ()) -> Alone:
        """What does it on PostgreSQL as a transaction of its own, and only if the first one writes all of its rows.

        Else psycopg raises DataError, and nothing was written.

        Args:
            hold: the parameter of the query that locks rows.
        """
        shapes, values = self._arrays(rows)
        return self._alone(*shapes), (*hold, *values, len(rows[0]))

    def _arrays(self, rows: Sequence[Sequence[Row]]) -> tuple[list[Shape], tuple[str | None, ...]]:
        shapes, values = [], []
        for part, given in zip(self._parts, rows, strict=True):
            shape, told = _arrays(part.encoders, given)
            shapes.append(shape)
            values += told
        return shapes, tuple(values)


def among(connection: Connection, column: ColumnElement[str], keys: Collection[str]) -> ColumnElement[bool]:
    """Whether a text column is one of some keys, however many: they are one parameter."""
    if connection.dialect.name == "sqlite":
        given = func.json_each(literal(orjson.dumps(list(keys)).decode(), Text)).table_valued("value")
        return column.in_(select(given.c.value))
    return column == func.any(cast(literal(texts(list(keys)), Text), ARRAY(Text)))


def prefer_keys(connection: Connection) -> None:
    """Have the transaction's next statements find rows by their keys, in the order the keys are given.

    PostgreSQL would read the whole table where it takes it for small, and lock its rows in any order.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_BY_KEY)


def _execute(connection: Connection, bulk: BulkInsert | BulkUpdate, rows: Sequence[Row]) -> CursorResult[Any]:
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(bulk.sqlite, rows if isinstance(rows, Ready) else bulk.ready(rows))
    shape, values = _arrays(bulk.encoders, rows)
    return connection.exec_driver_sql(bulk.postgresql(shape), tuple(values))


def _arrays(encoders: Sequence[Encoder], rows: Sequence[Row]) -> tuple[Shape, list[str | None]]:
    """What PostgreSQL is given for rows: for each column the value that all have in common, or an array."""
    if len(rows) < _MANY:
        columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else repeat(())
        return None, [one.array(one.alike(column)) for one, column in zip(encoders, columns, strict=bool(rows))]
    given: list[str | None] = []
    shape = []
    for encoder, column in zip(encoders, zip(*rows, strict=True), strict=True):
        values = encoder.alike(column)
        one = values[0]
        same = encoder.in_common and one == values[-1] and values.count(one) == len(values)
        shape.append(same)
        if not same:
            given.append(encoder.array(values))
        else:
            given.append(None if one is None else encoder.one(one))
    return tuple(shape), given


def _rows(encoders: Sequence[Encoder], shape: Shape) -> str:
    """The query that makes rows of a shape out of what `_arrays` gives.

    In a list of columns arrays are unnested side by side as they are read; in FROM each would be written down first.
    """
    common = shape or [False] * len(encoders)
    columns = (
        f"%s::{one.type}" if same else f"unnest(%s::{one.type}[])" for one, same in zip(encoders, common, strict=True)
    )
    return f"SELECT {', '.join(columns)}"
