"""What `verify` looks for in what was done from outside while a run locked the tenant (rules.md J5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from overstap.domain.books import OUTSIDE
from overstap.domain.locks import LOCK_OF_OPERATION, LocksOf
from overstap.errors import NotFound
from overstap.store.books import OPERATION
from overstap.store.rows import JOURNAL, RUN
from overstap.workflow.run import Kind

_APART = timedelta(minutes=5)
"""What the clocks of two hosts may differ by."""


@dataclass(frozen=True, slots=True)
class _Stay:
    """One stay of a run in one state, from a journal entry until the next that changes the state or its version."""

    state: str
    locks: frozenset[str]
    seq: int
    start: datetime
    end: datetime | None

    def surely_holds(self, moment: datetime) -> bool:
        return self.start + _APART < moment and (self.end is None or moment < self.end - _APART)


def done_while_locked(connection: Connection, locks_of: LocksOf) -> Iterator[str | None]:
    """Whether what was done from outside came when no lock forbade it.

    A decision is dated before it is committed, and hosts have clocks of their own, so moments cannot tell what came
    first. What was done tells it: it names the run that it found, and how far that was, which stayed so until it was
    committed. Where it found no run, or another one, a moment that is surely inside a lock is a breach all the same.
    """
    asked = select(OPERATION).where(OPERATION.c.key.startswith(OUTSIDE, autoescape=True)).order_by(OPERATION.c.key)
    done = [row for row in connection.execute(asked) if row.operation in LOCK_OF_OPERATION]
    runs = _stays(connection, {row.tenant_id for row in done}, locks_of)
    for row in done:
        reason = _forbidden(row, runs[row.tenant_id])
        yield None if reason is None else f"{row.operation} {row.key} of tenant {row.tenant_id} {reason}"


def _forbidden(done: Row[Any], runs: dict[str, Sequence[_Stay]]) -> str | None:
    """Why it should not have been done; None when it was right."""
    lock = LOCK_OF_OPERATION[done.operation]
    if "seen" not in done.response:
        return "was done without a look at the tenant's locks"
    seen = done.response["seen"]
    found = None if seen is None else seen["run_id"]
    if found is not None:
        before = [stay for stay in runs.get(found, ()) if stay.seq <= seen["seq"]]
        if not before:
            return f"was judged by run {found}, which is none of that tenant"
        if lock in before[-1].locks:
            return f"was done while run {found} was in {before[-1].state}, which locks {lock}"
    for run_id, stays in runs.items():
        held = [stay for stay in stays if lock in stay.locks and stay.surely_holds(done.at)]
        if run_id != found and held:
            return f"was done at {done.at}, while run {run_id} was in {held[0].state}, which locks {lock}"
    return None


def _stays(connection: Connection, tenant_ids: set[str], locks_of: LocksOf) -> dict[str, dict[str, Sequence[_Stay]]]:
    """The states that the runs of tenants went through, by tenant and run."""
    changes = JOURNAL.c.to_state.is_not(None) | (JOURNAL.c.kind == Kind.MIGRATED)
    query = (
        select(RUN.c.tenant_id, RUN.c.workflow, JOURNAL)
        .join(RUN, RUN.c.id == JOURNAL.c.run_id)
        .where(changes, RUN.c.tenant_id.in_(tenant_ids))
        .order_by(JOURNAL.c.run_id, JOURNAL.c.seq)
    )
    entries: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query):
        entries[row.tenant_id, row.run_id].append(row)
    stays: dict[str, dict[str, Sequence[_Stay]]] = defaultdict(dict)
    for (tenant_id, run_id), own in entries.items():
        stays[tenant_id][run_id] = list(_of_run(own, locks_of))
    return stays


def _of_run(own: list[Row[Any]], locks_of: LocksOf) -> Iterator[_Stay]:
    version = 0
    ends = [*(row.at for row in own[1:]), None]
    for row, end in zip(own, ends, strict=True):
        version = row.data.get("version", version)  # what a state locked is told by the version it was in then
        state = row.to_state or row.from_state
        yield _Stay(state, _locks(row.workflow, version, state, locks_of), row.seq, row.at, end)


def _locks(workflow: str, version: int, state: str, locks_of: LocksOf) -> frozenset[str]:
    try:
        return locks_of(workflow, version, state)
    except NotFound:
        return frozenset()  # verify names the version by itself
