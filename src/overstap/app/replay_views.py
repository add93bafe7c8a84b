"""Plans of replays as people look at them: where each stands, and what is known of its runs, also of very many.

What came of a run is final once it is known, so that only runs of which it is not known yet are read again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from overstap.app.replay_planning import REPEATED
from overstap.app.replay_receipt import Line, outcome_of, parked, read_lines
from overstap.clock import Clock
from overstap.store.replay_pages import Mark, PlanPages, Tally
from overstap.store.replays import PlanBook, ReplayPlan
from overstap.workflow.files import Library
from overstap.workflow.replay import Result

_REMEMBERED = 64
"""Plans of which it is remembered what is known."""
_AT_ONCE = 500


class PlanState(StrEnum):
    """Where a plan stands."""

    OPEN = "open"
    """It can be run, and nobody has to approve it."""
    NEEDS_APPROVAL = "needs_approval"
    APPROVED = "approved"
    BEING_RUN = "being_run"
    """There are runs left with which nothing was done yet."""
    DONE = "done"
    """Whatever it says was done; what came of it may not be known yet."""
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What is known of one run of a plan."""

    WILL_RUN = "will_run"
    SKIPPED = "skipped"
    NOT_YET = "not_yet"
    """Its turn comes: the plan is being carried out."""
    UNDER_WAY = "under_way"
    PASSED = "passed"
    NOT_PASSED = "not_passed"


OPEN_VERDICTS = frozenset({Verdict.NOT_YET, Verdict.UNDER_WAY})
"""Those that do not stay."""
_FINAL = frozenset({Verdict.PASSED, Verdict.NOT_PASSED})


