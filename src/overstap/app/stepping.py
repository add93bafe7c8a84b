"""What a worker's threads do: perform a step, have its effects written down, and leave its answer for the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from overstap.app.engine import Engine, Intend, Performed
from overstap.app.mailbox import Answer, Mailbox, StepEnded
from overstap.errors import ClaimLost
from overstap.store.batch import Claim, GaveWay, Intent, Overtaken

_MOMENT_SECONDS = 0.05
"""How long a moment is good for; a batch of quick steps takes less."""

log = structlog.get_logger(__name__)


class Stepping:
    """Does the steps of one worker, in whatever thread it is called.

    Args:
        closed: whether the worker's loop has ended, so that nobody writes an effect down any more.
    """

    def __init__(self, engine: Engine, mailbox: Mailbox, worker_id: str, closed: Callable[[], bool]) -> None:
        self._engine = engine
        self._mailbox = mailbox
        self._worker_id = worker_id
        self._closed = closed
        self._asked: tuple[float, datetime] | None = None

    def perform(self, claim: Claim, step: str, intend: Intend) -> Performed | None:
        """Do a step; None where its work is to be dropped."""
        try:
            return self._engine.perform(claim, step, intend)
        except Overtaken as error:
            log.info("step_gave_way_to_signal", worker=self._worker_id, run_id=error.run_id, step=step)
        except GaveWay as error:
            log.debug("step_begun_anew", worker=self._worker_id, run_id=error.run_id, step=step)
        except ClaimLost as error:
            log.warning("claim_lost", worker=self._worker_id, run_id=error.run_id, held_by=error.held_by, step=step)
        return None

    def record(self, intents: Sequence[Intent]) -> Sequence[Answer]:
        """Have the loop write effects down, and wait until it has."""
        return self._mailbox.ask(intents, self._closed)

    def ended(self, claim: Claim, performed: Performed | None, took: float) -> None:
        """Decide what follows from what a step answered, and leave it for the loop.

        It is decided here and not in the loop, because the loop waits for the database meanwhile.

        Args:
            took: seconds.
        """
        settlement = None
        if performed is not None:
            with suppress(Exception):  # the loop decides anew, and tells what is wrong
                settlement = self._engine.decide(claim, performed, self._moment())
        self._mailbox.put(StepEnded(claim, performed, settlement, took))

    def begin_batch(self) -> None:
        """What is decided from now on has a later moment than what was decided before."""
        self._asked = None

    def _moment(self) -> datetime:
        """Now, by the batch: what its entries have in common is worked out, sent and read once."""
        asked, now = self._asked, time.monotonic()
        if asked is None or now - asked[0] > _MOMENT_SECONDS:
            asked = self._asked = (now, self._engine.clock.now())
        return asked[1]
