"""What a worker's process counts of its own work: how long claims, steps and commits take, and how large they are.

Plain numbers that one thread adds to, the worker's loop; whoever shows them may be a moment ahead in one of them.
"""

from __future__ import annotations

import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from overstap.app.mailbox import StepEnded
from overstap.app.traces import Traces
from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.workflow.run import Kind

_SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_RETRY = Kind.RETRY  # to look it up each time takes as long as all the rest
_PARTS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)


class Spread:
    """How values are spread.

    Attributes:
        bounds: of the buckets, each of which has its upper bound in it; the last one has none.
        counts: how many values are in each bucket.
        total: the sum of all values.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add_all(self, values: Iterable[float]) -> None:
        """Count many values, with a look for each bucket in place of one for each value."""
        ordered, below = sorted(values), 0
        self.total += sum(ordered)
        for bucket, bound in enumerate(self.bounds):
            if below == len(ordered):
                return
            up_to = bisect_right(ordered, bound, below)
            self.counts[bucket] += up_to - below
            below = up_to
        self.counts[-1] += len(ordered) - below


class WorkerFigures:
    """The figures of one process.

    Attributes:
        claims: seconds that the looks for due runs took.
        claimed: runs that were claimed.
        commits: seconds that commits took.
        parts: decisions and effects to come that were committed together.
        steps: seconds that steps took, by step.
        retries: failed tries, by step.
        lost: decisions that came too late: somebody else had the run.
    """

    def __init__(self) -> None:
        self.claims = Spread(_SECONDS)
        self.claimed = 0
        self.commits = Spread(_SECONDS)
        self.parts = Spread(_PARTS)
        self.steps: dict[str, Spread] = {}
        self.retries: dict[str, int] = {}
        self.lost = 0

    def steps_ended(self, ended: Iterable[StepEnded]) -> None:
        """Count steps that were done; one that is decided anew is counted then."""
        took: defaultdict[str, list[float]] = defaultdict(list)
        for item in ended:
            if item.settlement is None:
                continue
            entry = item.settlement.entries[0]
            name = entry.step or ""
            took[name].append(item.took)
            if entry.kind is _RETRY:
                self.retries[name] = self.retries.get(name, 0) + 1
        for name, values in took.items():
            if name not in self.steps:
                self.steps[name] = Spread(_SECONDS)
            self.steps[name].add_all(values)


class CountedClaims(Claims):
    """Claims and commits that are measured, and told to the traces.

    Args:
        figures: takes what they took.
    """

    def __init__(
        self, database: Database, workflows: Iterable[tuple[str, int]], figures: WorkerFigures, traces: Traces
    ) -> None:
        super().__init__(database, workflows)
        self._figures = figures
        self._traces = traces

    def claim(self, worker_id: str, limit: int, now: datetime, until: datetime) -> list[Claim]:
        began = time.perf_counter()
        claims = super().claim(worker_id, limit, now, until)
        self._figures.claims.add(time.perf_counter() - began)
        self._figures.claimed += len(claims)
        return claims

    def commit(self, settlements: Sequence[Settlement], intents: Sequence[Intent], now: datetime) -> Committed:
        began = time.perf_counter()
        committed = super().commit(settlements, intents, now)
        took = time.perf_counter() - began
        self._traces.committed(settlements, committed, took)
        self._figures.commits.add(took)
        self._figures.parts.add(len(settlements) + len(intents))
        self._figures.lost += len(committed.lost)
        return committed
