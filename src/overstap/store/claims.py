"""Claiming due runs and committing what was decided: the hot path (design §4.2, §4.5).

Everything here is set-based, and every write is guarded by the claim's fencing token: elapsed time frees nothing, a new
claim with a new token does, and from then on the old holder's writes are dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.store.database import Database, UtcDateTime
from overstap.store.effects import record_intents, settle_effects
from overstap.store.notices import record_notices
from overstap.store.pauses import in_force
from overstap.store.queue import DueQueue
from overstap.store.rows import (
    CHANGING_COLUMNS,
    JOURNAL,
    RUN,
    RUN_COLUMNS,
    SIGNAL,
    changing_values,
    journal_values,
    to_run,
    to_signal,
)
from overstap.store.tally import fold_tally, tell_tally
from overstap.workflow.decide import Signal
from overstap.workflow.priority import Priority

_SCHEDULING = ("due_at", "claimed_by", "claim_until")
_ADVANCE = (
    update(RUN)
    .where(RUN.c.id == bindparam("b_id"))
    .values({name: bindparam(f"b_{name}") for name in (*CHANGING_COLUMNS, *_SCHEDULING)})
)
_RESCHEDULE = (
    update(RUN).where(RUN.c.id == bindparam("b_id")).values({name: bindparam(f"b_{name}") for name in _SCHEDULING})
)


class Claims:
    """Claims and commits for the workers of one process.

    Args:
        workflows: name and version of the definitions this process has.
    """

    def __init__(self, database: Database, workflows: Iterable[tuple[str, int]]) -> None:
        self._database = database
        self._queue = DueQueue(workflows)
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
        with self._database.read() as connection:
            shares = self._queue.shares(connection, limit, now)
        if not shares:
            return []
        with self._database.write() as connection:
            rows: list[Row[Any]] = []
            about = {"b_now": now, "b_worker": worker_id, "b_until": until}
            for priority, count in shares.items():
                rows += connection.execute(self._take[priority], {**about, "b_count": count})
            # Read signals after the claim: one that arrives later finds the claim and is seen at the commit.
            inboxes = _pending(connection, [row.id for row in rows if row.inbox])
            return [
                Claim(to_run(row), row.claim_token, row.inbox, inboxes.get(row.id, []), until, worker_id)
                for row in sorted(rows, key=lambda row: row.id)
            ]

    def commit(
        self, settlements: Sequence[Settlement], intents: Sequence[Intent], now: datetime, until: datetime
    ) -> Committed:
        """Commit a batch in one transaction, each part only while its claim's token holds.

        Args:
            until: the new end of the claims that are kept.
        """
        result = Committed()
        given = [*(item.claim for item in settlements), *(item.claim for item in intents)]
        claims = {claim.run.id: claim for claim in given}
        with self._database.write() as connection:
            holders = _lock(connection, list(claims))
            overtaken = []
            for run_id, claim in claims.items():
                holder = holders.get(run_id, _NOBODY)
                # The seq differs when our own commit went through but its answer was lost: never advance twice.
                if (holder.token, holder.seq) != (claim.token, claim.run.seq):
                    result.lost[run_id] = holder.worker_id
                elif holder.inbox != claim.inbox:
                    overtaken.append(run_id)  # what was decided without the signal may be wrong with it
            signals = _pending(connection, overtaken)
            result.overtaken = [
                replace(claims[run_id], inbox=holders[run_id].inbox, signals=signals.get(run_id, []))
                for run_id in overtaken
            ]
            out = result.lost.keys() | set(overtaken)
            self._advance(
                connection, [item for item in settlements if item.claim.run.id not in out], result, now, until
            )
            valid = [item for item in intents if item.claim.run.id not in out]
            result.effects = record_intents(connection, valid, now)
        return result

    @staticmethod
    def _advance(
        connection: Connection, settlements: Sequence[Settlement], result: Committed, now: datetime, until: datetime
    ) -> None:
        if not settlements:
            return
        places = {(item.parked_by.scope.value, item.parked_by.name) for item in settlements if item.parked_by}
        paused = in_force(connection, places) if places else set()
        updates = []
        for item in settlements:
            run = item.run
            values = {f"b_{name}": value for name, value in changing_values(run).items()} | {"b_id": run.id}
            if item.keep:
                left = [one for one in item.claim.signals if one.id not in item.settled]
                result.kept.append(Claim(run, item.claim.token, item.claim.inbox, left, until, item.claim.worker_id))
                values |= {"b_due_at": until, "b_claimed_by": item.claim.worker_id, "b_claim_until": until}
            else:
                result.released.append(run)
                by = item.parked_by
                # Not where the pause was lifted meanwhile: nobody would wake it any more.
                parked = by is not None and (by.scope.value, by.name) in paused
                due_at = run.deadline_at if parked else run.due_at
                values |= {"b_due_at": due_at, "b_claimed_by": None, "b_claim_until": None}
            updates.append(values)
        connection.execute(_ADVANCE, updates)
        tell_tally(connection, ((item.claim.run, item.run) for item in settlements))
        if journal := [journal_values(entry) for item in settlements for entry in item.entries]:
            connection.execute(insert(JOURNAL), journal)
        record_notices(connection, (notice for item in settlements for notice in item.notices))
        if settled := [signal_id for item in settlements for signal_id in item.settled]:
            connection.execute(update(SIGNAL).where(SIGNAL.c.id.in_(settled)).values(settled_at=now))
        settle_effects(connection, [effect for item in settlements for effect in item.effects], now)

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
            holders = _lock(connection, [claim.run.id for claim in claims])
            updates = []
            for claim in claims:
                holder = holders.get(claim.run.id, _NOBODY)
                if holder.token != claim.token:
                    lost[claim.run.id] = holder.worker_id
                    continue
                # A signal that nobody has acted on must not wait for the run's own time.
                unread = holder.inbox != claim.inbox or claim.signals
                own, now = claim.run.due_at, claim.run.updated_at
                due_at = min(own or now, now) if unread else own
                updates.append(
                    {
                        "b_id": claim.run.id,
                        "b_due_at": until or due_at,
                        "b_claimed_by": holder.worker_id if until else None,
                        "b_claim_until": until,
                    }
                )
                claim.until = until or claim.until
            if updates:
                connection.execute(_RESCHEDULE, updates)
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


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who holds a run; a run that nobody holds has no valid token."""

    worker_id: str | None
    token: int | None
    inbox: int
    seq: int


_NOBODY = _Holder(None, None, 0, 0)


def _lock(connection: Connection, ids: Sequence[str]) -> dict[str, _Holder]:
    """Lock runs, in one order for all writers."""
    query = select(RUN.c.id, RUN.c.claim_token, RUN.c.claimed_by, RUN.c.inbox, RUN.c.seq).where(RUN.c.id.in_(set(ids)))
    rows = connection.execute(query.order_by(RUN.c.id).with_for_update()).all()
    return {
        row.id: _Holder(row.claimed_by, row.claim_token if row.claimed_by else None, row.inbox, row.seq) for row in rows
    }


def _pending(connection: Connection, run_ids: Sequence[str]) -> dict[str, list[Signal]]:
    inboxes: dict[str, list[Signal]] = {}
    if run_ids:
        query = select(SIGNAL).where(SIGNAL.c.run_id.in_(run_ids), SIGNAL.c.settled_at.is_(None))
        for row in connection.execute(query.order_by(SIGNAL.c.at, SIGNAL.c.id)):
            inboxes.setdefault(row.run_id, []).append(to_signal(row))
    return inboxes
