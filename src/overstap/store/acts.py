"""What operators do to runs, in transactions of their own: the run is held by its row lock, not by a claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, case, exists, insert, literal, select, update

from overstap.errors import NotFound
from overstap.store.database import Database, UtcDateTime
from overstap.store.feed import append_feed, feed_rows
from overstap.store.permits import step_out
from overstap.store.rows import JOURNAL, RUN, SIGNAL, changing_values, journal_values, to_signal
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.store.spans import span
from overstap.store.tally import tell_tally
from overstap.store.wakeup import notify
from overstap.workflow.decide import Decision, discard


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
            decisions = [decide(found)]
            if decisions[0].run.ended_at is not None:
                decisions += _discarded(connection, decisions[0])
            advance(connection, decisions)
            return hold_runs(connection, [run_id])[run_id]


def _discarded(connection: Connection, end: Decision) -> list[Decision]:
    """What still waited in the inbox of a run that ends with this: no worker will look at it any more."""
    waiting = SIGNAL.c.run_id == end.run.id, SIGNAL.c.settled_at.is_(None)
    decisions = [end]
    for row in connection.execute(select(SIGNAL).where(*waiting).order_by(SIGNAL.c.at, SIGNAL.c.id)):
        decisions.append(discard(decisions[-1].run, to_signal(row), end.entry.at))
    connection.execute(update(SIGNAL).where(*waiting).values(settled_at=end.entry.at))
    return decisions[1:]


def hold_runs(connection: Connection, ids: Collection[str]) -> dict[str, StoredRun]:
    """The runs with these ids, locked until the transaction ends; in one order for all writers."""
    query = select(*STORED).where(RUN.c.id.in_(set(ids))).order_by(RUN.c.id).with_for_update()
    return {row.id: to_stored(row) for row in connection.execute(query)}


def advance(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Write what was decided for runs that the transaction holds, in order, and wake them.

    A run leaves the hands of its worker: the claim is gone, so that what the worker was doing is dropped at its commit
    (`ClaimLost`), and effects that it began are looked up before they are repeated.
    """
    after = {decision.run.id: decision.run for decision in decisions}
    before = hold_runs(connection, after)
    tell_tally(connection, ((before[run_id].run, run) for run_id, run in after.items()))
    for decision in decisions:
        run = decision.run
        # A signal that waits in the inbox must not wait for the run's own time; what is due already keeps its place.
        soon = min(run.updated_at, run.due_at or run.updated_at)
        pending = exists().where(SIGNAL.c.run_id == run.id, SIGNAL.c.settled_at.is_(None))
        due_at = case((pending, literal(soon, UtcDateTime())), else_=literal(run.due_at, UtcDateTime()))
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
    append_feed(connection, feed_rows([span([decision.entry]) for decision in decisions]))
    step_out(connection, after, max(run.updated_at for run in after.values()))
    notify(connection)
