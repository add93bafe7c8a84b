"""What a worker's threads do: perform a step, have its effects written down, and leave its answer for the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from overstap.app.engine import Engine, Intend, Performed
from overstap.app.mailbox import Answer, Mailbox, StepEnded
from overstap.errors import ClaimLost
from overstap.store.batch import Claim, GaveWay, Intent, Overtaken

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
        """Leave what a step answered for the loop.

        Args:
            took: seconds.
        """
        self._mailbox.put(StepEnded(claim, performed, took))
