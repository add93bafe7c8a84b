"""What `verify` reads: each look yields None for a thing that holds, and a sentence for one that does not.

Only reads, a page at a time, so that it can look at a database at work; each page sees one moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Select, func, select

from overstap.store.database import Database
from overstap.store.rows import EFFECT, JOURNAL, RUN, SIGNAL, to_entry
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.workflow.run import JournalEntry

_PAGE = 500


class Audit:
    """Reads of the whole database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs_with_journals(self) -> Iterator[tuple[StoredRun, list[JournalEntry]]]:
        """Every run with its whole journal, both of the same moment."""
        after = ""
        while True:
            with self._database.snapshot() as connection:
                page = select(*STORED).where(RUN.c.id > after).order_by(RUN.c.id).limit(_PAGE)
                runs = [to_stored(row) for row in connection.execute(page)]
                if not runs:
                    return
                journals: dict[str, list[JournalEntry]] = defaultdict(list)
                ids = JOURNAL.c.run_id.between(runs[0].run.id, runs[-1].run.id)
                for row in connection.execute(select(JOURNAL).where(ids).order_by(JOURNAL.c.run_id, JOURNAL.c.seq)):
                    journals[row.run_id].append(to_entry(row))
            for stored in runs:
                yield stored, journals[stored.run.id]
            after = runs[-1].run.id

    def active_changes(self) -> Iterator[str | None]:
        """One active change per tenant (rules.md J3)."""
        query = (
            select(RUN.c.tenant_id, func.count().label("runs"))
            .where(RUN.c.ended_at.is_(None))
            .group_by(RUN.c.tenant_id)
        )
        for row in self._rows(query):
            yield None if row.runs == 1 else f"tenant {row.tenant_id} has {row.runs} active runs"

    def orphans(self) -> Iterator[str | None]:
        """Nothing without its run; no signal pending at an ended one."""
        for table, name in ((JOURNAL, "journal entries"), (EFFECT, "effects"), (SIGNAL, "signals")):
            known = select(RUN.c.id)
            for row in self._rows(select(table.c.run_id).where(table.c.run_id.not_in(known)).distinct()):
                yield f"there are {name} of run {row.run_id}, which does not exist"
            yield None
        late = (
            select(SIGNAL.c.id, SIGNAL.c.run_id)
            .join(RUN, RUN.c.id == SIGNAL.c.run_id)
            .where(SIGNAL.c.settled_at.is_(None), RUN.c.ended_at.is_not(None), RUN.c.claimed_by.is_(None))
        )
        for row in self._rows(late):
            yield f"signal {row.id} still waits at run {row.run_id}, which has ended"
        yield None

    def _rows(self, query: Select[Any]) -> list[Any]:
        with self._database.snapshot() as connection:
            return list(connection.execute(query))
