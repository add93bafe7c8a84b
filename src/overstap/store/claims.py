"""Claiming due runs and committing what was decided: the hot path (design §4.2, §4.5).

Everything here is set-based, and every write is guarded by the claim's fencing token: elapsed time frees nothing, a new
claim with a new token does, and from then on the old holder's writes are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, update
from sqlalchemy.sql.dml import ReturningUpdate

from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.store.bulk import BY_KEY, BulkUpdate
from overstap.store.commits import NOBODY, SCHEDULING, commit, lock_claimed, pending_signals
from overstap.store.database import Database, UtcDateTime
from overstap.store.queue import DueQueue
from overstap.store.rows import RUN, RUN_COLUMNS, to_run
from overstap.store.tally import fold_tally
from overstap.workflow.priority import Priority

_reschedule = BulkUpdate(RUN, SCHEDULING, ("id",))


class Claims:
    """Claims and commits for the workers of one process.

    Args:
        workflows: name and version of the definitions this process has.
    """

    def __init__(self, database: Database, workflows: Iterable[tuple[str, int]]) -> None:
        self._database = database
        # On PostgreSQL the look for what is due has the claims that follow find their rows by key.
        self._queue = DueQueue(workflows, BY_KEY if database.dialect == "postgresql" else ())
        self._take = {priority: self._taking(priority) for priority in Priority}

    def _taking(self, priority: Priority) -> ReturningUpdate[Any]:
        until = bindparam("b_until", type_=UtcDateTime())
        take = update(RUN).values(
            claimed_by=bindparam("b_worker"), claim_token=RUN.c.claim_token + 1, claim_until=until, due_at=until
        )
        due = self._queue.next(priority)
        if self._database.dialect == "postgresql":
            # A CTE, because a LIMIT inside IN (…) may be evaluated more than once and take more than asked.
            chosen = due.with_for_update(skip_locked=True).cte("chosen")
            take = take.where(RUN.c.id == chosen.c.id)
        else:
            take = take.where(RUN.c.id.in_(due))
        return take.returning(*RUN_COLUMNS, RUN.c.claim_token, RUN.c.inbox)

    def claim(self, worker_id: str, limit: int, now: datetime, until: datetime) -> list[Claim]:
        """Take up to `limit` due runs that nobody holds, or whose claim has run out; whose turn it is first."""
        if self._database.dialect == "sqlite":  # a writer shuts out all others there, so it comes only with a reason
            with self._database.read() as connection:
                if not self._queue.shares(connection, 1, now):
                    return []
        with self._database.write() as connection:
            shares = self._queue.shares(connection, limit, now)
            if not shares:
                return []
            rows: list[Row[Any]] = []
            about = {"b_now": now, "b_worker": worker_id, "b_until": until}
            for priority, count in shares.items():
                rows += connection.execute(self._take[priority], {**about, "b_count": count})
            # Read signals after the claim: one that arrives later finds the claim and is seen at the commit.
            inboxes = pending_signals(connection, [row.id for row in rows if row.inbox])
            return [
                Claim(to_run(row), row.claim_token, row.inbox, inboxes.get(row.id, []), until, worker_id)
                for row in sorted(rows, key=lambda row: row.id)
            ]

    def commit(self, settlements: Sequence[Settlement], intents: Sequence[Intent], now: datetime) -> Committed:
        """Commit a batch in one transaction, each part only while its claim's token holds; see `commits`."""
        return commit(self._database, settlements, intents, now)

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
