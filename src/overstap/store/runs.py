"""Submitting runs, signalling them, and looking at one; `search` finds many."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, case, func, insert, select, update

from overstap.domain.locks import ActiveRun
from overstap.errors import Changed, Conflict, NotFound
from overstap.store.books import HOLD_TENANT
from overstap.store.bulk import BulkInsert, Row, Together
from overstap.store.database import CLASHES, Database
from overstap.store.feed import append_feed, feed_rows
from overstap.store.rows import (
    ACTIVE_COLUMNS,
    EFFECT,
    JOURNAL,
    RUN,
    RUN_COLUMNS,
    SIGNAL,
    EffectRecord,
    append_journal,
    changing_values,
    fixed_values,
    journal_row,
    to_active,
    to_effect,
    to_entry,
    to_run,
    to_signal,
)
from overstap.store.spans import span
from overstap.store.tally import append_tally, tally_rows
from overstap.store.wakeup import CHANNEL, notify
from overstap.workflow.decide import Decision, Signal
from overstap.workflow.priority import Priority
from overstap.workflow.run import JournalEntry, Run


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run with what only scheduling needs."""

    run: Run
    subscription_id: str
    target_plan: str
    due_at: datetime | None
    claimed_by: str | None
    claim_token: int
    claim_until: datetime | None
    idempotency_key: str | None
    priority: Priority = Priority.NORMAL


class ActiveChange(Conflict):
    """The tenant has an active change already (rules.md J3).

    Args:
        run_id: the run that is under way.
        findings: what the rules say of the change that was refused, as JSON values, where they were asked.
        told: the same for people; None where they were not asked.
    """

    def __init__(
        self, tenant_id: str, run_id: str, *, findings: Sequence[Mapping[str, Any]] = (), told: str | None = None
    ) -> None:
        super().__init__(
            told
            or f"Tenant {tenant_id} has a plan change under way: run {run_id}. Wait for its end, or cancel it first."
        )
        self.run_id = run_id
        self.findings = findings

    @property
    def evidence(self) -> Mapping[str, Any]:
        return {"run_id": self.run_id, "findings": list(self.findings)}


STORED = [
    *RUN_COLUMNS,
    RUN.c.subscription_id,
    RUN.c.target_plan,
    RUN.c.due_at,
    RUN.c.claimed_by,
    RUN.c.claim_token,
    RUN.c.claim_until,
    RUN.c.idempotency_key,
    RUN.c.priority,
]


def to_stored(row: sqlalchemy.Row[Any]) -> StoredRun:
    """The run in a row that holds `STORED`."""
    return StoredRun(
        run=to_run(row),
        subscription_id=row.subscription_id,
        target_plan=row.target_plan,
        due_at=row.due_at,
        claimed_by=row.claimed_by,
        claim_token=row.claim_token,
        claim_until=row.claim_until,
        idempotency_key=row.idempotency_key,
        priority=Priority.of(row.priority),
    )


_NEW_COLUMNS = [
    column.name
    for column in RUN.c
    if column.computed is None and column.name not in {"claimed_by", "claim_until", "error", "held", "ended_at"}
]
"""All that a new run has. More than 50 are too many for the driver, which would read the statement anew each time."""
_insert = Together(
    BulkInsert(RUN, _NEW_COLUMNS),
    append_tally,
    append_journal,
    append_feed,
    hold=HOLD_TENANT,
    tell=f"pg_notify('{CHANNEL}', '')",
)


_TRIES = 3
"""How often a new run is written where something stands in its way that is gone when it is looked at."""


