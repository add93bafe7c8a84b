"""What goes into one commit of a worker, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from overstap.store.rows import EffectRecord
from overstap.workflow.decide import Signal
from overstap.workflow.run import JournalEntry, Run


@dataclass(slots=True)
class Claim:
    """A worker's time-limited hold on a run.

    Attributes:
        run: the run as it was last committed.
        token: the fencing token; each claim of a run gets a higher one.
        inbox: how many signals the run had ever got when `signals` was read.
        signals: the pending ones, in the order they came.
        until: when another worker may take the run over.
    """

    run: Run
    token: int
    inbox: int
    signals: list[Signal]
    until: datetime


@dataclass(slots=True)
class Settlement:
    """What to commit for one claim.

    Attributes:
        run: the run as decided.
        entries: the journal entries that lead there.
        settled: ids of signals that were applied or discarded.
        effects: effects of the step, as they turned out.
        keep: stay claimed, because there is more to do at once.
    """

    claim: Claim
    run: Run
    entries: list[JournalEntry]
    settled: list[str] = field(default_factory=list)
    effects: list[EffectRecord] = field(default_factory=list)
    keep: bool = False


@dataclass(frozen=True, slots=True)
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
        kept: claims that go on, with their runs, signals and ends brought up to date.
        released: runs that were let go.
        lost: run id to the worker that holds the run now (None: nobody), for writers that came too late.
        effects: the ledger's record for each intent's key.
    """

    kept: list[Claim] = field(default_factory=list)
    released: list[Run] = field(default_factory=list)
    lost: dict[str, str | None] = field(default_factory=dict)
    effects: dict[str, EffectRecord] = field(default_factory=dict)
