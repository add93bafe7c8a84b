"""What goes into one commit of a worker, and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from overstap.errors import ClaimLost
from overstap.store.rows import EffectRecord
from overstap.workflow.decide import Signal
from overstap.workflow.notable import Notice
from overstap.workflow.pauses import Pause
from overstap.workflow.run import JournalEntry, Run
from overstap.workflow.value import value


@dataclass(slots=True)
class Claim:
    """A worker's time-limited hold on a run.

    Attributes:
        run: the run as it was last committed.
        token: the fencing token; each claim of a run gets a higher one.
        inbox: how many signals the run had ever got when `signals` was read.
        signals: the pending ones, in the order they came.
        until: when another worker may take the run over.
        worker_id: who holds it.
    """

    run: Run
    token: int
    inbox: int
    signals: list[Signal]
    until: datetime
    worker_id: str


class Overtaken(ClaimLost):
    """A signal came in for a run before its step's effect was recorded: the step gives way to it.

    Args:
        claim: the claim as it is now, with the signal.
    """

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.run.id)
        self.claim = claim


class GaveWay(ClaimLost):
    """A step is to be begun anew, because the one before it in its thread took long; its effect is written down."""


@dataclass(slots=True)
class Settlement:
    """What to commit for one claim.

    Attributes:
        run: the run as decided.
        entries: the journal entries that lead there.
        settled: ids of signals that were applied or discarded.
        effects: effects of the step, as they turned out.
        keep: stay claimed, because there is more to do at once.
        parked_by: the pause that keeps its next step from being started, if one does: let go until its deadline.
        notices: which of the entries operators are told of.
    """

    claim: Claim
    run: Run
    entries: list[JournalEntry]
    settled: Sequence[str] = ()
    effects: Sequence[EffectRecord] = ()
    keep: bool = False
    parked_by: Pause | None = None
    notices: Sequence[Notice] = ()


@value
class Intent:
    """An effect to be recorded before its call goes out."""

    claim: Claim
    key: str
    operation: str
    request: dict[str, Any]


@dataclass(slots=True)
class Committed:
    """What became of a batch.

    Attributes:
        kept: claims that go on, with their runs and ends brought up to date.
        released: runs that were let go.
        overtaken: claims for which a signal came in meanwhile, with that signal; nothing was written for them.
        lost: run id to the worker that holds the run now (None: nobody), for writers that came too late.
        effects: the ledger's record for each intent's key.
        failed: run id to the error, for parts that could not be stored.
    """

    kept: list[Claim] = field(default_factory=list)
    released: list[Run] = field(default_factory=list)
    overtaken: list[Claim] = field(default_factory=list)
    lost: dict[str, str | None] = field(default_factory=dict)
    effects: dict[str, EffectRecord] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)

    def add(self, other: Committed) -> None:
        """Take in what became of another part."""
        self.kept += other.kept
        self.released += other.released
        self.overtaken += other.overtaken
        self.lost |= other.lost
        self.effects |= other.effects
        self.failed |= other.failed
