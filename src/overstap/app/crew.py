"""The threads that do steps: each takes the next one that waits, so that a slow step holds up no other.

Waking a thread costs more than a quick step takes. While steps are quick one thread does them, one after the other; the
others are called in as soon as steps turn out slow, or nothing got on for a moment.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from overstap.store.batch import Claim

Perform = Callable[[Claim, str], None]
"""Does a step of a claimed run, and tells whoever wants to know; never raises."""


class Crew:
    """Does steps in threads of its own.

    Args:
        threads: steps that may be under way at a time.
    """

    def __init__(self, threads: int, perform: Perform) -> None:
        self._threads = threads
        self._perform = perform
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="overstap-step")
        self._todo: deque[tuple[Claim, str]] = deque()
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

    def begin(self, claim: Claim, step: str) -> None:
        """Have a step done; `call_in` sees to it that somebody does."""
        self._under_way.add(claim.run.id)
        self._todo.append((claim, step))

    def call_in(self, threads: int) -> None:
        """Let up to so many threads work, as long as steps wait for one.

        Args:
            threads: those that work already count.
        """
        with self._lock:
            more = min(threads, self._threads, self._working + len(self._todo)) - self._working
            self._working += max(0, more)
        for _ in range(more):
            self._pool.submit(self._work)

    def call_in_another(self) -> None:
        """Let one more thread work where a step waits for it."""
        if self.waiting:
            self.call_in(self._working + 1)

    def forget(self, run_id: str) -> None:
        """A step has ended, and the loop knows."""
        self._under_way.discard(run_id)

    def drop_waiting(self) -> None:
        """Begin no step that has not been begun."""
        while True:
            try:
                claim, _ = self._todo.popleft()
            except IndexError:
                return
            self._under_way.discard(claim.run.id)

    def dismiss(self) -> None:
        """Begin no step any more; those under way are not waited for."""
        self._todo.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        while True:
            try:
                claim, step = self._todo.popleft()
            except IndexError:
                with self._lock:
                    if self._todo:
                        continue  # it came in just now, and nobody else may have been called for it
                    self._working -= 1
                    return
            self._perform(claim, step)
