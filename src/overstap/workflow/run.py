"""A run and its journal: one durable execution of a workflow, and the history it can be rebuilt from.

What an entry makes of a run is in `fold.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from overstap.workflow.value import value


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
    MIGRATED = "migrated"
    REPLAYED = "replayed"


@value
class JournalEntry:
    """One thing that happened to a run; never changed once written.

    Attributes:
        seq: 1 for the first entry of its run, then without gaps.
        kind: what happened; tells which keys `data` has.
        event: the chart's event, when one was involved.
        step: the step that was being done.
        actor: who or what caused it: `worker`, `deadline`, `operator:…` or `admin:…`.
        data: JSON values that `apply` needs; times in ISO 8601.
        hash: covers all of the entry and the hash of the one before it (`chain.link`); empty until it is sealed.
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
    hash: str = ""


@value
class Run:
    """One durable execution of a workflow.

    Attributes:
        workflow, version, digest: the definition it follows: pinned at submission, changed only by a migration.
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
        head: the last journal entry's hash.
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
    head: str = ""
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


_values = attrgetter(*Run.__dataclass_fields__)


def changed(run: Run, **changes: Any) -> Run:
    """The run with some fields changed, as `dataclasses.replace` makes it in twice the time."""
    new = Run(*_values(run))
    for name, changed_to in changes.items():
        setattr(new, name, changed_to)
    return new
