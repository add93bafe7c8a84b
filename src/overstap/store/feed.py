"""What came to the journals of all runs, in an order that stays: what live streams and webhooks read on from (ADR 19).

Each transaction that appends to journals appends one row to the feed. A reader goes by places: an entry's place never
changes, and nothing ever comes in before a place that was read.

On PostgreSQL transactions commit in another order than they began in, so that a row could turn up between rows that
were read long ago. The database knows what it has under way, though: every transaction with a number below
`pg_snapshot_xmin` has ended, and each later one gets a higher number. So only rows below it are read, by the number of
their transaction. A transaction that stays open, in any database of the server, holds the feed up while it lasts.
SQLite has one writer at a time: a row's id is its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

import orjson
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Connection,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    Tuple,
    cast,
    delete,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy import Row as SelectedRow
from sqlalchemy.sql import ColumnElement

from overstap.errors import BadInput
from overstap.store.api_tables import FeedRow
from overstap.store.bulk import BulkInsert, Row
from overstap.store.database import Database
from overstap.store.encoding import texts
from overstap.store.rows import JOURNAL, RUN
from overstap.workflow.run import JournalEntry, Kind

FEED: Table = FeedRow.__table__  # type: ignore[attr-defined]

append_feed = BulkInsert(FEED, ("entries",))
"""Nothing but this: with more parameters the statements of the hot path are too many for the driver to remember."""

_ROWS = 64
"""Rows of the feed that one read looks at; more than one, so that rows without entries hold nobody up."""
_PRUNED = 500
"""Rows that one transaction lets go of."""
_PLACE = re.compile(r"(\d{1,19})-(\d{1,19})-(\d{1,9})", re.ASCII)
_HIGHEST = 2**63 - 2
_HORIZON = literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", BigInteger)
_PLACES = tuple_(FEED.c.xid, FEED.c.id)
_BEYOND = literal_column("pg_snapshot_xmax(pg_current_snapshot())::text::bigint", BigInteger)


def feed_rows(spans: Sequence[str]) -> list[Row]:
    """What `append_feed` takes for one transaction: one row, or none where no journal grew.

    Args:
        spans: what came to each run's journal, as `span` writes it.
    """
    return [(" ".join(spans),)] if spans else []


def span(entries: Sequence[JournalEntry]) -> str:
    """Entries of one run that follow each other, as a row of the feed names them."""
    return f"{entries[0].run_id}:{entries[0].seq}-{entries[-1].seq}"


@dataclass(frozen=True, order=True, slots=True)
class Position:
    """A place in the feed: reading goes on with what is behind it.

    Attributes:
        xid: the transaction, on PostgreSQL; 0 on SQLite.
        id: the row of the feed.
        n: which of the row's entries, from 1; 0 is before the first.
    """

    xid: int
    id: int
    n: int

    def __str__(self) -> str:
        return f"{self.xid}-{self.id}-{self.n}"

    @classmethod
    def read(cls, text: str) -> Self:
        """The place that was written so.

        Raises:
            BadInput: when it is none.
        """
        found = _PLACE.fullmatch(text)
        if found is None or max(map(int, found.groups())) > _HIGHEST:
            raise BadInput(f"{text[:80]!r} is no place in the feed; give one as it came with an event, like 815-42-1.")
        return cls(*map(int, found.groups()))


class FedEntry(NamedTuple):
    """A journal entry with its place in the feed, and the tenant whose run it is of."""

    position: Position
    tenant_id: str
    entry: JournalEntry


class _Span(NamedTuple):
    run_id: str
    first: int
    last: int
    position: Position
    """Of the first one."""


class Feed:
    """Reads the feed of one database; each follower knows its own place."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ordered = database.dialect == "sqlite"  # by the ids alone

    def end(self) -> Position:
        """The place from which a new follower begins: whatever is committed later comes behind it.

        On PostgreSQL something that was committed just before may come behind it too.
        """
        with self._database.read() as connection:
            return self._end(connection)

    def first(self) -> Position:
        """The oldest place that can be gone on from: what was behind it is there still."""
        with self._database.read() as connection:
            return self._first(connection)

    def keeps(self, position: Position) -> bool:
        """Whether reading can go on from a place without missing anything.

        It cannot where the place is older than what is kept, or was never a place of this database.
        """
        with self._database.read() as connection:
            first, end = self._first(connection), self._end(connection)
        return (first.xid, first.id) <= (position.xid, position.id) and position <= end

    def read(
        self, after: Position, limit: int, *, tenant_id: str | None = None, run_id: str | None = None
    ) -> tuple[list[FedEntry], Position]:
        """The entries behind a place, in the order of the feed.

        Args:
            limit: entries looked at, at the most; those of others are looked at too, and left out of the answer.
            tenant_id: only of this tenant's runs.
            run_id: only of this run.

        Returns:
            The entries, and the place to go on from; it is `after` itself where there was nothing behind that.
        """
        with self._database.read() as connection:
            spans, position = self._spans(connection, after, limit)
            wanted = [one for one in spans if run_id is None or one.run_id == run_id]
            found = _entries(connection, wanted, tenant_id) if wanted else {}
        told = []
        for one in wanted:
            for seq in range(one.first, one.last + 1):
                if (entry := found.get((one.run_id, seq))) is not None:
                    place = Position(one.position.xid, one.position.id, one.position.n + seq - one.first)
                    told.append(FedEntry(place, *entry))
        return told, position

    def prune(self, before: datetime) -> int:
        """Let go of the rows whose entries are older than a moment; answers how many those were.

        The newest of them stays: it tells how far back one can go on from, and SQLite would give its id to another.
        """
        gone = 0
        while (some := self._prune_some(before)) > 0:
            gone += some
        return gone

    def _prune_some(self, before: datetime) -> int:
        with self._database.read() as connection:
            rows = connection.execute(self._behind(Position(0, 0, 0), _PRUNED)).all()
            firsts = {row: next(_row_spans(row, Position(0, 0, 0)), None) for row in rows}
            entries = _entries(connection, [one._replace(last=one.first) for one in firsts.values() if one], None)
        newest = None
        for row, one in firsts.items():
            if one is not None and (found := entries.get((one.run_id, one.first))) and found[1].at >= before:
                break
            newest = row
        if newest is None:
            gone: ColumnElement[bool] = false()
        elif self._ordered:
            gone = FEED.c.id < newest.id
        else:
            gone = _place(newest) > _PLACES
        if not self._ordered:
            # A number that this server has not reached was brought along from another one.
            gone = or_(gone, FEED.c.xid >= _BEYOND)
        with self._database.write() as connection:
            return connection.execute(delete(FEED).where(gone)).rowcount

    def _end(self, connection: Connection) -> Position:
        if self._ordered:
            return Position(0, (connection.execute(select(func.max(FEED.c.id))).scalar_one() or 0) + 1, 0)
        return Position(connection.execute(select(_HORIZON)).scalar_one(), 0, 0)

    def _first(self, connection: Connection) -> Position:
        row = connection.execute(self._behind(Position(0, 0, 0), 1)).first()
        return Position(0, 0, 0) if row is None else Position(row.xid, row.id, 0)

    def _behind(self, after: Position, rows: int) -> Select[Any]:
        """Selects rows from the one of a place on, in their order, as far as nothing can come in before them."""
        query = select(FEED.c.xid, FEED.c.id, FEED.c.entries).limit(rows)
        if self._ordered:
            return query.where(FEED.c.id >= after.id).order_by(FEED.c.id)
        return query.where(_place(after) <= _PLACES, FEED.c.xid < _HORIZON).order_by(FEED.c.xid, FEED.c.id)

    def _spans(self, connection: Connection, after: Position, limit: int) -> tuple[list[_Span], Position]:
        spans: list[_Span] = []
        position = after
        for row in connection.execute(self._behind(after, _ROWS)):
            # One entry behind the row's last one is before those of any later row.
            position = Position(row.xid, row.id + 1, 0)
            for one in _row_spans(row, after):
                size = one.last - one.first + 1
                if size > limit:
                    if limit:
                        spans.append(one._replace(last=one.first + limit - 1))
                    return spans, Position(row.xid, row.id, one.position.n + limit - 1)
                spans.append(one)
                limit -= size
        return spans, position


