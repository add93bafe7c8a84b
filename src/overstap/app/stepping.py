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

_MOMENT_SECONDS = 0.001

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
        self._asked = (time.monotonic(), engine.clock.now())

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
        self._mailbox.put(StepEnded(claim, performed, took, settlement))

    def _moment(self) -> datetime:
        """Now, to a millisecond: what a batch has in common is worked out once for each moment."""
        asked = time.monotonic()
        at, moment = self._asked
        if asked - at > _MOMENT_SECONDS:
            moment = self._engine.clock.now()
            self._asked = (asked, moment)
        return moment
