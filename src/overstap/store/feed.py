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
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    BigInteger,
    Connection,
    Select,
    Table,
    Tuple,
    delete,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from overstap.errors import BadInput
from overstap.store.api_tables import FeedRow
from overstap.store.bulk import BulkInsert, Row
from overstap.store.database import Database
from overstap.store.spans import journals, spans_in
from overstap.workflow.run import JournalEntry

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
        spans: what came to each run's journal, as `spans.span` writes it.
    """
    return [(" ".join(spans),)] if spans else []


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

    def latest(self) -> Position:
        """A place that everything committed by now is before; on PostgreSQL it may not be readable up to there yet."""
        with self._database.read() as connection:
            if self._ordered:
                return self._end(connection)
            return Position(connection.execute(select(_BEYOND)).scalar_one(), 0, 0)

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
            limit: after so many entries no further row is begun; each row is read to its end. Entries of others count.
            tenant_id: only of this tenant's runs.
            run_id: only of this run.

        Returns:
            The entries, and the place to go on from, which is between two rows, so its `n` is 0; it is `after` itself
            where there was nothing behind that.
        """
        with self._database.read() as connection:
            rows = connection.execute(self._behind(after, _ROWS)).all()
            spans, position = [], after
            for row in rows:
                # One entry behind the row's last one is before those of any later row.
                position = Position(row.xid, row.id + 1, 0)
                done = after.n if (row.xid, row.id) == (after.xid, after.id) else 0
                some = list(spans_in(row.entries, done))
                spans += [(row, one) for one in some if run_id is None or one.run_id == run_id]
                limit -= sum(one.size for one in some)
                if limit <= 0:
                    break
            found = journals(connection, [one for _, one in spans], tenant_id)
        told = [
            FedEntry(Position(row.xid, row.id, one.n + number), *found[one.run_id, one.first + number])
            for row, one in spans
            for number in range(one.size)
            if (one.run_id, one.first + number) in found
        ]
        return told, position

    def prune(self, before: datetime, unread: Position | None = None) -> int:
        """Let go of the rows whose entries are older than a moment; answers how many those were.

        The newest of them stays: it tells how far back one can go on from, and SQLite would give its id to another.

        Args:
            unread: a place from which somebody has still to go on.
        """
        gone = 0
        while (some := self._prune_some(before, unread)) > 0:
            gone += some
        return gone

    def _prune_some(self, before: datetime, unread: Position | None) -> int:
        with self._database.read() as connection:
            rows = connection.execute(self._behind(Position(0, 0, 0), _PRUNED)).all()
            firsts = {row: next(spans_in(row.entries), None) for row in rows}
            entries = journals(connection, [one._replace(last=one.first) for one in firsts.values() if one])
        newest = None
        for row, one in firsts.items():
            if one is not None and (found := entries.get((one.run_id, one.first))) and found[1].at >= before:
                break
            if unread is not None and (row.xid, row.id) > (unread.xid, unread.id):
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


def _place(row: Any) -> Tuple:
    """Where a row or a place is, to compare `_PLACES` with."""
    return tuple_(literal(row.xid, BigInteger), literal(row.id, BigInteger))
