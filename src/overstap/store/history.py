"""What happened to one run, read a part at a time: a journal may have a million entries."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from overstap.store.database import Database
from overstap.store.rows import EFFECT, JOURNAL, WORKER, EffectRecord, to_effect, to_entry
from overstap.workflow.run import JournalEntry, Kind

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Beat:
    """When a worker was last heard of, and whether it has ended in order."""

    heartbeat_at: datetime
    stopped_at: datetime | None


class History:
    """The histories of the runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(self, run_id: str, after: int = 0, to: int | None = None) -> Iterator[JournalEntry]:
        """The journal from one entry on, without holding it: read in pages, for entries never change.

        Args:
            after: the number of the entry before the first.
            to: the last entry's number; None for all.
        """
        while True:
            query = select(JOURNAL).where(JOURNAL.c.run_id == run_id, JOURNAL.c.seq > after)
            if to is not None:
                query = query.where(JOURNAL.c.seq <= to)
            with self._database.read() as connection:
                page = [to_entry(row) for row in connection.execute(query.order_by(JOURNAL.c.seq).limit(_PAGE))]
            yield from page
            if len(page) < _PAGE:
                return
            after = page[-1].seq

    def moves(self, run_id: str, before: int, last: int = 1) -> list[JournalEntry]:
        """The last entries that led into a state, of those with a number below `before`; the newest first."""
        query = select(JOURNAL).where(
            JOURNAL.c.run_id == run_id, JOURNAL.c.seq < before, JOURNAL.c.to_state.is_not(None)
        )
        with self._database.read() as connection:
            return [to_entry(row) for row in connection.execute(query.order_by(JOURNAL.c.seq.desc()).limit(last))]

    def progress(self, run_id: str, step: str) -> JournalEntry | None:
        """The last entry by which a step got on or was done, None before that."""
        kinds = [Kind.PROGRESS.value, Kind.STEP_DONE.value]
        query = select(JOURNAL).where(JOURNAL.c.run_id == run_id, JOURNAL.c.kind.in_(kinds), JOURNAL.c.step == step)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(JOURNAL.c.seq.desc()).limit(1)).first()
        return None if row is None else to_entry(row)

    def done(self, run_id: str, operations: Collection[str]) -> list[EffectRecord]:
        """The effects of these operations that were done, in the order in which they were."""
        query = select(EFFECT).where(
            EFFECT.c.run_id == run_id, EFFECT.c.status == "confirmed", EFFECT.c.operation.in_(operations)
        )
        with self._database.read() as connection:
            return [to_effect(row) for row in connection.execute(query.order_by(EFFECT.c.settled_at, EFFECT.c.at))]

    def seq_at(self, run_id: str, moment: datetime) -> int:
        """The last entry written up to a moment; 0 when there was none yet."""
        # The clocks of machines differ, so moments may go back a little. An entry stands behind all those it builds on:
        # once the later one was written, so were they.
        query = select(func.max(JOURNAL.c.seq)).where(JOURNAL.c.run_id == run_id, JOURNAL.c.at <= moment)
        with self._database.read() as connection:
            return connection.execute(query).scalar() or 0

    def effects(self, run_id: str, last: int | None, until: datetime | None = None) -> list[EffectRecord]:
        """The last effects of a run, in the order they were intended.

        Args:
            last: how many at most; None for all.
            until: only those that were intended up to then.
        """
        query = select(EFFECT).where(EFFECT.c.run_id == run_id).order_by(EFFECT.c.at.desc(), EFFECT.c.key.desc())
        if until is not None:
            query = query.where(EFFECT.c.at <= until)
        if last is not None:
            query = query.limit(last)
        with self._database.read() as connection:
            return [to_effect(row) for row in connection.execute(query)][::-1]

    def effect_counts(self, run_id: str) -> dict[str, int]:
        """How many effects of a run have each status."""
        query = (
            select(EFFECT.c.status, func.count().label("many"))
            .where(EFFECT.c.run_id == run_id)
            .group_by(EFFECT.c.status)
        )
        with self._database.read() as connection:
            return {row.status: row.many for row in connection.execute(query.order_by(EFFECT.c.status))}

    def unknown(self, run_id: str) -> list[str]:
        """The keys of the calls of which nobody knows whether they were done."""
        query = select(EFFECT.c.key).where(EFFECT.c.run_id == run_id, EFFECT.c.status == "unknown")
        with self._database.read() as connection:
            return list(connection.execute(query.order_by(EFFECT.c.at, EFFECT.c.key)).scalars())

    def settlings(self, run_id: str, after: int) -> list[JournalEntry]:
        """The entries from one on that may have applied or dropped a signal."""
        kinds = [Kind.TRANSITION.value, Kind.SIGNAL_DISCARDED.value]
        query = select(JOURNAL).where(JOURNAL.c.run_id == run_id, JOURNAL.c.seq > after, JOURNAL.c.kind.in_(kinds))
        with self._database.read() as connection:
            return [to_entry(row) for row in connection.execute(query.order_by(JOURNAL.c.seq))]

    def beat(self, worker_id: str) -> Beat | None:
        """When a worker was last heard of; None for one that never said anything."""
        query = select(WORKER.c.heartbeat_at, WORKER.c.stopped_at).where(WORKER.c.id == worker_id)
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else Beat(row.heartbeat_at, row.stopped_at)

    def alive(self, since: datetime) -> int:
        """How many workers were heard of since a moment and have not ended."""
        query = select(func.count()).where(WORKER.c.stopped_at.is_(None), WORKER.c.heartbeat_at >= since)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()
