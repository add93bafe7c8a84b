"""What operators do to runs, in transactions of their own: the run is held by its row lock, not by a claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, case, exists, insert, literal, select, update

from overstap.errors import NotFound
from overstap.store.database import Database, UtcDateTime
from overstap.store.rows import JOURNAL, RUN, SIGNAL, changing_values, journal_values
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.store.tally import tell_tally
from overstap.store.wakeup import notify
from overstap.workflow.decide import Decision


class Acts:
    """Changes single runs of one database by hand."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def change(self, run_id: str, decide: Callable[[StoredRun], Decision]) -> StoredRun:
        """Have somebody decide what a run becomes while nobody else can change it, and write that down.

        Args:
            decide: given the run as it is; what it raises leaves the run as it was.

        Returns:
            The run as it is afterwards.

        Raises:
            NotFound: when there is no such run.
        """
        with self._database.write() as connection:
            found = hold_runs(connection, [run_id]).get(run_id)
            if found is None:
                raise NotFound(f"There is no run {run_id!r}; `overstap runs list` shows those there are.")
            advance(connection, [decide(found)])
            return hold_runs(connection, [run_id])[run_id]


def hold_runs(connection: Connection, ids: Collection[str]) -> dict[str, StoredRun]:
    """The runs with these ids, locked until the transaction ends; in one order for all writers."""
    query = select(*STORED).where(RUN.c.id.in_(set(ids))).order_by(RUN.c.id).with_for_update()
    return {row.id: to_stored(row) for row in connection.execute(query)}


def advance(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Write what was decided for runs that the transaction holds, one decision for each, and wake them.

    A run leaves the hands of its worker: the claim is gone, so that what the worker was doing is dropped at its commit
    (`ClaimLost`), and effects that it began are looked up before they are repeated.
    """
    before = hold_runs(connection, [decision.run.id for decision in decisions])
    tell_tally(connection, ((before[decision.run.id].run, decision.run) for decision in decisions))
    for decision in decisions:
        run = decision.run
        # A signal that waits in the inbox must not wait for the run's own time.
        pending = exists().where(SIGNAL.c.run_id == run.id, SIGNAL.c.settled_at.is_(None))
        due_at = case((pending, literal(run.updated_at, UtcDateTime())), else_=literal(run.due_at, UtcDateTime()))
        values = {
            **changing_values(run),
            "version": run.version,
            "digest": run.digest,
            "due_at": due_at if run.ended_at is None else None,
            "claimed_by": None,
            "claim_until": None,
        }
        connection.execute(update(RUN).where(RUN.c.id == run.id).values(values))
    connection.execute(insert(JOURNAL), [journal_values(decision.entry) for decision in decisions])
    notify(connection)
