"""Claiming due runs and committing what was decided: the hot path (design §4.2, §4.5).

Everything here is set-based, and every write is guarded by the claim's fencing token: elapsed time frees nothing, a new
claim with a new token does, and from then on the old holder's writes are dropped.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any

import psycopg
from sqlalchemy import Engine, Select, bindparam, select, union_all, update
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.dml import ReturningUpdate

from overstap.errors import DatabaseUnavailable
from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.store.bulk import BulkUpdate
from overstap.store.commits import NOBODY, SCHEDULING, Prepared, commit, lock_claimed, pending_signals, prepare
from overstap.store.database import Database, UtcDateTime
from overstap.store.encoding import sqlite_moment
from overstap.store.pauses import PAUSE
from overstap.store.queue import DueQueue
from overstap.store.rows import RUN, RUN_COLUMNS, RUN_TEXTS, read_run, to_run
from overstap.store.tally import fold_tally
from overstap.workflow.decide import Signal
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run

_reschedule = BulkUpdate(RUN, SCHEDULING, ("id",))


def _taking(chosen: ColumnElement[bool], columns: Sequence[ColumnElement[Any]] = RUN_COLUMNS) -> ReturningUpdate[Any]:
    until = bindparam("b_until", type_=UtcDateTime())
    take = update(RUN).where(chosen)
    take = take.values(
        claimed_by=bindparam("b_worker"), claim_token=RUN.c.claim_token + 1, claim_until=until, due_at=until
    )
    return take.returning(*columns, RUN.c.claim_token, RUN.c.inbox, select(PAUSE.c.name).exists().label("paused"))


_FOR_THE_NEWEST = 0.125
"""Of a claim's room: what becomes due during a storm of timers does not wait until the storm is over."""
_UNREAD = -1
"""The inbox of a claim whose signals nobody knows."""
_Taken = tuple[Sequence[Any], Mapping[str, list[Signal]]]
"""Rows of runs that were claimed, and the pending signals of those that have any."""


_ID, _TOKEN, _INBOX, _PAUSED = 0, -3, -2, -1
"""Where these are in such a row."""


def _claims(taken: _Taken, about: Mapping[str, Any], read: Callable[[Sequence[Any]], Run]) -> list[Claim]:
    rows, inboxes = taken
    until, worker_id = about["b_until"], about["b_worker"]
    return [
        Claim(read(row), row[_TOKEN], row[_INBOX], inboxes.get(row[_ID], []), until, worker_id)
        for row in sorted(rows, key=itemgetter(_ID))
    ]


class _Statement:
    """A statement put together once, for the driver's own connection: that takes as long as many a statement itself."""

    def __init__(self, statement: ReturningUpdate[Any] | Select[Any], engine: Engine) -> None:
        compiled = statement.compile(engine)
        self._text, self._order, self._given = str(compiled), compiled.positiontup, dict(compiled.params)

    def on_sqlite(self, connection: sqlite3.Connection, about: Mapping[str, Any]) -> list[Sequence[Any]]:
        given = {**self._given, **about}
        return connection.execute(self._text, [given[name] for name in self._order or ()]).fetchall()

    def on_postgresql(self, connection: psycopg.Connection[Any], about: Mapping[str, Any]) -> list[Sequence[Any]]:
        return connection.execute(self._text.encode(), {**self._given, **about}, binary=True).fetchall()


_Take = Callable[[_Statement, int], Sequence[Sequence[Any]]]
"""Has a statement take so many runs."""


