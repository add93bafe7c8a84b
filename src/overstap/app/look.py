"""What a look at a run finds: values, for whichever face shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from overstap.app.tasks import Task
from overstap.store.rows import EffectRecord
from overstap.store.runs import StoredRun
from overstap.workflow.circumstances import Holder
from overstap.workflow.decide import Signal
from overstap.workflow.difference import Change
from overstap.workflow.explain import Explanation
from overstap.workflow.limits import Waits
from overstap.workflow.run import JournalEntry, Run
from overstap.workflow.timeline import Timeline


@dataclass(frozen=True, slots=True)
class SentSignal:
    """A signal that came in, and what became of it.

    Attributes:
        settled_at: when it was applied or dropped; None while it waits for its time.
        applied: False for one that was dropped.
    """

    signal: Signal
    settled_at: datetime | None = None
    applied: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """A run with what belongs to it, as it is or as it was.

    Attributes:
        stored: how the run was then; of the past without what only scheduling needs.
        at: the moment of the picture.
        past: whether that moment is gone: nobody kept who held the run then.
        journal: its last entries up to then.
        effects: the last ones that were intended up to then.
        effect_counts: how many effects have each status, over all of them; of the past over those shown.
        signals: those that the entries counted in the timeline settled, and those that wait; the earliest first.
        holder: who holds it.
        waits: the limit that keeps its step from being started.
        task: what it asks of somebody.
    """

    stored: StoredRun
    at: datetime
    past: bool
    journal: list[JournalEntry]
    timeline: Timeline
    effects: list[EffectRecord]
    effect_counts: Mapping[str, int]
    signals: list[SentSignal]
    holder: Holder | None = None
    waits: Waits | None = None
    task: Task | None = None

    @property
    def run(self) -> Run:
        """The run itself."""
        return self.stored.run


@dataclass(frozen=True, slots=True)
class Explained:
    """A run and what there is to say about it."""

    stored: StoredRun
    at: datetime
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Compared:
    """Two moments of a run.

    Attributes:
        first, last: the numbers of the entries after which they were; 0 before it existed.
        entries: what came between, the last one included.
    """

    run_id: str
    first: int
    last: int
    changes: tuple[Change, ...]
    entries: list[JournalEntry]
