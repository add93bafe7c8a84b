"""How many steps a worker does: all of them, and per second of late."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from overstap.app.figures import WorkerFigures
from overstap.app.mailbox import StepEnded

_OVER = 60.0
"""Seconds that the rate looks back."""


class Pace:
    """Counts steps.

    Args:
        now: seconds of any clock that only goes forward.
        figures: of the process, which count each step too.
    """

    def __init__(self, now: float, figures: WorkerFigures) -> None:
        self.steps = 0
        self._figures = figures
        self._marks = deque([(now, 0)])

    def steps_ended(self, ended: Sequence[StepEnded]) -> None:
        """Count steps that were done."""
        self.steps += len(ended)
        self._figures.steps_ended(ended)

    def told(self, now: float) -> tuple[int, float]:
        """All steps, and those per second over the last minute, or since the start; to be asked now and then."""
        while len(self._marks) > 1 and self._marks[1][0] <= now - _OVER:
            self._marks.popleft()
        began, before = self._marks[0]
        self._marks.append((now, self.steps))
        return self.steps, (self.steps - before) / (now - began) if now > began else 0.0
