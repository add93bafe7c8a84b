"""How many runs there are of each sort, kept beside them, so that a count need not read a million rows.

Each transaction that moves runs appends how many came and went; nobody updates a row that another may wait for. A
worker folds the rows together now and then. The sum is exact at every moment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, Table, delete, func, select
from sqlalchemy.sql import ColumnElement

from overstap.store.bulk import BulkInsert
from overstap.store.database import Database
from overstap.store.tables import TallyRow
from overstap.workflow.run import Run

TALLY: Table = TallyRow.__table__  # type: ignore[attr-defined]

_WORTH = 500
"""Rows below which folding is not worth its transaction."""
_MOST = 50_000
"""Rows folded by one transaction."""


class Bucket(NamedTuple):
    """What runs are counted by."""

    state: str
    status: str
    target_plan: str
    workflow: str
    version: int


append_tally = BulkInsert(TALLY, (*Bucket._fields, "delta"))
BUCKET = [TALLY.c[name] for name in Bucket._fields]


def tell_tally(connection: Connection, moves: Iterable[tuple[Run | None, Run]]) -> None:
    """Count runs where they are now instead of where they were; in the transaction that writes them.

    Args:
        moves: each run before (None for a new one) and after.
    """
    append_tally(connection, tally_rows(moves))


_place = attrgetter("state", "status", "version")


def tally_rows(moves: Iterable[tuple[Run | None, Run]]) -> list[tuple[Any, ...]]:
    """What `append_tally` takes for them."""
    # Moves are counted first: this is done for each run of each commit, and most make the same one.
    alike = Counter(
        [
            (None if before is None else _place(before), _place(after), after.workflow, after.input["target_plan"])
            for before, after in moves
        ]
    )
    deltas: Counter[tuple[Any, ...]] = Counter()
    for (before, after, workflow, plan), runs in alike.items():
        for place, change in ((before, -runs), (after, runs)):
            if place is not None:
                state, status, version = place
                deltas[state, status.value, plan, workflow, version] += change
    return [(*where, delta) for where, delta in deltas.items() if delta]


def counted(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Selects the buckets that have runs and meet conditions on `TALLY`, each with its number as `runs`."""
    runs = func.sum(TALLY.c.delta)
    return select(*BUCKET, runs.label("runs")).where(*conditions).group_by(*BUCKET).having(runs > 0)


def fold_tally(database: Database, *, worth: int = _WORTH) -> None:
    """Fold the rows that are there into one for each bucket; two who do it at once take different rows."""
    with database.read() as connection:
        if connection.execute(select(func.count()).select_from(TALLY)).scalar_one() < worth:
            return
    old = select(TALLY.c.id).order_by(TALLY.c.id).limit(_MOST)
    gone = delete(TALLY)
    if database.dialect == "postgresql":
        # A CTE, because a LIMIT inside IN (…) may be evaluated more than once and take more than asked.
        chosen = old.with_for_update(skip_locked=True).cte("chosen")
        gone = gone.where(TALLY.c.id == chosen.c.id)
    else:
        gone = gone.where(TALLY.c.id.in_(old))
    with database.write() as connection:
        sums: Counter[Bucket] = Counter()
        for row in connection.execute(gone.returning(*BUCKET, TALLY.c.delta)):
            sums[Bucket(*row[:-1])] += row.delta
        append_tally(connection, [(*where, delta) for where, delta in sums.items() if delta])
