"""What came of a plan of a replay, run by run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from overstap.store.replays import PlanBook, ReplayItem, ReplayPlan
from overstap.store.runs import StoredRun
from overstap.workflow.files import Library
from overstap.workflow.replay import Outcome, Result, outcome
from overstap.workflow.run import JournalEntry


@dataclass(frozen=True, slots=True)
class Line:
    """What a receipt says of one run.

    Attributes:
        outcome: None for a run that was not replayed, or not yet.
        skipped: why it was not replayed, in the plan or at its execution.
        parked: it waits for something that may take long: a moment, a signal.
        state: where it is now, None for a run that was not replayed: the plan's item only tells where it was.
    """

    item: ReplayItem
    outcome: Outcome | None
    skipped: str | None
    parked: bool = False
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A plan, and what came of it; the same for whoever asks."""

    plan: ReplayPlan
    lines: list[Line]

    @property
    def settled(self) -> bool:
        """Whether it is known of every run what came of it."""
        return not self.under_way

    @property
    def under_way(self) -> list[Line]:
        """The runs of which it is not known yet what came of them."""
        return [line for line in self.lines if line.outcome is not None and line.outcome.result is Result.UNDER_WAY]

    @property
    def passed(self) -> bool:
        """Whether the plan replayed runs, all that it was to, and each got beyond the step that it stuck on."""
        planned = [line for line in self.lines if line.item.will_run]
        return bool(planned) and all(
            line.outcome is not None and line.outcome.result is Result.PASSED for line in planned
        )


def read_receipt(book: PlanBook, library: Library, plan_id: str, now: datetime) -> Receipt:
    """What came of a plan so far.

    Raises:
        NotFound: when there is none with this id.
    """
    plan, items = book.get(plan_id)
    return Receipt(plan, read_lines(book, library, plan_id, items, now))


def read_lines(
    book: PlanBook, library: Library, plan_id: str, items: Sequence[ReplayItem], now: datetime
) -> list[Line]:
    """What came so far of some of the items of a plan."""
    replayed = [item.run_id for item in items if item.replayed_seq is not None]
    later = {stored.run.id: (stored, journal) for stored, journal in book.afterwards(plan_id, replayed)}
    lines = []
    for item in items:
        if item.run_id not in later:
            lines.append(Line(item, None, item.why or item.skipped))
            continue
        stored, journal = later[item.run_id]
        what = outcome_of(library, stored, journal)
        lines.append(
            Line(item, what, None, parked=parked(stored.claimed_by, stored.due_at, now), state=stored.run.state)
        )
    return lines


def outcome_of(library: Library, stored: StoredRun, journal: Sequence[JournalEntry]) -> Outcome:
    """What came of the replay of a run so far.

    Args:
        journal: of the run, from its replay on.
    """
    return outcome(library.get(stored.run.workflow, stored.run.version), journal[0], journal[1:])


def parked(claimed_by: str | None, due_at: datetime | None, now: datetime) -> bool:
    """Whether a run waits for something that may take long: a moment, a signal."""
    return claimed_by is None and (due_at is None or due_at > now)
