"""What reaches a worker's loop from its steps, its ticker and outside."""

from __future__ import annotations

import math
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from overstap.app.settling import Work
from overstap.errors import ClaimLost
from overstap.store.batch import Committed, Intent, Overtaken, Settlement
from overstap.store.rows import EffectRecord
from overstap.workflow.value import value


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


@value
class StepEnded(Work):
    """A step was done, in so many seconds; it answered nothing when its claim was lost on the way."""

    took: float = 0.0


Answer = EffectRecord | Exception
"""What became of an intent: its record, or why there is none."""


@dataclass(slots=True)
class IntentsAsked:
    """Steps wait for their effects to be recorded."""

    intents: Sequence[Intent]
    answers: Future[Sequence[Answer]] = field(default_factory=Future)

    def tell(self, committed: Committed) -> None:
        """Answer each, now that they were committed with whatever else there was."""
        overtaken = {claim.run.id: claim for claim in committed.overtaken}

        def answer(intent: Intent) -> Answer:
            run_id = intent.claim.run.id
            if run_id in committed.lost:
                return ClaimLost(run_id, committed.lost[run_id])
            if run_id in overtaken:
                return Overtaken(overtaken[run_id])
            return committed.failed.get(run_id) or committed.effects[intent.key]

        self.answers.set_result([answer(intent) for intent in self.intents])


CameIn = tuple[set[Beat], list[StepEnded], list[IntentsAsked]]


class Wakeups(Protocol):
    """Something that tells whenever runs become due in another process."""

    def fileno(self) -> int | None:
        """What is readable when there may be something to hear; None where it calls somebody itself."""

    def heard(self) -> bool:
        """Read what there is; answers whether runs became due."""

    def close(self) -> None:
        """Tell no more."""


class Mailbox:
    """A queue that any thread, or a signal handler, may put into; the loop takes all there is at once.

    While it waits, the loop listens for wake-ups itself: to be called by a thread that does costs as much as a claim.
    """

    def __init__(self) -> None:
        self._items: deque[Beat | StepEnded | IntentsAsked] = deque()
        self._wakeups: Wakeups | None = None
        self._resting = False
        self._line: tuple[socket.socket, socket.socket] | None = None
        """The loop's end, and the one that is rung at; from the first rest on."""

    def __len__(self) -> int:
        """What was put in and not taken, more or less."""
        return len(self._items)

    def decided(self) -> list[Settlement]:
        """What follows from the steps whose ends were put in and not taken."""
        return [item.settlement for item in self._items.copy() if isinstance(item, StepEnded) and item.settlement]

    def listen_to(self, wakeups: Wakeups) -> None:
        """Look for due runs when these tell of some."""
        self._wakeups = wakeups

    def close(self) -> None:
        """Nobody takes any more; whatever is still put in stays where it is."""
        for end in self._line or ():
            end.close()

    def put(self, item: Beat | StepEnded | IntentsAsked) -> None:
        """Leave something for the loop."""
        self._items.append(item)
        if self._resting and self._line is not None:
            with suppress(OSError):  # full: it has been rung; closed: nobody is there
                self._line[1].send(b"!")

    def ask(self, intents: Sequence[Intent], gone: Callable[[], bool]) -> Sequence[Answer]:
        """Leave intents for the loop, and wait for its answers.

        Args:
            gone: whether the loop has ended, so that nobody will answer any more.
        """
        asked = IntentsAsked(intents)
        self.put(asked)
        while True:
            try:
                return asked.answers.result(timeout=1.0)
            except TimeoutError:
                if gone() and not asked.answers.done():
                    return [ClaimLost(intent.claim.run.id) for intent in intents]

    def take_more(self, came_in: CameIn, seconds: float, steps: Callable[[], int]) -> None:
        """Add what comes in within so many seconds, or until so many steps have ended or wait for their effects."""
        beats, ended, intents = came_in
        limit = time.monotonic() + seconds
        while (
            len(ended) + sum(len(asked.intents) for asked in intents) < steps()
            and (left := limit - time.monotonic()) > 0
        ):
            more_beats, more_ended, more_intents = self.take(left)
            beats |= more_beats
            ended += more_ended
            intents += more_intents

    def take(self, timeout: float | None) -> CameIn:
        """Wait for something to come in, then take all there is.

        Args:
            timeout: how many seconds to wait at most; None waits for ever.
        """
        beats: set[Beat] = set()
        ended: list[StepEnded] = []
        intents: list[IntentsAsked] = []
        if timeout is None or timeout > 0:
            self._rest(timeout)
        with suppress(IndexError):
            while True:
                item = self._items.popleft()
                if isinstance(item, StepEnded):
                    ended.append(item)
                elif isinstance(item, IntentsAsked):
                    intents.append(item)
                else:
                    beats.add(item)
        return beats, ended, intents

    def _rest(self, seconds: float | None) -> None:
        """Wait until something is put in, or something is to be heard."""
        if self._line is None:
            self._line = socket.socketpair()
            for end in self._line:
                end.setblocking(False)
        ear, answers = self._line[0], select.poll()
        answers.register(ear, select.POLLIN)
        wakeups = self._wakeups
        outside = wakeups.fileno() if wakeups is not None else None
        if outside is not None:
            answers.register(outside, select.POLLIN)
        self._resting = True  # before the look: whoever comes later rings
        ready = []
        if not self._items:
            ready = answers.poll(None if seconds is None else math.ceil(seconds * 1000))
        self._resting = False
        for one, _ in ready:
            if one == outside and wakeups is not None and wakeups.heard():
                self.put(Beat.LOOK)
            elif one != outside:
                ear.recv(4096)
