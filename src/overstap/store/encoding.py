"""A column's values as the drivers take them without a thought: texts for SQLite, an array's literal for PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
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
        told: a column's values for PostgreSQL, as texts or integers that are equal where the values are.
        for_sqlite: a column's values for SQLite.
        array: an array's literal of what `told` answers.

    Args:
        in_common: whether a value that many rows have in common is given once; some column must say how many there are.
    """

    def __init__(self, column: Column[Any], *, in_common: bool = True) -> None:
        self.in_common = in_common
        kind = column.type
        self.type = kind.compile(postgresql.dialect())  # type: ignore[no-untyped-call]
        self.for_sqlite: _Tell = _as_is
        self.told: _Tell = _as_is
        self.array: Callable[[Sequence[Any]], str] = texts
        if isinstance(kind, UtcDateTime):
            self.for_sqlite, self.told, self.array = _sqlite_moments, _moments, _unquoted
        elif isinstance(kind, JSON):
            self.type = "jsonb"
            self.for_sqlite = self.told = _documents
        elif isinstance(kind, Integer):
            self.array = _integers


_Tell = Callable[[Sequence[Any]], Sequence[Any]]


def _as_is(values: Sequence[Any]) -> Sequence[Any]:
    return values


def _integers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _unquoted(values: Sequence[str | None]) -> str:
    return "{" + ",".join([_NULL if one is None else one for one in values]) + "}"


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
    dumps, sort = orjson.dumps, orjson.OPT_SORT_KEYS
    return [None if one is None else dumps(one, option=sort).decode() for one in values]


def _sqlite_moments(values: Sequence[datetime | None]) -> list[str | None]:
    """As SQLAlchemy keeps them: in UTC, with microseconds, without a zone; their order is the moments'."""
    told: dict[datetime | None, str | None] = {None: None}  # most moments of a batch are the same one
    for one in values:
        if one not in told:
            told[one] = _utc(one).replace(tzinfo=None).isoformat(" ", "microseconds")  # type: ignore[arg-type]
    return [told[one] for one in values]


def _moments(values: Sequence[datetime | None]) -> list[str | None]:
    told: dict[datetime | None, str | None] = {None: None}
    for one in values:
        if one not in told:
            told[one] = _utc(one).isoformat()  # type: ignore[arg-type]
    return [told[one] for one in values]


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs its time zone: {moment!r}")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