@dataclass(frozen=True, slots=True)
class Listed:
    """A plan in the listing."""

    plan: ReplayPlan
    tally: Tally
    state: PlanState


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, and what is known of each of its runs.

    Attributes:
        verdicts: by the runs' ids, in their order.
        parked: how many of the runs under way wait for something that may take long: a moment, a signal.
    """

    plan: ReplayPlan
    state: PlanState
    verdicts: Mapping[str, Verdict]
    counts: Mapping[Verdict, int]
    parked: int = 0

    @property
    def to_do(self) -> int:
        """Runs with which nothing was done yet, of a plan that is being run."""
        return self.counts.get(Verdict.NOT_YET, 0)

    @property
    def settled(self) -> bool:
        """Whether it was executed, and it is known of every run what came of it."""
        return self.plan.executed_at is not None and not any(self.counts.get(one) for one in OPEN_VERDICTS)

    @property
    def passed(self) -> bool:
        """Whether it replayed runs, all that it was to, and each got beyond the step that it stuck on."""
        return bool(self.counts.get(Verdict.PASSED)) and self.settled and not self.counts.get(Verdict.NOT_PASSED)


@dataclass(frozen=True, slots=True)
class PlanTotals:
    """What a plan says in all; it never changes.

    Attributes:
        runs: that it replays; users, seats and money are theirs.
        monthly_cents: the monthly cost of their new subscriptions.
        repeated: effects that the provider is asked for again.
        not_repeated: effects that it is not asked for again.
        workflows: that its runs are carried by.
    """

    runs: int
    users: int
    seats: int
    monthly_cents: int
    repeated: int
    not_repeated: int
    workflows: frozenset[str]


@dataclass(slots=True)
class _Known:
    """What does not change any more of a plan.

    Attributes:
        marks: of all its runs, as planned (False) and after everything was done (True).
        final: what came of runs.
        seen: how far the journals were, by run, of which it was not known yet what came of them.
    """

    marks: dict[bool, Sequence[Mark]] = field(default_factory=dict)
    final: dict[str, Verdict] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    totals: PlanTotals | None = None


class ReplayViews:
    """Looks at plans."""

    def __init__(self, book: PlanBook, pages: PlanPages, library: Library, clock: Clock) -> None:
        self._book = book
        self._pages = pages
        self._library = library
        self._clock = clock
        self._known: dict[str, _Known] = {}

    def plans(self, limit: int, before: str | None = None) -> list[Listed]:
        """The plans, the newest first.

        Args:
            before: only those made before the one with this id.
        """
        now = self._clock.now()
        return [
            Listed(plan, tally, state_of(plan, tally.to_do, now)) for plan, tally in self._pages.plans(limit, before)
        ]

    def look(self, plan_id: str) -> PlanView:
        """A plan as it stands now.

        Raises:
            NotFound: when there is none with this id.
        """
        plan, known, now = self._book.plan(plan_id), self._of(plan_id), self._clock.now()
        executed = plan.executed_at is not None
        marks = known.marks.get(executed)
        if marks is None:
            marks = self._pages.marks(plan_id)
            if not executed or not any(_to_do(one) for one in marks):
                known.marks[executed] = marks
        waiting = Verdict.NOT_YET if executed else Verdict.WILL_RUN
        verdicts = {one.run_id: Verdict.SKIPPED if one.skipped else waiting for one in marks}
        parked_runs = 0
        if executed:
            replayed = {one.run_id: one.replayed_seq for one in marks if one.replayed_seq is not None}
            verdicts |= dict.fromkeys(replayed, Verdict.UNDER_WAY) | known.final
            known.seen = replayed | known.seen
            if replayed.keys() - known.final.keys():
                parked_runs = self._settle(plan_id, known, verdicts)
            known.final = {run_id: one for run_id, one in verdicts.items() if one in _FINAL}
        counts = Counter(verdicts.values())
        return PlanView(plan, state_of(plan, counts[Verdict.NOT_YET], now), verdicts, counts, parked_runs)

    def _settle(self, plan_id: str, known: _Known, verdicts: dict[str, Verdict]) -> int:
        """Find out what came of the runs under way that got on since they were looked at; how many are parked."""
        under_way = [one for one in self._pages.places(plan_id) if verdicts.get(one.run_id) is Verdict.UNDER_WAY]
        moved = [one.run_id for one in under_way if one.seq != known.seen[one.run_id]]
        for stored, journal in self._book.afterwards(plan_id, moved):
            result = outcome_of(self._library, stored, journal).result
            if result is Result.UNDER_WAY:
                known.seen[stored.run.id] = stored.run.seq
            else:
                verdicts[stored.run.id] = Verdict.PASSED if result is Result.PASSED else Verdict.NOT_PASSED
        now, left = self._clock.now(), (one for one in under_way if verdicts[one.run_id] is Verdict.UNDER_WAY)
        return sum(parked(one.claimed_by, one.due_at, now) for one in left)

    def lines(self, plan_id: str, run_ids: Sequence[str]) -> list[Line]:
        """What the plan says of some of its runs, and what came of them so far."""
        items = self._pages.items(plan_id, run_ids)
        return read_lines(self._book, self._library, plan_id, items, self._clock.now())

    def totals(self, plan_id: str) -> PlanTotals:
        """What a plan says in all."""
        known = self._of(plan_id)
        if known.totals is None:
            known.totals = self._added_up(plan_id)
        return known.totals

    def _added_up(self, plan_id: str) -> PlanTotals:
        sums: Counter[str] = Counter()
        workflows = set()
        run_ids = [one.run_id for one in self._pages.marks(plan_id)]
        for first in range(0, len(run_ids), _AT_ONCE):
            for item in self._pages.items(plan_id, run_ids[first : first + _AT_ONCE]):
                if not item.will_run:
                    continue
                repeated = sum(effect["fate"] in REPEATED for effect in item.detail["effects"])
                sums.update(item.detail["touched"])
                sums.update(runs=1, repeated=repeated, not_repeated=len(item.detail["effects"]) - repeated)
                workflows.add(item.detail["workflow"])
        names = ("runs", "users", "seats", "monthly_cents", "repeated", "not_repeated")
        return PlanTotals(**{name: sums[name] for name in names}, workflows=frozenset(workflows))

    def _of(self, plan_id: str) -> _Known:
        if plan_id not in self._known and len(self._known) >= _REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        return self._known.setdefault(plan_id, _Known())


def state_of(plan: ReplayPlan, to_do: int, now: datetime) -> PlanState:
    """Where a plan stands.

    Args:
        to_do: how many of its runs nothing was done with yet.
    """
    if plan.executed_at is not None:
        return PlanState.BEING_RUN if to_do else PlanState.DONE
    if plan.valid_until < now:
        return PlanState.EXPIRED
    if plan.approved_at is not None:
        return PlanState.APPROVED
    return PlanState.NEEDS_APPROVAL if plan.needs_approval else PlanState.OPEN


def _to_do(mark: Mark) -> bool:
    return not mark.skipped and mark.replayed_seq is None
