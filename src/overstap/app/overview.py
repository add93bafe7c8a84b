"""How everything stands, for operators: where the runs are, which of them need somebody first, how the hours went."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from overstap.app.finding import Listed, Search, Sort
from overstap.app.service import Service
from overstap.app.trends import Trends
from overstap.clock import Clock
from overstap.domain.run_filter import RunFilter
from overstap.errors import NotFound
from overstap.store.places import Place, Places, Where
from overstap.workflow.files import Library
from overstap.workflow.run import Run

__all__ = ["Concern", "Concerns", "Overview", "Place", "Where"]

FIRST = 5
"""Runs shown of each concern."""
SOON = 0.25
"""A run whose deadline has less than this share of its time left expires soon."""
_GOOD_FOR = 2.0
"""Seconds that a look is good for at least."""
_TIMES = 10
_MOST_NAMES = 10_000


@dataclass(frozen=True, slots=True)
class Concern:
    """A run that somebody should look at.

    Attributes:
        tenant: its name.
    """

    run: Run
    tenant: str


@dataclass(frozen=True, slots=True)
class Concerns:
    """The first runs that somebody should look at.

    Attributes:
        escalated: a deadline has passed and the work goes on; those that were created first.
        stuck: nothing takes them on, or their step fails again and again; those that were created first.
        overdue: their deadline has passed and nobody has come to it; the longest ago first.
        expiring: their deadline is near; the soonest first.
    """

    escalated: tuple[Concern, ...]
    stuck: tuple[Concern, ...]
    overdue: tuple[Concern, ...]
    expiring: tuple[Concern, ...]


class Overview:
    """Looks at how everything stands.

    Args:
        seconds: reads a clock that only goes forward.
    """

    def __init__(
        self,
        places: Places,
        search: Search,
        service: Service,
        library: Library,
        clock: Clock,
        trends: Trends,
        *,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trends = trends
        self._places = places
        self._search = search
        self._service = service
        self._library = library
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: Concerns | None = None
        self._good_until = 0.0
        self._names: dict[str, str] = {}

    def places(self) -> dict[Where, Place]:
        """How many runs are in each state of each workflow version.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        return self._places.read()

    def concerns(self) -> Concerns:
        """The runs that somebody should look at first, now or a few seconds ago.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._lock:
            began = self._seconds()
            if self._known is None or began >= self._good_until:
                self._known = Concerns(
                    escalated=self._named(self._search.page(RunFilter(escalated=True), sort=Sort.OLDEST, limit=FIRST)),
                    stuck=self._named(self._search.page(RunFilter(stuck=True), sort=Sort.OLDEST, limit=FIRST)),
                    overdue=self._named(self._search.page(RunFilter(overdue=True), sort=Sort.DEADLINE, limit=FIRST)),
                    expiring=self._named(self._expiring()),
                )
                ended = self._seconds()
                self._good_until = ended + max(_GOOD_FOR, _TIMES * (ended - began))
            return self._known

    def _expiring(self) -> list[Listed]:
        found = [one for name, version, state in self._places.read() for one in self._near(name, version, state)]
        return sorted(found, key=lambda one: str(one.stored.run.deadline_at))[:FIRST]

    def _near(self, name: str, version: int, state: str) -> Iterator[Listed]:
        """Of the runs in a state, some whose deadline is near."""
        known = {(one.name, one.version): one for one in self._library.all()}
        definition = known.get((name, version))
        deadline = definition.states[state].deadline if definition and state in definition.states else None
        if deadline is None:
            return
        now = self._clock.now()
        there = RunFilter(workflow=name, version=version, state=(state,))
        for one in self._search.page(there, sort=Sort.DEADLINE, limit=2 * FIRST):
            until = one.stored.run.deadline_at
            if until is not None and now <= until <= now + SOON * deadline.after:
                yield one

    def _named(self, found: Iterable[Listed]) -> tuple[Concern, ...]:
        return tuple(Concern(one.stored.run, self._name(one.stored.run.tenant_id)) for one in found)

    def _name(self, tenant_id: str) -> str:
        if tenant_id not in self._names:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            with suppress(NotFound):
                self._names[tenant_id] = self._service.tenant(tenant_id).name
        return self._names.get(tenant_id, tenant_id)
