"""A worker without threads over virtual time, for rehearsals and tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from overstap.app.engine import Engine
from overstap.app.settling import Settler, Work
from overstap.clock import VirtualClock
from overstap.errors import ClaimLost
from overstap.store.batch import Claim, Overtaken
from overstap.workflow.decide import Perform


class Driver:
    """Works off what is due, then moves the clock to what is due next.

    Args:
        engine: an engine that was wired with `clock`.
        clock: stands still except where the driver moves it.
    """

    def __init__(self, engine: Engine, clock: VirtualClock, *, worker_id: str = "driver", batch: int = 10) -> None:
        self.engine = engine
        self.clock = clock
        self.worker_id = worker_id
        self._batch = batch
        self._settler = Settler(engine, impatient=lambda: True)

    def run_until_idle(self) -> int:
        """Work off all that is due now.

        Returns:
            How many steps were done.
        """
        steps = 0
        while claims := self.engine.claim(self.worker_id, self._batch):
            while claims:
                work = [one for claim in claims if (one := self._perform(claim)) is not None]
                steps += len(work)
                claims = self._settler.settle(work).kept
        return steps

    def run_to(self, moment: datetime) -> None:
        """Work off everything that becomes due up to a moment, each thing at its time."""
        while True:
            self.run_until_idle()
            next_due = self.engine.claims.next_due(self.clock.now())
            if next_due is None or next_due > moment:
                self.clock.advance_to(moment)
                return
            self.clock.advance_to(next_due)

    def run_for(self, duration: timedelta) -> None:
        """Work off everything that becomes due within a time from now."""
        self.run_to(self.clock.now() + duration)

    def _perform(self, claim: Claim) -> Work | None:
        action = self.engine.action(claim, self.clock.now())
        if not isinstance(action, Perform):
            return Work(claim)
        try:
            return Work(claim, self.engine.perform(claim, action.step, self.engine.record))
        except Overtaken as error:
            return self._perform(error.claim)
        except ClaimLost:
            return None
