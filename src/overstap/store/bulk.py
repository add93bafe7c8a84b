"""Many rows by one statement: the writes of the hot path (design §8).

SQL is prepared once for each dialect. PostgreSQL gets a column of the rows as one array, SQLite the rows of a prepared
statement; either way no value passes through SQLAlchemy's processing, which costs more than the write itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import orjson
from sqlalchemy import ARRAY, Column, Connection, CursorResult, Integer, Table, Text, cast, func, literal, select, true
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import JSON

from overstap.store.database import UtcDateTime

Row = Sequence[Any]
"""One row's values: text, integers, moments and JSON values, or None."""

_NULL = "NULL"
_END = "\x00"
"""Between the elements of an array while it is made; no text in the database holds it."""

BY_KEY = [func.set_config(f"enable_{way}", "off", true()) for way in ("seqscan", "hashjoin", "mergejoin")]
"""What `prefer_keys` selects, for a query that is asked anyway."""
_BY_KEY = select(*BY_KEY)


class BulkInsert:
    """Appends many rows to a table.

    Args:
        columns: the columns a row gives, in order.
    """

    def __init__(self, table: Table, columns: Sequence[str]) -> None:
        self.encoders = [_Encoder(table.c[name]) for name in columns]
        names = ", ".join(columns)
        marks = ", ".join("?" * len(columns))
        self.sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names are the code's own
        arrays = ", ".join(f"%s::{one.array}" for one in self.encoders)
        self.postgresql = f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})"  # noqa: S608

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Append the rows, in the connection's transaction."""
        if rows:
            _execute(connection, self, rows)


class BulkUpdate:
    """Updates many rows of a table, each to values of its own.

    Args:
        columns: the columns a row gives first, in order.
        where: the columns whose present values a row gives after those; a row that is otherwise is left as it is.
    """

    def __init__(self, table: Table, columns: Sequence[str], where: Sequence[str]) -> None:
        self.encoders = [_Encoder(table.c[name]) for name in (*columns, *where)]
        name = table.name
        changes = ", ".join(f"{column} = ?" for column in columns)
        same = " AND ".join(f"{column} = ?" for column in where)
        self.sqlite = f"UPDATE {name} SET {changes} WHERE {same}"  # noqa: S608 - names are the code's own
        arrays = ", ".join(f"%s::{one.array}" for one in self.encoders)
        given = ", ".join([f"v_{column}" for column in columns] + [f"w_{column}" for column in where])
        changes = ", ".join(f"{column} = v_{column}" for column in columns)
        same = " AND ".join(f"{column} = w_{column}" for column in where)
        self.postgresql = f"UPDATE {name} SET {changes} FROM unnest({arrays}) AS given({given}) WHERE {same}"  # noqa: S608

    def __call__(self, connection: Connection, rows: Sequence[Row]) -> int:
        """Update, in the connection's transaction; answers how many rows were as the given ones say."""
        return _execute(connection, self, rows).rowcount if rows else 0


class Together:
    """Several of these, which PostgreSQL gets as one statement: one way there and back."""

    def __init__(self, first: BulkInsert | BulkUpdate, *others: BulkInsert) -> None:
        self._parts = (first, *others)
        parts = ", ".join(f"other_{number} AS ({insert.postgresql})" for number, insert in enumerate(others))
        self._sql = f"WITH first AS ({first.postgresql} RETURNING 1), {parts} SELECT count(*) FROM first"  # noqa: S608

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
        arrays = [_arrays(part, given) for part, given in zip(self._parts, rows, strict=True)]
        return int(connection.exec_driver_sql(self._sql, tuple(one for part in arrays for one in part)).scalar_one())


def among(connection: Connection, column: ColumnElement[str], keys: Collection[str]) -> ColumnElement[bool]:
    """Whether a text column is one of some keys, however many: they are one parameter."""
    if connection.dialect.name == "sqlite":
        given = func.json_each(literal(orjson.dumps(list(keys)).decode(), Text)).table_valued("value")
        return column.in_(select(given.c.value))
    return column == func.any(cast(literal(_texts(list(keys)), Text), ARRAY(Text)))


