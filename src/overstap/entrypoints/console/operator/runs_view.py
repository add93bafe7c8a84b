"""What the address of the runs page says beside which runs: their order, the place in it, and what is shown of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from overstap.app.finding import Sort
from overstap.entrypoints.console.operator.filters import FLAGS, Query, query_of
from overstap.entrypoints.console.operator.run_cells import COLUMNS, USUAL
from overstap.entrypoints.console.parts import address
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext

PATH = "/console/runs"
API = "/api/v1/runs"
COLUMNS_COOKIE = "overstap_columns"
SIZES = (25, 50, 100, 200)
USUAL_SIZE = 50
_NO_ORDER = lazy_gettext("sort: there is no order {given}; there are {known}.")
_NO_SIZE = lazy_gettext("limit: {given} is no number of runs from 1 to {most}.")
_NO_COLUMN = lazy_gettext("columns: there is no column {given}; there are {known}.")


@dataclass(frozen=True, slots=True)
class View:
    """How runs are shown.

    Attributes:
        query: which runs, as the address has it.
        cursor: only those behind this place; None shows the first.
        limit: so many on a page.
        columns: names of `COLUMNS`, in their order.
        given: what the address says beside the query, as it was given.
        problems: what of it cannot be, in the reader's words; in its place stands what is usual.
    """

    query: Query
    sort: Sort = Sort.NEWEST
    cursor: str | None = None
    limit: int = USUAL_SIZE
    columns: Sequence[str] = USUAL
    given: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[str] = ()

    def address(self, *, cursor: str | None = None) -> str:
        """The same from its first page, or from a place."""
        return address(PATH, **self.query, **self.given, cursor=cursor)

    def here(self) -> str:
        """This page."""
        return self.address(cursor=self.cursor)

    def with_query(self, query: Query) -> str:
        """The address of other runs, shown alike; a cursor goes on in the same runs only."""
        return address(PATH, **query, **self.given)

    def without(self, name: str) -> str:
        """The address of the runs without one of the conditions."""
        return self.with_query({key: value for key, value in self.query.items() if key != name})

    def flipped(self, flag: str) -> str:
        """The address with one of the flags set, or without it where it is set."""
        if self.query.get(flag) in _YES:
            return self.without(flag)
        return self.with_query({**self.query, flag: "true"})

    def in_api(self) -> str:
        """Where programs find the same runs."""
        order = {"sort": self.sort.value, "limit": self.limit, "cursor": self.cursor}
        flags = {name: "true" for name in FLAGS if self.query.get(name) in _YES}
        return address(API, **{**self.query, **flags}, **order)


_YES = {"true", "1", "on"}


def read_view(visit: Visit) -> View:
    """What the page's address asks for."""
    problems: list[str] = []

    def complain(message: Message, given: str, **params: object) -> None:
        problems.append(visit.say(message, given=f"“{given[:100]}”", **params))

    sort = Sort.NEWEST
    if (given := visit.query("sort")) is not None:
        if given in set(Sort):
            sort = Sort(given)
        else:
            complain(_NO_ORDER, given, known=", ".join(Sort))
    limit, most = USUAL_SIZE, visit.app.settings.api.page_limit
    if (given := visit.query("limit")) is not None:
        if given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= most:
            limit = int(given)
        else:
            complain(_NO_SIZE, given, most=most)
    columns = [text for one in visit.request.query_params.getlist("columns") for text in one.split(",") if text]
    for name in columns:
        if name not in COLUMNS:
            complain(_NO_COLUMN, name, known=", ".join(COLUMNS))
    kept = {name: text for name in ("sort", "limit") if (text := visit.query(name)) is not None}
    return View(
        query_of(visit),
        sort,
        visit.query("cursor"),
        min(limit, most),
        _shown(columns) or _shown(visit.request.cookies.get(COLUMNS_COOKIE, "").split(".")) or USUAL,
        {**kept, **({"columns": ",".join(columns)} if columns else {})},
        problems,
    )


def _shown(names: Sequence[str]) -> tuple[str, ...]:
    """Those that there are, in their order; who chose any sees which run each is."""
    chosen = {name for name in names if name in COLUMNS}
    return tuple(name for name in COLUMNS if name in chosen or name == "run") if chosen else ()
