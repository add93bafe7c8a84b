"""Spans of journals: entries of one run that follow each other, written as `RUN:FIRST-LAST`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ARRAY, Connection, FromClause, Integer, Text, cast, func, literal, select
from sqlalchemy.sql import ColumnElement

from overstap.store.encoding import texts
from overstap.store.rows import JOURNAL, RUN
from overstap.workflow.run import JournalEntry, Kind


class Span(NamedTuple):
    """Entries of one run.

    Attributes:
        n: which one the first of them is in the text it stands in, from 1.
    """

    run_id: str
    first: int
    last: int
    n: int

    @property
    def size(self) -> int:
        """How many entries."""
        return self.last - self.first + 1


def span(entries: Sequence[JournalEntry]) -> str:
    """Writes entries of one run that follow each other."""
    return f"{entries[0].run_id}:{entries[0].seq}-{entries[-1].seq}"


def spans_in(text: str, done: int = 0) -> Iterator[Span]:
    """Reads a text of spans, separated by blanks.

    Args:
        done: so many of its entries are left out.
    """
    n = 1
    for told in text.split():
        run_id, _, numbers = told.rpartition(":")
        first, last = map(int, numbers.split("-"))
        skipped = max(0, done + 1 - n)
        if first + skipped <= last:
            yield Span(run_id, first + skipped, last, n + skipped)
        n += last - first + 1


def journals(
    connection: Connection, spans: Sequence[Span], tenant_id: str | None = None
) -> dict[tuple[str, int], tuple[str, JournalEntry]]:
    """The entries of spans, each with its tenant, by run and number.

    Args:
        tenant_id: only those of this tenant's runs.
    """
    if not spans:
        return {}
    given, run_id, first, last = _given(connection, spans)
    query = (
        select(RUN.c.tenant_id, *JOURNAL.c)
        .select_from(given)
        .join(JOURNAL, (JOURNAL.c.run_id == run_id) & JOURNAL.c.seq.between(first, last))
        .join(RUN, RUN.c.id == JOURNAL.c.run_id)
    )
    if tenant_id is not None:
        # Not by the index on tenants: SQLite would begin with all that the tenant ever had.
        query = query.where(func.coalesce(RUN.c.tenant_id, "") == tenant_id)
    found = {}
    for row in connection.execute(query):
        values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001
        tenant = values.pop("tenant_id")
        entry = JournalEntry(**{**values, "kind": Kind(values["kind"])})
        found[entry.run_id, entry.seq] = tenant, entry
    return found


def _given(
    connection: Connection, spans: Sequence[Span]
) -> tuple[FromClause, ColumnElement[str], ColumnElement[int], ColumnElement[int]]:
    """Spans as a table of a query, however many, with its columns: run, first and last number."""
    if connection.dialect.name == "sqlite":
        told = orjson.dumps([one[:3] for one in spans]).decode()
        table = func.json_each(literal(told, Text)).table_valued("value")
        run_id, first, last = (func.json_extract(table.c.value, f"$[{number}]") for number in range(3))
        return table, run_id, first, last
    arrays = (
        cast(literal(texts([one.run_id for one in spans]), Text), ARRAY(Text)),
        cast(literal(_numbers([one.first for one in spans]), Text), ARRAY(Integer)),
        cast(literal(_numbers([one.last for one in spans]), Text), ARRAY(Integer)),
    )
    given = func.unnest(*arrays).table_valued("run_id", "first", "last").render_derived(name="given")
    return given, given.c.run_id, given.c.first, given.c.last


def _numbers(values: Sequence[int]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
