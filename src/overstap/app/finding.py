"""Finding runs: filters that were given or saved, pages with a cursor, and counts."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from overstap.clock import Clock
from overstap.domain.catalog import Catalog
from overstap.domain.run_filter import RunFilter
from overstap.errors import BadInput
from overstap.store.counting import By, RunCounts
from overstap.store.narrowing import Narrowing
from overstap.store.runs import StoredRun
from overstap.store.search import Position, RunSearch, Sort, position
from overstap.workflow.files import Library
from overstap.workflow.run import Status

__all__ = ["By", "Listed", "Search", "Sort"]

EVERY_RUN = RunFilter()
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in a listing.

    Attributes:
        cursor: the place behind it, from which the listing can go on.
    """

    stored: StoredRun
    cursor: str


class Search:
    """Finds and counts runs.

    Args:
        saved: filters of the settings by name, each the fields of a `RunFilter` that it has.
        stuck_after: failed tries in a row from which a run that is tried again counts as stuck.
    """

    def __init__(
        self,
        search: RunSearch,
        counts: RunCounts,
        catalog: Catalog,
        library: Library,
        clock: Clock,
        *,
        saved: Mapping[str, Mapping[str, Any]],
        stuck_after: int,
    ) -> None:
        self._search = search
        self._counts = counts
        self._catalog = catalog
        self._library = library
        self._clock = clock
        self._saved = saved
        self._stuck_after = stuck_after

    @property
    def saved(self) -> list[str]:
        """The names of the saved filters."""
        return sorted(self._saved)

    def filter(self, name: str | None = None, **given: Any) -> RunFilter:
        """A filter of what is given, over one that is saved: what is given wins.

        Args:
            name: of the saved one; None for none.
            given: fields of a `RunFilter`; None means not given.

        Raises:
            BadInput: when no filter is saved under that name, or no run can ever be what it asks for.
        """
        if name is not None and name not in self._saved:
            known = f"there are {', '.join(sorted(self._saved))}" if self._saved else "there are none"
            raise BadInput(f"No filter is saved as {name!r}; {known}. The settings have them, as [filters.NAME].")
        fields = {key: value for key, value in given.items() if value is not None}
        made = RunFilter(**{**(self._saved[name] if name is not None else {}), **fields})
        self._check(made)
        return made

    def page(
        self,
        wanted: RunFilter = EVERY_RUN,
        *,
        sort: Sort = Sort.NEWEST,
        cursor: str | None = None,
        limit: int = 50,
    ) -> list[Listed]:
        """The first runs that match.

        Args:
            cursor: only those behind this place.

        Raises:
            BadInput: when the cursor cannot be read, or is one of another order.
        """
        after = None if cursor is None else _position(cursor, sort)
        found = self._search.page(self._narrowing(wanted), sort, after, limit)
        return [Listed(stored, _cursor(position(stored, sort), sort)) for stored in found]

    def these(self, ids: Sequence[str]) -> list[StoredRun]:
        """The runs with these ids as they are now, in this order; those that there are not are left out."""
        return self._search.these(ids)

    def listing(
        self,
        wanted: RunFilter = EVERY_RUN,
        *,
        sort: Sort = Sort.NEWEST,
        cursor: str | None = None,
        most: int | None = None,
    ) -> Iterator[Listed]:
        """Runs that match, in order, read a page at a time.

        Args:
            cursor: as `page` takes it.
            most: how many at most; None gives all of them.
        """
        while most is None or most > 0:
            size = _AT_ONCE if most is None else min(_AT_ONCE, most)
            page = self.page(wanted, sort=sort, cursor=cursor, limit=size)
            yield from page
            if len(page) < size:
                return
            cursor = page[-1].cursor
            most = None if most is None else most - size

    def count(self, wanted: RunFilter = EVERY_RUN, *, by: By = By.STATE) -> dict[str, int]:
        """How many runs match, by what they are; see `store.counting`."""
        return self._counts.count(self._narrowing(wanted), by)

    def _narrowing(self, wanted: RunFilter) -> Narrowing:
        escalations = [
            (definition.name, definition.version, state)
            for definition in self._library.all()
            for state in definition.escalations
        ]
        return Narrowing(wanted, self._clock.now(), self._stuck_after, escalations)

    def _check(self, wanted: RunFilter) -> None:
        """What a typing mistake asks for must not look as if there were no such run."""
        known, library = self._counts.known(), self._library.all()
        states = {state for each in library for state in each.states} | {one.state for one in known}
        for state in wanted.state:
            _one_of(state, states, "No workflow has a state", "states are")
        for status in wanted.status:
            _one_of(status, set(Status), "There is no status", "statuses are")
        if wanted.plan is not None:
            plans = {*self._catalog.plans, *(one.target_plan for one in known)}
            _one_of(wanted.plan, plans, "There is no plan", "plans are")
        if wanted.workflow is not None:
            names = {each.name for each in library} | {one.workflow for one in known}
            _one_of(wanted.workflow, names, "There is no workflow", "workflows are")
        if wanted.version is not None:
            versions = {each.version for each in library} | {one.version for one in known}
            _one_of(wanted.version, versions, "No workflow has a version", "versions are")
        if wanted.error is not None and not wanted.error.strip():
            raise BadInput("The text to look for in errors is empty.")
        if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
            raise BadInput(f"No run is created since {wanted.since} and before {wanted.until}.")


def _one_of(value: Any, known: Iterable[Any], complaint: str, listing: str) -> None:
    if value not in known:
        raise BadInput(f"{complaint} {value!r}; {listing} {', '.join(map(str, sorted(known)))}.")


def _cursor(place: Position, sort: Sort) -> str:
    key = place.key.isoformat() if isinstance(place.key, datetime) else place.key
    told = json.dumps([sort.value, place.run_id, key], separators=(",", ":"))
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


_MOST_ATTEMPTS = 2**31
_KEYS: Mapping[Sort, Callable[[Any], datetime | int | None]] = {
    Sort.NEWEST: lambda _: None,
    Sort.OLDEST: lambda _: None,
    Sort.DEADLINE: lambda text: datetime.fromisoformat(text).astimezone(UTC),
    Sort.ATTEMPTS: lambda number: range(_MOST_ATTEMPTS)[number],
}


def _position(cursor: str, sort: Sort) -> Position:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        name, run_id, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        made_for = Sort(name)
        place = Position(run_id, _KEYS[made_for](key))
        readable = run_id.isalnum()
    except (binascii.Error, ValueError, TypeError, LookupError, AttributeError, OverflowError):
        readable = False
    if not readable:
        raise BadInput(f"{cursor!r} is no cursor; give one that a listing ended with.")
    if made_for is not sort:
        raise BadInput(f"The cursor is of a listing by {made_for.value}, this one is by {sort.value}: begin anew.")
    return place