def _place(row: Any) -> Tuple:
    """Where a row or a place is, to compare `_PLACES` with."""
    return tuple_(literal(row.xid, BigInteger), literal(row.id, BigInteger))


def _row_spans(row: SelectedRow[Any], after: Position) -> Iterator[_Span]:
    """What a row tells of that is behind a place."""
    done = after.n if (row.xid, row.id) == (after.xid, after.id) else 0
    n = 1
    for told in row.entries.split():
        run_id, _, numbers = told.rpartition(":")
        first, last = map(int, numbers.split("-"))
        skipped = max(0, done + 1 - n)
        if first + skipped <= last:
            yield _Span(run_id, first + skipped, last, Position(row.xid, row.id, n + skipped))
        n += last - first + 1


def _entries(
    connection: Connection, spans: Sequence[_Span], tenant_id: str | None
) -> dict[tuple[str, int], tuple[str, JournalEntry]]:
    """The entries of some spans, each with its tenant, by run and number."""
    given, run_id, first, last = _given(connection, spans)
    query = (
        select(RUN.c.tenant_id, *JOURNAL.c)
        .select_from(given)
        .join(JOURNAL, (JOURNAL.c.run_id == run_id) & JOURNAL.c.seq.between(first, last))
        .join(RUN, RUN.c.id == JOURNAL.c.run_id)
    )
    if tenant_id is not None:
        query = query.where(RUN.c.tenant_id == tenant_id)
    found = {}
    for row in connection.execute(query):
        values: dict[str, Any] = dict(row._mapping)  # noqa: SLF001
        tenant = values.pop("tenant_id")
        entry = JournalEntry(**{**values, "kind": Kind(values["kind"])})
        found[entry.run_id, entry.seq] = tenant, entry
    return found


def _given(
    connection: Connection, spans: Sequence[_Span]
) -> tuple[FromClause, ColumnElement[str], ColumnElement[int], ColumnElement[int]]:
    """Spans as a table of a query, however many, with its columns: run, first and last number."""
    if connection.dialect.name == "sqlite":
        told = orjson.dumps([(one.run_id, one.first, one.last) for one in spans]).decode()
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
