"""What is known about a run beside what its journal folds to: who holds it, what came in, what is paused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from overstap.workflow.decide import Signal
from overstap.workflow.limits import Waits
from overstap.workflow.pauses import Pause
from overstap.workflow.run import JournalEntry


@dataclass(frozen=True, slots=True)
class Holder:
    """The worker that holds a run.

    Attributes:
        until: when its claim runs out; from then on any worker may take the run.
        seen_at: when it was last heard of, None for never.
        stopped_at: when it ended in order.
        alive: whether it was heard of lately.
    """

    worker_id: str
    until: datetime
    seen_at: datetime | None = None
    stopped_at: datetime | None = None
    alive: bool = True


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything about a run that `explain` cannot read from the run itself.

    Attributes:
        entered: the journal entry by which it came into its state, None when that is not known.
        turned: the last entry before that by which an error, a deadline or a signal led it elsewhere.
        holder: who holds it, None for nobody.
        workers_alive: how many workers work on this database, None when that is not known.
        signals: the pending ones, in the order they came.
        unknown_effects: idempotency keys of calls of which nobody knows whether they were done.
        pauses: those that concern it.
        waits: the limit that keeps its step from being started, None when none does.
        acts: names of what an operator may do to it now, such as `hold` or `retry`.
        step_events: registered step -> the events that it may send.
        answers: signals that come by a task alone, and that nobody can send otherwise.
    """

    entered: JournalEntry | None = None
    turned: JournalEntry | None = None
    holder: Holder | None = None
    workers_alive: int | None = None
    signals: tuple[Signal, ...] = ()
    unknown_effects: tuple[str, ...] = ()
    pauses: tuple[Pause, ...] = ()
    waits: Waits | None = None
    acts: tuple[str, ...] = ()
    step_events: Mapping[str, frozenset[str]] = field(default_factory=dict)
    answers: frozenset[str] = frozenset()
