"""A column's values as the drivers take them without a thought: texts for SQLite, an array's literal for PostgreSQL.

And back, where SQLite's own texts are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Column, Integer
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import JSON

from overstap.store.database import UtcDateTime

_NULL = "NULL"
_END = "\x00"
"""Between the elements of an array while it is made; no text in the database holds it."""


class Encoder:
    """Turns the values of a column into what the drivers take without a thought.

    Attributes:
        type: PostgreSQL's name for it.
        for_sqlite: a column's values for SQLite.
        alike: a column's values for PostgreSQL, equal only where they mean the same: 1 and true are not in JSON.
        array: an array's literal of what `alike` answers.
        one: a text of one value of these, that is not None.

    Args:
        in_common: whether a value that many rows have in common is given once; some column must say how many there are.
    """

    def __init__(self, column: Column[Any], *, in_common: bool = True) -> None:
        self.in_common = in_common
        kind = column.type
        self.type = kind.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
        self.for_sqlite: _Tell = _as_is
        self.alike: _Tell = _as_is
        self.array: Callable[[Sequence[Any]], str] = texts
        self.one: Callable[[Any], str] = str
        if isinstance(kind, UtcDateTime):
            self.for_sqlite, self.array, self.one = _sqlite_moments, _moments, _iso
        elif isinstance(kind, JSON):
            self.type = "jsonb"
            self.for_sqlite = self.alike = _documents
        elif isinstance(kind, Integer):
            self.array = _integers


_Tell = Callable[[Sequence[Any]], Sequence[Any]]


def _as_is(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _integers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def texts(values: Sequence[str | None]) -> str:
    """An array's literal: every element in quotes, quotes and backslashes in it escaped."""
    missing = values.count(None)
    if missing == len(values):
        return "{" + ",".join([_NULL] * missing) + "}"
    if missing:
        return "{" + ",".join([_NULL if one is None else texts((one,))[1:-1] for one in values]) + "}"
    joined = _END.join(values)  # type: ignore[arg-type]  # None was ruled out
    if joined.count(_END) >= len(values):
        raise ValueError("a text holds the character NUL, which no database text can")
    if "\\" in joined:
        joined = joined.replace("\\", "\\\\")
    if '"' in joined:
        joined = joined.replace('"', '\\"')
    return '{"' + joined.replace(_END, '","') + '"}'


def _documents(values: Sequence[Any]) -> list[str | None]:
    """JSON with its keys in order; worked out once for neighbours that are one object, as a batch's often are."""
    dumps, sort = orjson.dumps, orjson.OPT_SORT_KEYS
    before = text = None
    told = []
    for one in values:
        if one is not before:
            before, text = one, None if one is None else dumps(one, option=sort).decode()
        told.append(text)
    return told


def _sqlite_moments(values: Sequence[datetime | None]) -> list[str | None]:
    """As SQLAlchemy keeps them: in UTC, with microseconds, without a zone; their order is the moments'."""
    # Most moments of a batch are the same one.
    told = {one: None if one is None else sqlite_moment(one) for one in set(values)}
    return list(map(told.__getitem__, values))


def sqlite_moment(moment: datetime) -> str:
    """A moment as SQLite keeps it."""
    return _utc(moment).replace(tzinfo=None).isoformat(" ", "microseconds")


def _moments(values: Sequence[datetime | None]) -> str:
    told = {one: _NULL if one is None else _iso(one) for one in set(values)}
    return "{" + ",".join(map(told.__getitem__, values)) + "}"


def reader(column: Column[Any]) -> Callable[[str], Any] | None:
    """What makes a column's value of its text in SQLite; None where the driver's value is the value."""
    if isinstance(column.type, UtcDateTime):
        return _moment_of
    return orjson.loads if isinstance(column.type, JSON) else None


@lru_cache(maxsize=256)  # a run's moments are often one
def _moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return _utc(moment).isoformat()


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs its time zone: {moment!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
