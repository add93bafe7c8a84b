"""What `verify` reads: each look yields None for a thing that holds, and a sentence for one that does not.

Only reads, so that it can look at a database at work; what is compared was read at one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from overstap.store.database import Database
from overstap.store.narrowing import RUN_BUCKET
from overstap.store.rows import EFFECT, JOURNAL, RUN, SIGNAL, to_entry
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.store.tally import BUCKET, TALLY, Bucket
from overstap.workflow.run import JournalEntry

_PAGE = 500


@dataclass(frozen=True, slots=True)
class History:
    """A stored run beside its whole journal, both of one moment.

    Attributes:
        stored: None when its row or its journal cannot be read.
        unreadable: what is wrong then.
    """

    run_id: str
    stored: StoredRun | None
    journal: list[JournalEntry]
    unreadable: str | None = None


class Audit:
    """Reads of the whole database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self) -> int:
        """How many runs there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(RUN)).scalar_one()

    def histories(self) -> Iterator[History]:
        """Every run with its whole journal, a page of runs at a time, each page of one moment."""
        after = ""
        while True:
            with self._database.snapshot() as connection:
                page = select(*STORED).where(RUN.c.id > after).order_by(RUN.c.id).limit(_PAGE)
                runs = connection.execute(page).all()
                if not runs:
                    return
                journals = _journals(connection, runs[0].id, runs[-1].id)
            for row in runs:
                yield _history(row, journals[row.id])
            after = runs[-1].id

    def active_changes(self) -> Iterator[str | None]:
        """One active change per tenant (rules.md J3)."""
        query = (
            select(RUN.c.tenant_id, func.count().label("runs"))
            .where(RUN.c.ended_at.is_(None))
            .group_by(RUN.c.tenant_id)
        )
        with self._database.snapshot() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield None if row.runs == 1 else f"tenant {row.tenant_id} has {row.runs} active runs"

    def tally(self) -> Iterator[str | None]:
        """The counters of runs are how many there are."""
        there = select(*RUN_BUCKET.values(), func.count().label("runs")).group_by(*RUN_BUCKET.values())
        counters = select(*BUCKET, func.sum(TALLY.c.delta).label("runs")).group_by(*BUCKET)
        with self._database.snapshot() as connection:
            runs, told = (
                {Bucket(*row[:-1]): row.runs for row in connection.execute(query)} for query in (there, counters)
            )
        for bucket in sorted(runs.keys() | told.keys()):
            number, counter = runs.get(bucket, 0), told.get(bucket, 0)
            place = f"{bucket.workflow} v{bucket.version} to {bucket.target_plan} in {bucket.state} ({bucket.status})"
            yield None if number == counter else f"{place}: {number} runs, counted are {counter}"

    def orphans(self) -> Iterator[str | None]:
        """Nothing without its run; no signal pending at an ended one."""
        known = select(RUN.c.id)
        late = (
            select(SIGNAL.c.id, SIGNAL.c.run_id)
            .join(RUN, RUN.c.id == SIGNAL.c.run_id)
            .where(SIGNAL.c.settled_at.is_(None), RUN.c.ended_at.is_not(None), RUN.c.claimed_by.is_(None))
        )
        with self._database.snapshot() as connection:
            strays = [
                (name, connection.execute(select(table.c.run_id).where(table.c.run_id.not_in(known)).distinct()).all())
                for table, name in ((JOURNAL, "journal entries"), (EFFECT, "effects"), (SIGNAL, "signals"))
            ]
            waiting = connection.execute(late).all()
        for name, rows in strays:
            yield from (f"there are {name} of run {row.run_id}, which does not exist" for row in rows)
            yield None
        for row in waiting:
            yield f"signal {row.id} still waits at run {row.run_id}, which has ended"
        yield None


def _journals(connection: Connection, first: str, last: str) -> dict[str, list[Row[Any]]]:
    journals: dict[str, list[Row[Any]]] = defaultdict(list)
    query = select(JOURNAL).where(JOURNAL.c.run_id.between(first, last)).order_by(JOURNAL.c.run_id, JOURNAL.c.seq)
    for row in connection.execute(query):
        journals[row.run_id].append(row)
    return journals


def _history(row: Row[Any], journal: list[Row[Any]]) -> History:
    try:
        return History(row.id, to_stored(row), [to_entry(entry) for entry in journal])
    except ValueError as error:
        return History(row.id, None, [], str(error))
