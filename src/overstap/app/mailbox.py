"""What reaches a worker's loop from its steps, its ticker and outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Protocol

from overstap.app.engine import Performed
from overstap.errors import ClaimLost
from overstap.store.batch import Claim, Committed, Intent, Overtaken
from overstap.store.rows import EffectRecord


class Beat(Enum):
    """Something to do that brings nothing along."""

    LOOK = auto()
    """Look for due runs."""
    RENEW = auto()
    """Move the ends of the claims that are held."""
    HEARTBEAT = auto()
    """Say that the worker is alive."""
    STOP = auto()
    """Claim nothing more, and leave."""


@dataclass(slots=True)
class StepEnded:
    """A step was done, in so many seconds; `performed` is None when its claim was lost on the way."""

    claim: Claim
    performed: Performed | None
    took: float


@dataclass(slots=True)
class IntentAsked:
    """A step waits for its effect to be recorded."""

    intent: Intent
    answer: Future[EffectRecord]


def answer(committed: Committed, intents: Sequence[IntentAsked]) -> None:
    """Tell the steps that wait what became of their effects."""
    overtaken = {claim.run.id: claim for claim in committed.overtaken}
    for asked in intents:
        run_id = asked.intent.claim.run.id
        if run_id in committed.lost:
            asked.answer.set_exception(ClaimLost(run_id, committed.lost[run_id]))
        elif run_id in overtaken:
            asked.answer.set_exception(Overtaken(overtaken[run_id]))
        elif run_id in committed.failed:
            asked.answer.set_exception(committed.failed[run_id])
        else:
            asked.answer.set_result(committed.effects[asked.intent.key])


class Mailbox:
    """A queue that any thread, or a signal handler, may put into; the loop takes all there is at once."""

    def __init__(self) -> None:
        self._items: SimpleQueue[Beat | StepEnded | IntentAsked] = SimpleQueue()

    def put(self, item: Beat | StepEnded | IntentAsked) -> None:
        """Leave something for the loop."""
        self._items.put(item)

    def ask(self, intent: Intent, closed: Callable[[], bool]) -> EffectRecord:
        """Have the loop record an effect, and wait for that.

        Args:
            closed: whether the loop has ended, so that nobody will answer.

        Raises:
            ClaimLost: when the claim holds no more, or the loop has ended.
            Overtaken: when a signal came in meanwhile.
        """
        asked = IntentAsked(intent, Future())
        self.put(asked)
        while True:
            try:
                return asked.answer.result(timeout=1.0)
            except TimeoutError:
                if closed() and not asked.answer.done():
                    raise ClaimLost(intent.claim.run.id) from None

    def take(self, timeout: float | None) -> tuple[set[Beat], list[StepEnded], list[IntentAsked]]:
        """Wait for something to come in, then take all there is.

        Args:
            timeout: how many seconds to wait at most; None waits for ever.
        """
        beats: set[Beat] = set()
        ended: list[StepEnded] = []
        intents: list[IntentAsked] = []
        with suppress(Empty):
            while True:
                item = self._items.get(block=timeout is None or timeout > 0, timeout=timeout)
                timeout = 0.0
                if isinstance(item, StepEnded):
                    ended.append(item)
                elif isinstance(item, IntentAsked):
                    intents.append(item)
                else:
                    beats.add(item)
        return beats, ended, intents


class Wakeups(Protocol):
    """Something that calls `wake` when runs become due, until it is closed."""

    def close(self) -> None:
        """Stop calling."""
