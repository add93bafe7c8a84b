"""How many runs a worker holds at once: no more than it begins within a tick.

What waits in a worker sees no signal meanwhile, and another worker could do it. Quick steps make the reach long, so
that commits are large; slow ones make it short.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from overstap.settings import WorkerSettings

_WEIGHT = 0.1
"""Of one step in the average time of a step."""
_QUICKEST = 0.0001
"""The least time a step is taken to last, in seconds."""
_QUICK = 0.0005
"""Steps that last less, in seconds, are worth no thread of their own."""
MANY = 100
"""Runs whose commit takes long enough to be made ready while another one is under way."""
_PARTS = 3
"""Commits that what is held is enough for, where that is done: one under way, one made ready, and one whose steps are
done while a claim is waited for.
"""
FEW = 8
"""Runs that are not worth two commits, and that go on before others are looked for."""


class Reach:
    """Learns from the steps that are done; takes them for slow until then.

    Args:
        on_server: whether commits are a server's work. Steps are done meanwhile where a core has nothing else to do;
            else, while another process has the file.
    """

    def __init__(self, settings: WorkerSettings, *, on_server: bool = False) -> None:
        self._overlaps = settings.processes < (os.cpu_count() or 1) if on_server else settings.processes > 1
        self._threads, self._batch = settings.threads, settings.batch
        self._tick = settings.tick.total_seconds()
        self._average = self._tick
        self._local = False

    def learn(self, steps: Collection[tuple[float, bool]]) -> None:
        """Take more steps into the average, each by the seconds that it lasted, and whether it had effects."""
        average = self._average
        for seconds, _ in steps:
            average += _WEIGHT * (max(seconds, _QUICKEST) - average)
        self._average = average
        if steps:
            self._local = not any(effects for _, effects in steps)

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
        if not self._overlaps or held <= FEW:
            return held
        return held // (_PARTS if held >= _PARTS * MANY else 2)

    def room(self, held: int) -> int:
        """How many runs to claim at once; a claim's runs may have to be committed at once, too."""
        return min(self._batch, self.runs() - held)

    def runs(self) -> int:
        """How many runs to hold, at least two for each thread and at most `batch`; more where they overlap."""
        runs = min(self._batch, max(2 * self._threads, int(self._threads * self._tick / self._average)))
        if self._overlaps and self._local and self.quick:  # then one thread does them all
            runs = max(runs, min(_PARTS * self._batch, int(self._tick / self._average)))
        return runs
