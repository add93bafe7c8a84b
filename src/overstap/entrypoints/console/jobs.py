"""Long work that pages begin, and that goes on while pages come and go: whoever comes later finds it as it stands.

Jobs live in the memory of one process, and end with it: their threads are daemons, which nobody waits for when the
server ends. So all that a job does may break off anywhere. A check and a rehearsal change nothing, and are begun anew.
A replay is durable: that it is executed is written down before its job begins, each hundred of its runs is one
transaction together with what was done with them, and whoever runs the plan again goes on with what is left
(`app.replaying.Replays.run`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

import structlog

from overstap.clock import Clock
from overstap.errors import Conflict, OverstapError, Refused
from overstap.language import Message, lazy_gettext

log = structlog.get_logger(__name__)

Tell = Callable[[int, int], None]
"""Told how many of how many are done."""

UNEXPECTED = lazy_gettext("It broke off for a reason that nobody expected. The reason was written down.")
MOST = 64
"""Jobs of one process: those that wait, those under way, and those that have ended and are remembered."""


class Turn(Enum):
    """Whose turn it is while another job of the same kind is under way."""

    ANY = auto()
    """They go beside each other."""
    NEXT = auto()
    """Each waits for those that were begun before it."""
    NONE = auto()
    """The second is refused."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of work.

    Attributes:
        name: what people call it, as in "a check".
    """

    name: str
    turn: Turn = Turn.ANY


@dataclass(slots=True, kw_only=True)
class Job:
    """One piece of work.

    Attributes:
        of: what it is about.
        by: who began it.
        began: None as long as it waits for its turn.
        ended: when it was over, with a result or with a failure; None before.
        done, total: how far it is; 0 of 0 as long as that is not known.
        failed: why it came to no result.
    """

    kind: Kind
    of: str
    by: str
    work: Callable[[Tell], Any] = field(repr=False)
    began: datetime | None = None
    ended: datetime | None = None
    done: int = 0
    total: int = 0
    result: Any = None
    failed: str | Message | None = None

    def tell(self, done: int, total: int) -> None:
        """Take note of how far it is."""
        self.done, self.total = done, total


class Jobs:
    """The jobs of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[tuple[Kind, str], Job] = {}
        """The newest last; of each kind the next is the first that has not begun."""
        self._lock = threading.Lock()

    def start(self, kind: Kind, of: str, work: Callable[[Tell], Any], *, by: str) -> Job:
        """Begin work in a thread of its own, or have it wait for its turn; what is under way is not begun again.

        Args:
            of: what it is about.
            work: told where to report its progress; answers its result.
            by: who begins it.

        Raises:
            Conflict: when another of its kind is under way, and it is of a kind that is done alone.
            Refused: when too many are under way.
        """
        with self._lock:
            other = self._under_way(kind)
            if other is not None and kind.turn is Turn.NONE:
                raise Conflict(
                    f"One {kind.name} is made at a time, and that of {other.of} is under way, begun by {other.by}. "
                    "Wait for its end."
                )
            known = self._known.get((kind, of))
            if known is not None and known.ended is None:
                return known
            self._make_room(kind, of)
            job = Job(kind=kind, of=of, by=by, work=work)
            if other is None or kind.turn is Turn.ANY:
                job.began = self._clock.now()
                threading.Thread(target=self._run, args=(job,), name=f"{kind.name}-{of}", daemon=True).start()
            self._known[kind, of] = job
        return job

    def get(self, kind: Kind, of: str) -> Job | None:
        """The newest work of that kind about that; None where this process did none, or remembers none."""
        with self._lock:
            return self._known.get((kind, of))

    def _under_way(self, kind: Kind) -> Job | None:
        return next((one for one in self._known.values() if one.kind == kind and one.ended is None), None)

    def _make_room(self, kind: Kind, of: str) -> None:
        self._known.pop((kind, of), None)
        if len(self._known) < MOST:
            return
        over = next((key for key, one in self._known.items() if one.ended is not None), None)
        if over is None:
            raise Refused(f"{MOST} pieces of long work are under way. Try again when one of them has ended.")
        del self._known[over]

    def _run(self, job: Job | None) -> None:
        """Do a job, and after it those that have waited for it."""
        while job is not None:
            self._do(job)
            with self._lock:
                job.ended = now = self._clock.now()
                same = [one for one in self._known.values() if one.kind == job.kind]
                job = next((one for one in same if one.began is None), None)
                if job is not None:
                    job.began = now

    def _do(self, job: Job) -> None:
        try:
            job.result = job.work(job.tell)
        except OverstapError as error:
            job.failed = str(error)
        except Exception:
            log.exception("job_failed", kind=job.kind.name, of=job.of)
            job.failed = UNEXPECTED