def prefer_keys(connection: Connection) -> None:
    """Have the transaction's next statements find rows by their keys, in the order the keys are given.

    PostgreSQL would read the whole table where it takes it for small, and lock its rows in any order.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_BY_KEY)


def _execute(connection: Connection, bulk: BulkInsert | BulkUpdate, rows: Sequence[Row]) -> CursorResult[Any]:
    if connection.dialect.name == "sqlite":
        columns = zip(*rows, strict=True)
        encoded = [one.for_sqlite(column) for one, column in zip(bulk.encoders, columns, strict=True)]
        return connection.exec_driver_sql(bulk.sqlite, list(zip(*encoded, strict=True)))
    return connection.exec_driver_sql(bulk.postgresql, tuple(_arrays(bulk, rows)))


def _arrays(bulk: BulkInsert | BulkUpdate, rows: Sequence[Row]) -> list[str]:
    columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else repeat(())
    return [one.for_postgresql(column) for one, column in zip(bulk.encoders, columns, strict=bool(rows))]


class _Encoder:
    """Turns the values of a column into what the drivers take without a thought."""

    def __init__(self, column: Column[Any]) -> None:
        kind = column.type
        self.array = kind.compile(postgresql.dialect()) + "[]"  # type: ignore[no-untyped-call]
        self._sqlite: Callable[[Sequence[Any]], Sequence[Any]] = _as_is
        self._postgresql: Callable[[Sequence[Any]], str] = _texts
        if isinstance(kind, UtcDateTime):
            self._sqlite, self._postgresql = _sqlite_moments, _moments
        elif isinstance(kind, JSON):
            self.array = "jsonb[]"
            self._sqlite, self._postgresql = _documents, _document_texts
        elif isinstance(kind, Integer):
            self._postgresql = _integers

    def for_sqlite(self, values: Sequence[Any]) -> Sequence[Any]:
        return self._sqlite(values)

    def for_postgresql(self, values: Sequence[Any]) -> str:
        return self._postgresql(values)


def _as_is(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _integers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _texts(values: Sequence[str | None]) -> str:
    """An array's literal: every element in quotes, quotes and backslashes in it escaped."""
    missing = values.count(None)
    if missing == len(values):
        return "{" + ",".join([_NULL] * missing) + "}"
    if missing:
        return "{" + ",".join([_NULL if one is None else _texts((one,))[1:-1] for one in values]) + "}"
    joined = _END.join(values)  # type: ignore[arg-type]  # None was ruled out
    if joined.count(_END) >= len(values):
        raise ValueError("a text holds the character NUL, which no database text can")
    if "\\" in joined:
        joined = joined.replace("\\", "\\\\")
    if '"' in joined:
        joined = joined.replace('"', '\\"')
    return '{"' + joined.replace(_END, '","') + '"}'


def _documents(values: Sequence[Any]) -> list[str | None]:
    dumps, sort = orjson.dumps, orjson.OPT_SORT_KEYS
    return [None if one is None else dumps(one, option=sort).decode() for one in values]


def _document_texts(values: Sequence[Any]) -> str:
    return _texts(_documents(values))


def _sqlite_moments(values: Sequence[datetime | None]) -> list[str | None]:
    """As SQLAlchemy keeps them: in UTC, with microseconds, without a zone; their order is the moments'."""
    told: dict[datetime | None, str | None] = {None: None}  # most moments of a batch are the same one
    for one in values:
        if one not in told:
            told[one] = _utc(one).replace(tzinfo=None).isoformat(" ", "microseconds")  # type: ignore[arg-type]
    return [told[one] for one in values]


def _moments(values: Sequence[datetime | None]) -> str:
    told: dict[datetime | None, str] = {None: _NULL}
    for one in values:
        if one not in told:
            told[one] = _utc(one).isoformat()  # type: ignore[arg-type]
    return "{" + ",".join([told[one] for one in values]) + "}"


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs its time zone: {moment!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