class Runs:
    """The runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, decision: Decision, key: str | None, priority: Priority = Priority.NORMAL) -> None:
        """Write a new run and its first journal entry.

        Raises:
            ActiveChange: when the tenant has another active run, however close the race was.
            Conflict: when the idempotency key is taken.
            IntegrityError: when the database refuses it again and again, and nothing stands in its way.
        """
        run = decision.run
        values = {**fixed_values(run), **changing_values(run), "due_at": run.due_at}
        values |= {"idempotency_key": key, "claim_token": 0, "inbox": 0, "priority": priority.rank}
        row = [values[name] for name in _NEW_COLUMNS]
        for left in reversed(range(_TRIES)):
            try:
                self._write_new(row, tally_rows([(None, run)]), decision.entry, run.tenant_id)
            except CLASHES:
                self._explain(run, key)
                if not left:
                    raise
                # The rival has ended meanwhile: there is room now.
            else:
                return

    def _write_new(self, row: Row, counts: Sequence[Row], entry: JournalEntry, tenant_id: str) -> None:
        more = [journal_row(entry)], feed_rows([span([entry])])
        if self._database.dialect == "postgresql":
            # Who changes the tenant from outside has found no run: none may begin until that is committed. So the
            # tenant is held, by the statement itself.
            with self._database.each() as connection:
                connection.execute(*_insert.alone([row], counts, *more, hold=[tenant_id]))
        else:
            with self._database.alone() as driver:
                _insert.by_driver(driver, [row], counts, *more)

    def _explain(self, run: Run, key: str | None) -> None:
        if key is not None and self.by_key(key) is not None:
            raise Conflict(f"The idempotency key {key!r} is taken by another run.") from None
        active = self.active(run.tenant_id)
        if active is not None:
            raise ActiveChange(run.tenant_id, active.run.id) from None
        if self._one(RUN.c.id == run.id) is not None:
            raise Conflict(f"There is a run {run.id} already.") from None

    def get(self, run_id: str) -> StoredRun:
        """The run with that id.

        Raises:
            NotFound: when there is none.
        """
        found = self._one(RUN.c.id == run_id)
        if found is None:
            raise NotFound(f"There is no run {run_id!r}; `overstap runs list` shows those there are.")
        return found

    def by_key(self, key: str) -> StoredRun | None:
        """The run that was submitted under an idempotency key."""
        return self._one(RUN.c.idempotency_key == key)

    def active(self, tenant_id: str) -> StoredRun | None:
        """The run of a tenant that has not ended (rules.md J3: there is at most one)."""
        return self._one((RUN.c.tenant_id == tenant_id) & RUN.c.ended_at.is_(None))

    def active_run(self, tenant_id: str) -> ActiveRun | None:
        """The same, as locks are judged by; it may have gone on by the time it is looked at."""
        query = select(*ACTIVE_COLUMNS).where(RUN.c.tenant_id == tenant_id, RUN.c.ended_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else to_active(row)

    def active_runs(self, tenant_ids: Collection[str]) -> dict[str, ActiveRun]:
        """The same of several tenants, by tenant; who has none is left out."""
        query = select(*ACTIVE_COLUMNS).where(RUN.c.tenant_id.in_(tenant_ids), RUN.c.ended_at.is_(None))
        with self._database.read() as connection:
            return {row.tenant_id: to_active(row) for row in connection.execute(query)}

    def all_ids(self) -> list[str]:
        """The ids of all runs, the oldest first."""
        with self._database.read() as connection:
            return list(connection.execute(select(RUN.c.id).order_by(RUN.c.id)).scalars())

    def journal(self, run_id: str) -> list[JournalEntry]:
        """The whole journal of a run, from the first entry on."""
        query = select(JOURNAL).where(JOURNAL.c.run_id == run_id).order_by(JOURNAL.c.seq)
        with self._database.read() as connection:
            return [to_entry(row) for row in connection.execute(query)]

    def effects(self, run_id: str) -> list[EffectRecord]:
        """The effects of a run in the order they were intended."""
        query = select(EFFECT).where(EFFECT.c.run_id == run_id).order_by(EFFECT.c.at, EFFECT.c.key)
        with self._database.read() as connection:
            return [to_effect(row) for row in connection.execute(query)]

    def pending_signals(self, run_id: str) -> list[Signal]:
        """The signals of a run that wait for their time."""
        query = select(SIGNAL).where(SIGNAL.c.run_id == run_id, SIGNAL.c.settled_at.is_(None)).order_by(SIGNAL.c.at)
        with self._database.read() as connection:
            return [to_signal(row) for row in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """How many runs are in each state."""
        query = select(RUN.c.state, func.count()).group_by(RUN.c.state)
        with self._database.read() as connection:
            return {state: count for state, count in connection.execute(query)}  # noqa: C416 - rows, not tuples

    def signal(self, run_id: str, signal: Signal, *, acceptable: Sequence[str], if_seq: int | None = None) -> Run:
        """Put a signal into a run's inbox and wake the run; one with an id that is there already does nothing.

        Args:
            acceptable: states of the run in which the signal may still come to something.
            if_seq: the length that its journal must have; None for any.

        Returns:
            The run as the signal found it.

        Raises:
            NotFound: when there is no such run.
            Conflict: when its state is not acceptable.
            Changed: when its journal has grown since.
        """
        with self._database.write() as connection:
            row = connection.execute(select(*RUN_COLUMNS).where(RUN.c.id == run_id).with_for_update()).first()
            if row is None:
                raise NotFound(f"There is no run {run_id!r}; `overstap runs list` shows those there are.")
            if connection.execute(select(SIGNAL.c.id).where(SIGNAL.c.id == signal.id)).first() is not None:
                return to_run(row)
            ensure_unchanged(to_run(row), if_seq)
            if row.state not in acceptable:
                where = f"in {', '.join(acceptable)}" if acceptable else "in no state of its workflow"
                raise Conflict(f"Run {run_id} is in {row.state}: {signal.event} is accepted only {where}.")
            put_signal(connection, run_id, signal)
            return to_run(row)

    def _one(self, condition: Any) -> StoredRun | None:
        with self._database.read() as connection:
            row = connection.execute(select(*STORED).where(condition)).first()
        return None if row is None else to_stored(row)


def ensure_unchanged(run: Run, if_seq: int | None) -> None:
    """Let pass what was decided by a run's journal as it is.

    Args:
        if_seq: the length of the journal that it was decided by; None for any.

    Raises:
        Changed: when the journal has grown since.
    """
    if if_seq is not None and run.seq != if_seq:
        raise Changed(f"Run {run.id} has gone on: its journal has {run.seq} entries, not {if_seq}. Look again.")


def put_signal(connection: Connection, run_id: str, signal: Signal) -> None:
    """Put a signal into the inbox of a run that the transaction holds, and wake the run."""
    values = {name: getattr(signal, name) for name in ("id", "event", "reason", "actor", "at", "request")}
    connection.execute(insert(SIGNAL), {**values, "run_id": run_id})
    # A claimed run is not made due: its holder sees the inbox at its next commit.
    # One that is due already keeps its place in the queue.
    later = RUN.c.due_at.is_(None) | (RUN.c.due_at > signal.at)
    due_at = case((RUN.c.claimed_by.is_(None) & later, signal.at), else_=RUN.c.due_at)
    connection.execute(update(RUN).where(RUN.c.id == run_id).values(inbox=RUN.c.inbox + 1, due_at=due_at))
    notify(connection)
