"""Between the rows of the engine's tables and the values of `workflow/`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Row, Table, Text, type_coerce

from overstap.domain.locks import ActiveRun
from overstap.store.bulk import BulkInsert
from overstap.store.encoding import reader
from overstap.store.fleet_tables import WorkerRow
from overstap.store.tables import EffectRow, JournalRow, RunRow, SignalRow
from overstap.workflow.chain import entry_record
from overstap.workflow.decide import Signal
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.value import value

RUN: Table = RunRow.__table__  # type: ignore[attr-defined]
JOURNAL: Table = JournalRow.__table__  # type: ignore[attr-defined]
SIGNAL: Table = SignalRow.__table__  # type: ignore[attr-defined]
EFFECT: Table = EffectRow.__table__  # type: ignore[attr-defined]
WORKER: Table = WorkerRow.__table__  # type: ignore[attr-defined]

_FIELDS = tuple(Run.__dataclass_fields__)
_STATUS = _FIELDS.index("status")
_STATUSES = {one.value: one for one in Status}
_FIXED = ("id", "workflow", "version", "digest", "tenant_id", "input", "created_at")
_CHANGING = (
    "state", "data", "cause", "visit", "step", "chunk", "attempt", "done", "total", "seq", "head", "error", "held",
    "wake_at", "deadline_at", "updated_at", "ended_at",
)  # fmt: skip
CHANGING_COLUMNS = (*_CHANGING, "status")
CARRIED_COLUMNS = tuple(name for name in CHANGING_COLUMNS if name not in {"held", "ended_at"})
"""What changes while a worker carries a run on; it neither ends nor comes into an operator's hands."""
JOURNAL_COLUMNS = (
    "run_id", "seq", "at", "kind", "event", "from_state", "to_state", "step", "actor", "data", "hash",
)  # fmt: skip
append_journal = BulkInsert(JOURNAL, JOURNAL_COLUMNS)
RUN_COLUMNS = [RUN.c[name] for name in _FIELDS]
_READERS = [(place, read) for place, column in enumerate(RUN_COLUMNS) if (read := reader(column)) is not None]
RUN_TEXTS = [type_coerce(one, Text).label(one.name) if reader(one) else one for one in RUN_COLUMNS]
"""The same as SQLite keeps them, for `read_run`: a claim reads them when others may write again."""
ACTIVE_COLUMNS = [
    RUN.c[name] for name in ("id", "tenant_id", "subscription_id", "workflow", "version", "state", "seq", "deadline_at")
]


@value
class EffectRecord:
    """One effect as the ledger knows it.

    Attributes:
        key: the idempotency key.
        status: `intended`, `confirmed`, `unknown` or `refused`.
        request: what the provider is asked, the same at every repeat.
        fresh: recorded just now, so that no call can have gone out before.
        settled_at: when it last turned out one way or the other; None while it is under way.
    """

    key: str
    run_id: str
    operation: str
    status: str
    request: dict[str, Any]
    response: dict[str, Any] | None
    error: str | None
    at: datetime
    fresh: bool = False
    settled_at: datetime | None = None


def to_run(row: Sequence[Any]) -> Run:
    """The run in a row that begins with `RUN_COLUMNS`."""
    values = list(row[: len(_FIELDS)])
    values[_STATUS] = _STATUSES.get(values[_STATUS]) or Status(values[_STATUS])
    return Run(*values)


def read_run(row: Sequence[Any]) -> Run:
    """The run in a row that begins with `RUN_TEXTS`, on SQLite."""
    values = list(row)
    for place, read in _READERS:
        if values[place] is not None:
            values[place] = read(values[place])
    return to_run(values)


def to_active(row: Row[Any]) -> ActiveRun:
    """The active run in a row that holds `ACTIVE_COLUMNS`."""
    return ActiveRun(
        run_id=row.id,
        tenant_id=row.tenant_id,
        subscription_id=row.subscription_id,
        workflow=row.workflow,
        version=row.version,
        state=row.state,
        seq=row.seq,
        until=row.deadline_at,
    )


def changing_values(run: Run) -> dict[str, Any]:
    """The columns of a run that its journal can change."""
    values = {name: getattr(run, name) for name in _CHANGING}
    values["status"] = run.status.value
    return values


_told = {one: one.value for one in (*Status, *Kind)}
"""Words of the database; an enum looks its own up in five times the time."""
_changing = attrgetter(*_CHANGING)
_carried = attrgetter(*CARRIED_COLUMNS[:-1])


def changing_row(run: Run) -> tuple[Any, ...]:
    """The values of `CHANGING_COLUMNS`."""
    return (*_changing(run), _told[run.status])


def carried_row(run: Run) -> tuple[Any, ...]:
    """The values of `CARRIED_COLUMNS`."""
    return (*_carried(run), _told[run.status])


def fixed_values(run: Run) -> dict[str, Any]:
    """The columns of a run that never change, with those that listings look for."""
    values = {name: getattr(run, name) for name in _FIXED}
    values["subscription_id"] = run.input["subscription_id"]
    values["target_plan"] = run.input["target_plan"]
    return values


def journal_values(entry: JournalEntry) -> dict[str, Any]:
    """The row of a journal entry.

    Raises:
        ValueError: when it is not sealed: no entry is stored outside its run's chain.
    """
    if not entry.hash:
        raise ValueError(f"entry {entry.seq} of run {entry.run_id} has no hash")
    return {**entry_record(entry), "hash": entry.hash}


def journal_row(entry: JournalEntry) -> tuple[Any, ...]:
    """The values of `JOURNAL_COLUMNS`; raises as `journal_values` does."""
    if not entry.hash:
        raise ValueError(f"entry {entry.seq} of run {entry.run_id} has no hash")
    return (
        entry.run_id, entry.seq, entry.at, _told[entry.kind], entry.event, entry.from_state, entry.to_state, entry.step,
        entry.actor, entry.data, entry.hash,
    )  # fmt: skip


def to_entry(row: Row[Any]) -> JournalEntry:
    """The journal entry in a row."""
    values = dict(row._mapping)  # noqa: SLF001
    return JournalEntry(**{**values, "kind": Kind(values["kind"])})


def to_signal(row: Row[Any]) -> Signal:
    """The signal in a row."""
    return Signal(row.id, row.event, row.reason, row.actor, row.at, row.request)


def to_effect(row: Row[Any]) -> EffectRecord:
    """The effect in a row."""
    return EffectRecord(
        key=row.key,
        run_id=row.run_id,
        operation=row.operation,
        status=row.status,
        request=row.request,
        response=row.response,
        error=row.error,
        at=row.at,
        settled_at=row.settled_at,
    )
