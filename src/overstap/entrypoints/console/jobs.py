"""Long work that goes on while pages come and go: a page that is loaded anew finds it as it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import structlog

from overstap.errors import OverstapError
from overstap.language import lazy_gettext
from overstap.language.message import Message

log = structlog.get_logger(__name__)

Tell = Callable[[int, int], None]
"""Told how many of how many are done."""

UNEXPECTED = lazy_gettext("It broke off for a reason that nobody expected. The reason was written down.")
_MOST = 64
"""Jobs remembered, those that have ended included."""


@dataclass(slots=True)
class Job:
    """One piece of work.

    Attributes:
        done, total: how far it is; 0 of 0 as long as that is not known.
        ended: whether it is over, with a result or with an error.
        error: why it broke off.
    """

    done: int = 0
    total: int = 0
    ended: bool = False
    result: Any = None
    error: str | Message | None = None

    def tell(self, done: int, total: int) -> None:
        """Take note of how far it is."""
        self.done, self.total = done, total


@dataclass(slots=True)
class Jobs:
    """The jobs of one process."""

    _jobs: dict[Hashable, Job] = field(default_factory=dict)
    _turns: dict[str, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, kind: str, of: str, work: Callable[[Tell], Any], *, in_turn: bool = False) -> Job:
        """Start work in a thread of its own; what is under way already is not started again.

        Args:
            kind: what sort of work it is.
            of: what it is about.
            in_turn: wait until no other of the same kind that is in turn is at work.
        """
        with self._lock:
            known = self._jobs.get((kind, of))
            if known is not None and not known.ended:
                return known
            self._forget()
            job = self._jobs[kind, of] = Job()
            turn = self._turns.setdefault(kind, threading.Lock()) if in_turn else threading.Lock()
        # A daemon: whoever stops the server does not wait for it, and all that it does may break off anywhere.
        threading.Thread(target=_do, args=(job, turn, work, kind, of), name=f"{kind}-{of}", daemon=True).start()
        return job

    def get(self, kind: str, of: str) -> Job | None:
        """The last work of that kind about that; None when this process did none."""
        return self._jobs.get((kind, of))

    def _forget(self) -> None:
        over = [key for key, one in self._jobs.items() if one.ended]
        for key in over[: max(0, len(self._jobs) - _MOST + 1)]:
            del self._jobs[key]


def _do(job: Job, turn: threading.Lock, work: Callable[[Tell], Any], kind: str, of: str) -> None:
    try:
        with turn:
            job.result = work(job.tell)
    except OverstapError as error:
        job.error = str(error)
    except Exception:
        log.exception("job_failed", kind=kind, of=of)
        job.error = UNEXPECTED
    finally:
        job.ended = True
