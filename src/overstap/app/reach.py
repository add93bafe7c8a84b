"""How many runs a worker holds at once: no more than it begins within a tick.

What waits in a worker sees no signal meanwhile, and another worker could do it. Quick steps make the reach long, so
that commits are large; slow ones make it short.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from overstap.settings import WorkerSettings

_WEIGHT = 0.1
"""Of one step in the average time of a step."""
_QUICKEST = 0.0001
"""The least time a step is taken to last, in seconds."""
_QUICK = 0.0005
"""Steps that last less, in seconds, are worth no thread of their own."""
_PARTS = 3
"""Of what is held where steps are done while a commit is under way: it is of one, the next one is made ready, and the
third is at hand when there are runs to be claimed.
"""
FEW = 8
"""Runs that are not worth two commits, and that go on before others are looked for."""


class Reach:
    """Learns from the steps that are done; takes them for slow until then.

    Args:
        overlaps: whether steps can be done while a commit is under way. Smaller commits cost more altogether, so it
            pays only where a core has nothing else to do.
    """

    def __init__(self, settings: WorkerSettings, *, overlaps: bool = False) -> None:
        self._overlaps = overlaps and settings.processes < (os.cpu_count() or 1)
        self._threads, self._batch = settings.threads, settings.batch
        self._tick = settings.tick.total_seconds()
        self._average = self._tick

    def learn(self, steps: Iterable[float]) -> None:
        """Take more steps into the average, each by the seconds that it lasted."""
        average = self._average
        for seconds in steps:
            average += _WEIGHT * (max(seconds, _QUICKEST) - average)
        self._average = average

    @property
    def quick(self) -> bool:
        """Whether steps last no longer than waking a thread does."""
        return self._average < _QUICK

    def worth_a_look(self, held: int) -> bool:
        """Whether there is room for a good part of what can be held; for less, the next beat is soon enough."""
        runs = self.runs()
        return 4 * (runs - held) >= runs

    def portion(self, held: int) -> int:
        """How many quick steps to do before a commit: a part, where the others are done while it is under way."""
        return held // _PARTS if self._overlaps and held > FEW else held

    def runs(self) -> int:
        """How many runs to hold, at least two for each thread and at most what `batch` allows for each part."""
        most = self._batch * _PARTS if self._overlaps and self.quick else self._batch
        return min(most, max(2 * self._threads, int(self._threads * self._tick / self._average)))
