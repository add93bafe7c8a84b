"""The threads that do steps: each takes the next one that waits, so that a slow step holds up no other.

Waking a thread costs more than a quick step takes. So while steps are quick, one thread does them one after the other,
and goes on with the next where one waits for its effect to be written down: each step is a greenlet. The effects of
many steps are then written down together. The other threads are called in as soon as steps turn out slow, or nothing
got on for a moment.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from greenlet import GreenletExit, getcurrent, greenlet

from overstap.app.crashing import NotHere
from overstap.app.engine import Intend, Performed
from overstap.app.limiting import Begin
from overstap.app.mailbox import Answer
from overstap.store.batch import Claim, GaveWay, Intent
from overstap.store.rows import EffectRecord

_HERE_SECONDS = 0.02
"""How long the caller does steps itself at a time: as long as a batch of quick ones takes, which no claim minds."""
_SOME = 32
"""Steps done at a time while the database works: a fraction of a millisecond."""
_AT_ONCE = 250
"""Steps of one thread that wait at once for their effects to be written down, while steps are quick."""
_LONG_SECONDS = 0.05
"""After a step that took so long, those that wait behind it in its thread are begun anew by whoever is free."""
_LONG_WAIT_SECONDS = 0.5
"""So long they wait behind others that each take less. To begin one anew costs a question to its provider."""


class _Strand(greenlet):
    """Does steps, one after the other, until one waits for its effect to be written down."""

    away = 0.0
    """Seconds that it has waited, all in all."""


_Asking = deque[tuple[_Strand, Intent]]
"""Steps that wait for their effects to be written down."""


class Crew:
    """Does steps in threads of its own.

    Args:
        threads: steps that may be under way at a time.
        perform: does a step of a claimed run, and never raises; None where its work is to be dropped.
        record: writes effects down before their calls go out.
        tell: what to do with what a step answered, and the seconds it took; called from any thread.
    """

    def __init__(
        self,
        threads: int,
        perform: Callable[[Claim, str, Intend], Performed | None],
        record: Callable[[Sequence[Intent]], Sequence[Answer]],
        tell: Callable[[Claim, Performed | None, float], None],
    ) -> None:
        self.quick = False
        """Whether steps are so quick that one thread does many."""
        self._threads = threads
        self._perform = perform
        self._record = record
        self._tell = tell
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="overstap-step")
        self._todo: deque[Begin] = deque()
        self._here: deque[Begin] = deque()
        self._under_way: set[str] = set()
        self._working = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Steps that were begun and have not been forgotten."""
        return len(self._under_way)

    def __contains__(self, run_id: str) -> bool:
        return run_id in self._under_way

    @property
    def waiting(self) -> bool:
        """Whether a step waits for a thread that could be had."""
        return bool(self._todo) and self._working < self._threads

    @property
    def left_here(self) -> int:
        """Steps that wait for `do_here`."""
        return len(self._here)

    def start(self, begins: Sequence[Begin], is_local: Callable[[str], bool]) -> None:
        """Have steps done in threads; quick ones that reach nothing outside are left for `do_here`.

        Args:
            is_local: whether a step reaches nothing outside.
        """
        for claim, step in begins:
            self._under_way.add(claim.run.id)
            (self._here if self.quick and is_local(step) else self._todo).append((claim, step))
        if not self.quick and self._here:
            self._todo += self._here
            self._here.clear()
        # One thread while steps are quick, else as many as there are steps.
        self._let_work(1 if self.quick else self._threads)

    def do_here(self, steps: int) -> None:
        """Do so many of the steps left for it, at least one, or as many as a moment allows.

        Handing them over would take longer.
        """
        limit = time.perf_counter() + _HERE_SECONDS
        while self._here:
            self._do_here(*self._here.popleft())
            steps -= 1
            if steps <= 0 or time.perf_counter() > limit:
                return

    def do_some_here(self, most: int) -> bool:
        """Do a few of the steps left for it, at least one; answers whether there were any."""
        if not self._here or not self.quick:
            return False
        self.do_here(min(most, _SOME))
        return True

    def _do_here(self, claim: Claim, step: str) -> None:
        began = time.perf_counter()
        try:
            performed = self._perform(claim, step, _refuse)
        except NotHere:  # it reaches something after all
            self._todo.append((claim, step))
        else:
            took = time.perf_counter() - began
            self.quick = self.quick and took < _HERE_SECONDS  # until the loop has looked at what they take
            self._tell(claim, performed, took)

    def call_in_another(self) -> None:
        """Let one more thread work where a step waits for it."""
        if self.waiting:
            self._let_work(self._working + 1)

    def _let_work(self, threads: int) -> None:
        with self._lock:
            more = max(0, min(threads, self._threads, self._working + len(self._todo)) - self._working)
            self._working += more
        for _ in range(more):
            self._pool.submit(self._work)

    def forget(self, run_id: str) -> None:
        """A step has ended, and the loop knows."""
        self._under_way.discard(run_id)

    def drop_waiting(self) -> None:
        """Begin no step that has not been begun."""
        for waiting in (self._here, self._todo):
            with suppress(IndexError):
                while True:
                    claim, _ = waiting.popleft()
                    self._under_way.discard(claim.run.id)

    def dismiss(self) -> None:
        """Begin no step any more; those under way are not waited for."""
        self._todo.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        """Do steps until none waits; in a thread."""
        done = False
        asking: _Asking = deque()
        try:
            while not done:
                self._begin_some(asking)
                while asking:
                    self._go_on(asking)
                with self._lock:
                    done = not self._todo  # else it came in just now, and nobody else may have been called for it
                    self._working -= done
        finally:
            if not done:  # a defect ends this thread, and must not cost its place, nor the runs whose steps wait in it
                with self._lock:
                    self._working -= 1
                self._end(asking)

    def _begin_some(self, asking: _Asking) -> None:
        while self._todo and len(asking) < (_AT_ONCE if self.quick else 1):
            strand = _Strand(self._do_steps)
            intent = strand.switch(strand)
            if intent is not None:
                asking.append((strand, intent))

    def _go_on(self, asking: _Asking) -> None:
        """Have intents written down, and go on with their steps."""
        asked = time.perf_counter()
        answers = self._record([intent for _, intent in asking])
        began = before = time.perf_counter()
        late = False
        for answer in answers:
            strand, intent = asking.popleft()
            now = time.perf_counter()
            late = late or now - before > _LONG_SECONDS or now - began > _LONG_WAIT_SECONDS
            before = now
            strand.away += now - asked
            told = GaveWay(intent.claim.run.id) if late else answer
            more = strand.throw(told) if isinstance(told, Exception) else strand.switch(told)
            if more is not None:
                asking.append((strand, more))

    def _end(self, asking: _Asking) -> None:
        """Have steps give way; each tells so. What one of them raises must not keep the others from it."""
        while asking:
            strand, intent = asking.popleft()
            strand.away = strand.away or 1e-9  # so that it takes no other step
            with suppress(BaseException):
                strand.throw(GaveWay(intent.claim.run.id))

    def _do_steps(self, strand: _Strand) -> None:
        while True:
            try:
                claim, step = self._todo.popleft()
            except IndexError:
                return
            performed, began, before = None, time.perf_counter(), strand.away
            try:
                performed = self._perform(claim, step, _ask)
            finally:
                self._tell(claim, performed, time.perf_counter() - began - (strand.away - before))
            if strand.away:
                return  # it has answered for its effect: what is left to do is begun afresh


def _refuse(_intent: Intent) -> EffectRecord:
    raise NotHere


def _ask(intent: Intent) -> EffectRecord:
    """Wait until an intent is written down, and let the thread do other steps meanwhile."""
    thread = getcurrent().parent
    if thread is None:  # cannot be: steps are done by strands
        raise RuntimeError(f"the step of run {intent.claim.run.id} is done by no strand")
    try:
        record: EffectRecord = thread.switch(intent)
    except GreenletExit:  # nobody goes on with it: else this would count as the step's own crash
        raise GaveWay(intent.claim.run.id) from None
    return record
