"""How fast the demo's clock runs: fast while work is under way, much faster while everything only waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from overstap.entrypoints.demo.script import Pacing
from overstap.store.runs import StoredRun
from overstap.workflow.run import Status

_WORTH_IT = 0.1
"""A change of speed by less than this part is not worth a write."""


def is_parked(stored: StoredRun) -> bool:
    """Whether a run only waits for the credit bureau or its deadline, and nobody works on it."""
    run = stored.run
    return run.state == "credit_check" and run.status is Status.WAITING and stored.claimed_by is None


def speed_for(runs: Sequence[StoredRun], now: datetime, pacing: Pacing) -> float:
    """How fast the clock should run now.

    While all that has not ended is parked, the speed follows from what is left until the next one is due: far off it
    races, close by it brakes down to the ordinary speed. However late a slow machine looks again, what is left has
    become less and the moment itself is not jumped over.
    """
    going = [stored for stored in runs if stored.run.status is not Status.ENDED]
    if not going or not all(is_parked(stored) for stored in going):
        return pacing.speed
    due = [stored.due_at for stored in going if stored.due_at is not None]
    left = (min(due) - now).total_seconds() if due else 0.0
    return max(pacing.speed, left / pacing.leap)


def worth_changing(present: float, wanted: float) -> bool:
    """Whether the speed differs enough to be set anew."""
    return abs(wanted / present - 1) > _WORTH_IT