class Claims:
    """Claims and commits for the workers of one process.

    Args:
        workflows: name and version of the definitions this process has.
    """

    def __init__(self, database: Database, workflows: Iterable[tuple[str, int]]) -> None:
        self._database = database
        self._queue = DueQueue(workflows)
        self._read = to_run if database.dialect == "postgresql" else read_run
        self.on_server = database.dialect == "postgresql"
        """Whether commits are a server's work, and not done in this process while all others wait; see `overlap`."""
        self.paused = False
        """Whether there was any pause when runs were taken last."""
        self._crowded = True
        """Whether more may be due than there was room for: then it matters whose turn it is."""
        self._ahead: Prepared | None = None
        ids = {one: (self._queue.next(one), self._queue.newest(one)) for one in Priority}
        self._due = _Statement(self._queue.due, database.engine)
        self._take: dict[Priority, list[_Statement]]
        if database.dialect == "postgresql":
            # CTEs, because a LIMIT inside IN (…) may be evaluated more than once and take more than asked.
            lines = {one: [some.with_for_update(skip_locked=True).cte(one.value) for some in ids[one]] for one in ids}
            self._take = {
                one: [_Statement(_taking(RUN.c.id == some.c.id), database.engine) for some in both]
                for one, both in lines.items()
            }
            firsts = union_all(*(select(line.c.id) for line, _ in lines.values()))
            some = firsts.limit(bindparam("b_count")).cte("some")
            self._take_any = _Statement(_taking(RUN.c.id == some.c.id), database.engine)
        else:
            self._take = {
                one: [_Statement(_taking(RUN.c.id.in_(some), RUN_TEXTS), database.engine) for some in both]
                for one, both in ids.items()
            }

    def claim(self, worker_id: str, limit: int, now: datetime, until: datetime) -> list[Claim]:
        """Take up to `limit` due runs that nobody holds, or whose claim has run out; whose turn it is first."""
        about = {"b_now": now, "b_worker": worker_id, "b_until": until}
        if self._database.dialect == "postgresql":
            return self._claim_at_once(limit, about)
        told = {**about, "b_now": sqlite_moment(now), "b_until": sqlite_moment(until)}
        with self._database.glance() as driver:
            shares = self._shares(self._due.on_sqlite(driver, told), limit, now)
        if not shares:  # a writer shuts out all others there, so it comes only with a reason
            return []
        with self._database.alone() as driver:
            rows = self._taken(shares, lambda take, count: take.on_sqlite(driver, {**told, "b_count": count}))
        return _claims(self._with_signals(rows, about), about, self._read)

    def _claim_at_once(self, limit: int, about: Mapping[str, Any]) -> list[Claim]:
        """Claim by one statement, where nothing has to be weighed."""
        with self._database.each() as alone:
            if self._crowded:
                shares = self._shares(self._due.on_postgresql(alone, about), limit, about["b_now"])
                with alone.transaction():
                    rows = self._taken(
                        shares, lambda take, count: take.on_postgresql(alone, {**about, "b_count": count})
                    )
            else:
                rows = self._take_any.on_postgresql(alone, {**about, "b_count": limit})
        claims = _claims(self._with_signals(rows, about), about, self._read)
        self._crowded = len(claims) == limit
        return claims

    def _shares(self, due: Sequence[Sequence[Any]], limit: int, now: datetime) -> Mapping[Priority, int]:
        """How many runs of each priority are to be taken.

        Args:
            due: what `DueQueue.due` finds.
        """
        [fronts] = due
        waiting = [one for one, front in zip(Priority, fronts, strict=True) if front is not None]
        if len(waiting) < 2:  # noqa: PLR2004 - nothing to weigh
            return dict.fromkeys(waiting, limit)
        with self._database.read() as connection:
            return self._queue.shares(connection, limit, now)

    def _taken(self, shares: Mapping[Priority, int], take: _Take) -> list[Sequence[Any]]:
        rows: list[Sequence[Any]] = []
        for priority, count in shares.items():
            next_ones, newest_ones = self._take[priority]
            newest = int(count * _FOR_THE_NEWEST)
            longest = take(next_ones, count - newest)
            rows += longest
            if newest and len(longest) == count - newest:
                rows += take(newest_ones, newest)
        return rows

    def _with_signals(self, rows: Sequence[Sequence[Any]], about: Mapping[str, Any]) -> _Taken:
        """Read signals after the claim: one that arrives later finds the claim and is seen at the commit.

        What cannot be read is let go, for nobody would carry it on.
        """
        self.paused = any(row[_PAUSED] for row in rows)
        signalled = [row[_ID] for row in rows if row[_INBOX]]
        if not signalled:
            return rows, {}
        try:
            with self._database.read() as connection:
                return rows, pending_signals(connection, signalled)
        except DatabaseUnavailable:
            with suppress(DatabaseUnavailable):  # else they run out
                self.release(replace(claim, inbox=_UNREAD) for claim in _claims((rows, {}), about, self._read))
            raise

    def commit(self, settlements: Sequence[Settlement], intents: Sequence[Intent], now: datetime) -> Committed:
        """Commit a batch in one transaction, each part only while its claim's token holds; see `commits`."""
        ahead = self._ahead
        if ahead is None or intents or not ahead.fits(settlements):
            return commit(self._database, settlements, intents, now)
        self._ahead = None
        return commit(self._database, settlements, intents, now, ahead)

    def prepare(self, settlements: Sequence[Settlement], now: datetime) -> None:
        """Make a commit ready while another is under way: of these settlements and no others, in this order.

        It takes the place of one that was made ready and has not been committed. What pauses park is made ready by its
        commit, which looks whether they last.

        Raises:
            TypeError, ValueError: when one cannot be written; its commit raises it again.
        """
        self._ahead = None
        if not any(item.parked_by for item in settlements):
            self._ahead = prepare(settlements, now, self._database.dialect)

    def renew(self, claims: Iterable[Claim], until: datetime) -> dict[str, str | None]:
        """Move the end of claims that are still held; answers the lost ones as `commit` does."""
        return self._end_at(claims, until=until)

    def release(self, claims: Iterable[Claim]) -> dict[str, str | None]:
        """Let runs go as they were last committed; answers the lost ones as `commit` does."""
        return self._end_at(claims, until=None)

    def fold(self) -> None:
        """Fold together what commits have counted; now and then, by any worker."""
        fold_tally(self._database)

    def _end_at(self, claims: Iterable[Claim], until: datetime | None) -> dict[str, str | None]:
        claims = list(claims)
        lost: dict[str, str | None] = {}
        if not claims:
            return lost
        with self._database.write() as connection:
            holders = lock_claimed(connection, [claim.run.id for claim in claims])
            rows = []
            for claim in claims:
                holder = holders.get(claim.run.id, NOBODY)
                if holder.token != claim.token:
                    lost[claim.run.id] = holder.worker_id
                    continue
                # A signal that nobody has acted on must not wait for the run's own time.
                unread = holder.inbox != claim.inbox or claim.signals
                own, now = claim.run.due_at, claim.run.updated_at
                due_at = min(own or now, now) if unread else own
                rows.append((until or due_at, holder.worker_id if until else None, until, claim.run.id))
                claim.until = until or claim.until
            _reschedule(connection, rows)
        return lost

    def next_due(self, after: datetime) -> datetime | None:
        """When the next run is due, or the next claim runs out, after a moment; None when nothing will by itself."""
        with self._database.read() as connection:
            return self._queue.next_due(connection, after)

    def idle(self, now: datetime, longest_claim: datetime) -> bool:
        """Whether nothing is due and nobody holds anything.

        Args:
            longest_claim: no claim made so far can end later than this.
        """
        with self._database.read() as connection:
            return connection.execute(self._queue.busy(now, longest_claim)).first() is None
