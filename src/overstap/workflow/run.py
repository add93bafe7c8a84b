"""A run and its journal: one durable execution of a workflow, and the history it can be rebuilt from.

`apply` is the only way a run ever changes, so the stored run always equals its journal folded (rules.md J6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What a run is doing in its state."""

    READY = "ready"
    """It has a step to do."""
    WAITING = "waiting"
    """It is parked until a moment, a signal or its deadline."""
    RETRYING = "retrying"
    """Its step failed and is tried again at `wake_at`."""
    STUCK = "stuck"
    """Its step stopped for good and no event takes it on: somebody must look."""
    ENDED = "ended"
    """It is in a final state."""


class Kind(StrEnum):
    """What a journal entry tells."""

    SUBMITTED = "submitted"
    TRANSITION = "transition"
    STEP_DONE = "step_done"
    PROGRESS = "progress"
    WAIT = "wait"
    RETRY = "retry"
    STUCK = "stuck"
    SIGNAL_DISCARDED = "signal_discarded"
    HELD = "held"
    RELEASED = "released"
    RETRIED = "retried"
    EXTENDED = "extended"
    TAKEN_OVER = "taken_over"
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One thing that happened to a run; never changed once written.

    Attributes:
        seq: 1 for the first entry of its run, then without gaps.
        kind: what happened; tells which keys `data` has.
        event: the chart's event, when one was involved.
        step: the step that was being done.
        actor: who or what caused it: `worker`, `deadline`, `operator:…` or `admin:…`.
        data: JSON values that `apply` needs; times in ISO 8601.
    """

    run_id: str
    seq: int
    at: datetime
    kind: Kind
    event: str | None = None
    from_state: str | None = None
    to_state: str | None = None
    step: str | None = None
    actor: str = "worker"
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """One durable execution of a workflow.

    Attributes:
        workflow, version, digest: the definition it follows, pinned at submission.
        input: the order, JSON values; never changes.
        data: what steps learned, JSON values.
        cause: the event that led into the present state, None in the initial one.
        visit: how many states were entered so far; part of the idempotency keys.
        step: index of the present step in its state.
        chunk: how many chunks of the present step are done.
        attempt: failed tries of the present step since it last got on.
        wake_at: when it has something to do by itself, None for never.
        deadline_at: when its state's deadline event is due, None for no deadline.
        done, total: progress of the present state, in units of its steps (users).
        seq: the last journal entry's number.
        error: the last reason of a retry or stop, None after it got on.
        held: why an operator holds it, None when nobody does; a held run does no steps, its deadline and signals count.
    """

    id: str
    workflow: str
    version: int
    digest: str
    tenant_id: str
    input: Mapping[str, Any]
    state: str
    created_at: datetime
    updated_at: datetime
    status: Status = Status.READY
    data: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None
    visit: int = 1
    step: int = 0
    chunk: int = 0
    attempt: int = 0
    wake_at: datetime | None = None
    deadline_at: datetime | None = None
    done: int = 0
    total: int = 0
    seq: int = 0
    error: str | None = None
    held: str | None = None
    ended_at: datetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """When a worker must look at it next: the earlier of `wake_at` and `deadline_at`; None for never."""
        if self.held is not None:
            return self.deadline_at
        if self.wake_at is None or self.deadline_at is None:
            return self.wake_at or self.deadline_at
        return min(self.wake_at, self.deadline_at)


def _moment(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def apply(run: Run | None, entry: JournalEntry) -> Run:
    """The run after one more journal entry.

    Args:
        run: the run before it; None only for its first entry.

    Raises:
        ValueError: when the entry does not follow on the run.
    """
    data = entry.data
    if entry.kind is Kind.SUBMITTED:
        if run is not None:
            raise ValueError(f"run {entry.run_id} is submitted twice, at entry {entry.seq}")
        return Run(
            id=entry.run_id,
            workflow=data["workflow"],
            version=data["version"],
            digest=data["digest"],
            tenant_id=data["tenant_id"],
            input=data["input"],
            state=str(entry.to_state),
            status=Status(data["status"]),
            wake_at=_moment(data.get("wake_at")),
            deadline_at=_moment(data.get("deadline_at")),
            created_at=entry.at,
            updated_at=entry.at,
            seq=entry.seq,
        )
    if run is None or entry.seq != run.seq + 1 or entry.run_id != run.id:
        raise ValueError(f"entry {entry.seq} of run {entry.run_id} does not follow on {run and (run.id, run.seq)}")
    return _APPLY[entry.kind](run, entry)


def fold(entries: Iterable[JournalEntry]) -> Run:
    """The run that its journal tells, from the first entry on (rules.md J6).

    Raises:
        ValueError: when an entry is missing, doubled or out of order, or there is none.
    """
    run: Run | None = None
    for entry in entries:
        run = apply(run, entry)
    if run is None:
        raise ValueError("a run has at least one journal entry")
    return run


def _transition(run: Run, entry: JournalEntry) -> Run:
    data = entry.data
    status = Status(data["status"])
    return replace(
        run,
        state=str(entry.to_state),
        status=status,
        cause=entry.event,
        data={**run.data, **data["learned"]} if data.get("learned") else run.data,
        visit=run.visit + 1,
        step=0,
        chunk=0,
        attempt=0,
        done=0,
        total=0,
        error=data.get("error"),
        held=None if status is Status.ENDED else run.held,
        wake_at=_moment(data.get("wake_at")),
        deadline_at=_moment(data.get("deadline_at")),
        ended_at=entry.at if status is Status.ENDED else None,
        updated_at=entry.at,
        seq=entry.seq,
    )


def _got_on(run: Run, entry: JournalEntry, **changes: Any) -> Run:
    learned = entry.data.get("learned")
    return replace(
        run,
        status=Status.READY,
        data={**run.data, **learned} if learned else run.data,
        attempt=0,
        error=None,
        wake_at=entry.at,
        updated_at=entry.at,
        seq=entry.seq,
        **changes,
    )


def _step_done(run: Run, entry: JournalEntry) -> Run:
    return _got_on(run, entry, step=run.step + 1, chunk=0)


def _progress(run: Run, entry: JournalEntry) -> Run:
    return _got_on(run, entry, chunk=run.chunk + 1, done=entry.data["done"], total=entry.data["total"])


def _held_up(run: Run, entry: JournalEntry, status: Status, **changes: Any) -> Run:
    wake_at = _moment(entry.data.get("wake_at"))
    return replace(run, status=status, wake_at=wake_at, updated_at=entry.at, seq=entry.seq, **changes)


def _wait(run: Run, entry: JournalEntry) -> Run:
    return _held_up(run, entry, Status.WAITING, attempt=0, error=None)


def _retry(run: Run, entry: JournalEntry) -> Run:
    return _held_up(run, entry, Status.RETRYING, attempt=entry.data["attempt"], error=entry.data["error"])


def _stuck(run: Run, entry: JournalEntry) -> Run:
    learned = {**run.data, **entry.data.get("learned", {})}
    return _held_up(run, entry, Status.STUCK, error=entry.data["error"], data=learned)


def _unchanged(run: Run, entry: JournalEntry, **changes: Any) -> Run:
    return replace(run, updated_at=entry.at, seq=entry.seq, **changes)


def _held(run: Run, entry: JournalEntry) -> Run:
    return _unchanged(run, entry, held=entry.data["reason"])


def _released(run: Run, entry: JournalEntry) -> Run:
    return _unchanged(run, entry, held=None)


def _retried(run: Run, entry: JournalEntry) -> Run:
    return _unchanged(run, entry, status=Status.READY, attempt=0, error=None, wake_at=entry.at)


def _extended(run: Run, entry: JournalEntry) -> Run:
    return _unchanged(run, entry, deadline_at=_moment(entry.data["deadline_at"]))


def _replayed(run: Run, entry: JournalEntry) -> Run:
    data, state = entry.data, entry.to_state or run.state
    place = {name: data[name] for name in ("visit", "step", "chunk", "cause")}
    goes_on = (run.state, run.visit, run.step) == (state, place["visit"], place["step"])
    progress = {} if goes_on else {"done": 0, "total": 0}
    fresh = {"status": Status.READY, "attempt": 0, "error": None, "wake_at": entry.at}
    return _unchanged(run, entry, state=state, **place, **progress, **fresh, deadline_at=_moment(data["deadline_at"]))


_APPLY = {
    Kind.TRANSITION: _transition,
    Kind.STEP_DONE: _step_done,
    Kind.PROGRESS: _progress,
    Kind.WAIT: _wait,
    Kind.RETRY: _retry,
    Kind.STUCK: _stuck,
    Kind.SIGNAL_DISCARDED: _unchanged,
    Kind.HELD: _held,
    Kind.RELEASED: _released,
    Kind.RETRIED: _retried,
    Kind.EXTENDED: _extended,
    Kind.TAKEN_OVER: _unchanged,
    Kind.REPLAYED: _replayed,
}
