"""Deciding and committing what workers did, so that one bad part never holds up the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, repeat
from typing import TypeVar

import structlog

from overstap.app.engine import Engine, Performed
from overstap.errors import DatabaseUnavailable
from overstap.store.batch import Claim, Committed, Intent, Settlement
from overstap.workflow.outcome import Retry
from overstap.workflow.value import value

log = structlog.get_logger(__name__)

_Answer = TypeVar("_Answer")
_PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds between the tries to reach a database that is away."""


@value
class Work:
    """A claim to go on with.

    Attributes:
        performed: what its step answered; None when no step was done.
        settlement: what follows from that for this claim, where it was decided already.
    """

    claim: Claim
    performed: Performed | None = None
    settlement: Settlement | None = None


@contextmanager
def database_may_be_away() -> Iterator[None]:
    """What cannot be done in the block now is done at another time."""
    try:
        yield
    except DatabaseUnavailable as error:
        log.warning("database_away", error=str(error))


class Settler:
    """Decides and commits for one worker.

    Args:
        impatient: whether to give up at once when the database is away.
    """

    def __init__(self, engine: Engine, impatient: Callable[[], bool]) -> None:
        self._engine = engine
        self._impatient = impatient

    def settle(self, work: Sequence[Work], intents: Sequence[Intent] = ()) -> Committed:
        """Decide and commit a batch; what a signal overtook is decided again with that signal.

        Returns:
            What became of it; `overtaken` has only claims of intents, whose steps give way.

        Raises:
            DatabaseUnavailable: when the database stays away and this is impatient.
        """
        total = Committed()
        while work or intents:
            now = self._engine.clock.now()
            settlements = [one for item in work if (one := self._decide(item, now, total)) is not None]
            part = self._commit(work, settlements, intents)
            performed = {item.claim.run.id: item.performed for item in work} if part.overtaken else {}
            work = [Work(one, performed[one.run.id]) for one in part.overtaken if one.run.id in performed]
            part.overtaken = [one for one in part.overtaken if one.run.id not in performed]
            total.add(part)
            intents = ()
        return total

    def patiently(self, call: Callable[[], _Answer]) -> _Answer:
        """Do it, again and again while the database is away.

        Raises:
            DatabaseUnavailable: when it stays away and this is impatient.
        """
        pauses = chain(_PAUSES, repeat(_PAUSES[-1]))
        while True:
            try:
                return call()
            except DatabaseUnavailable as error:
                log.warning("database_away", error=str(error))
                if self._impatient():
                    raise
                time.sleep(next(pauses))

    def _decide(self, item: Work, now: datetime, total: Committed) -> Settlement | None:
        if item.settlement is not None:
            return item.settlement
        try:
            return self._engine.decide(item.claim, item.performed, now)
        except Exception as error:
            log.exception("decision_failed", run_id=item.claim.run.id)
            told = self._as_retry(item, error)
            if told is None:
                total.failed[item.claim.run.id] = error
            return told

    def _commit(self, work: Sequence[Work], settlements: Sequence[Settlement], intents: Sequence[Intent]) -> Committed:
        if not settlements and not intents:
            return Committed()
        try:
            return self.patiently(lambda: self._engine.commit(settlements, intents))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            total = Committed()
            if len(settlements) + len(intents) > 1:
                for settlement in settlements:
                    total.add(self._commit(work, [settlement], []))
                for intent in intents:
                    total.add(self._commit(work, [], [intent]))
                return total
            run_id = settlements[0].claim.run.id if settlements else intents[0].claim.run.id
            log.exception("commit_failed", run_id=run_id)
            item = next((one for one in work if one.claim.run.id == run_id), None)
            told = None if item is None else self._as_retry(item, error)
            if told is not None:
                return self._commit([], [told], [])
            return Committed(failed={run_id: error})

    def _as_retry(self, item: Work, error: Exception) -> Settlement | None:
        """What shows the error on its run and tries the step again later; None where there was no step."""
        if item.performed is None:
            return None
        try:
            performed = Performed(Retry(f"{type(error).__name__}: {error}"), [])
            return self._engine.decide(item.claim, performed, self._engine.clock.now())
        except Exception:
            log.exception("decision_failed", run_id=item.claim.run.id)
            return None
