"""The runs: found by what they are, a page at a time, up to date where they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.app.finding import Listed
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.filters import in_words, wanted
from overstap.entrypoints.console.operator.run_cells import COLUMNS, Shown, tenant_name
from overstap.entrypoints.console.operator.runs_form import chips, chosen, columns_form, form
from overstap.entrypoints.console.operator.runs_selection import Selection, total_spots
from overstap.entrypoints.console.operator.runs_view import View, read_view
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import empty, problem, show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import BadInput, DatabaseUnavailable, NotFound
from overstap.language import lazy_gettext, lazy_ngettext
from overstap.store.runs import StoredRun

_TITLE = lazy_gettext("Runs")
_MATCH = lazy_ngettext("{count} run matches", "{count} runs match")
_COUNTING = lazy_gettext("Counting …")
_NEW = lazy_ngettext("{count} new run · show", "{count} new runs · show")
_SELECT = lazy_gettext("Select the run of {tenant}, {run}")
_SELECT_PAGE = lazy_gettext("Select all runs on this page")
_NO_RUNS = lazy_gettext("There are no runs yet")
_NO_RUNS_HINT = lazy_gettext("A run begins when a plan change is ordered, by an administrator or with overstap submit.")
_NO_MATCH = lazy_gettext("No run is like that")
_NO_MATCH_HINT = lazy_gettext("Take back one of the conditions above; what matches later is announced here.")
_NO_MORE = lazy_gettext("There are no runs behind this place any more")
_NO_MORE_HINT = lazy_gettext("They have changed since the page before was shown.")
_FIRST = lazy_gettext("First page")
_NEXT = lazy_gettext("Next page")
_PAGES = lazy_gettext("Pages of runs")
_JSON = lazy_gettext("The same as JSON")
_CAPTION = lazy_gettext("Runs, with what they wait for")
_COUNT_PATIENCE = 0.1
"""Seconds that the page waits for how many runs match; it is shown without, and filled in when it is known."""
_COUNT_EVERY = 2.0


@dataclass(frozen=True, slots=True)
class _Found:
    wanted: RunFilter
    told: Mapping[str, h.Node]
    listed: Sequence[Listed]


@dataclass(frozen=True, slots=True)
class _Now:
    """How the runs that are shown stand now, and which the page would show if it were loaded anew."""

    shown: Sequence[StoredRun]
    fresh: Sequence[str]


@page("/console/runs", _TITLE, "count_runs")
async def runs(visit: Visit) -> None:
    """Runs that match what the address asks for."""
    view = read_view(visit)
    found, wrong = None, list(view.problems)
    try:
        found = await visit.ask(_find, visit, view)
    except (BadInput, NotFound) as error:
        wrong.append(str(error))
    total = None if found is None or wrong else await _count_soon(visit, found.wanted)
    lead = None if found is None or wrong else h.span(".hint", role="status")[spot("total", _total(visit, total))]
    with frame(visit, visit.say(_TITLE), lead=lead):
        show(chips(visit, view), form(visit, view))
        if wrong:
            show(problem(wrong[0], *(h.p[one] for one in wrong[1:])))
        if found is None or wrong:
            ui.context.client.status_code = 422
            show(chosen(visit, view, None))
            return
        _list(visit, view, found, total)


def _find(visit: Visit, view: View) -> _Found:
    made = wanted(visit)
    listed = visit.app.search.page(made, sort=view.sort, cursor=view.cursor, limit=view.limit)
    return _Found(made, in_words(visit, made), listed)


def _list(visit: Visit, view: View, found: _Found, total: int | None) -> None:
    stored = [one.stored for one in found.listed]
    ids = tuple(one.run.id for one in stored)
    selection = Selection(visit, view, frozenset(ids), more=view.cursor is not None or len(ids) == view.limit)
    selects = visit.may("hold_run") or visit.may("plan_replay")
    show(
        h.div(".over-table")[
            chosen(visit, view, found.told),
            h.a("#new-runs.button", href=view.here())[spot("new", "")],
            columns_form(visit, view),
        ]
    )
    if selects and stored:
        selection.put(total)
    show(_table(visit, view, stored, selects=selects) if stored else _none(visit, view), _pager(visit, view, found))
    before = {one.run.id: one for one in stored}

    def spots(now: _Now) -> dict[str, h.Node]:
        changed = [one for one in now.shown if before[one.run.id] != one]
        before.update((one.run.id, one) for one in changed)
        new = newly(ids, now.fresh, full=len(ids) == view.limit)
        news = {"new": visit.say(_NEW, count=new) if new else ""}
        return news | {name: cell for one in changed for name, cell in _live_cells(visit, view, one).items()}

    async def look() -> _Now:
        search, looks = visit.app.search, desk().looks
        place = {"sort": view.sort, "cursor": view.cursor, "limit": view.limit}
        shown = await looks.look(("runs", ids), lambda: search.these(ids))
        fresh = await looks.look(
            ("page", found.wanted, *place.values()),
            lambda: search.page(found.wanted, **place),  # type: ignore[arg-type]
        )
        return _Now(shown, [one.stored.run.id for one in fresh])

    async def count() -> int:
        return await _count(visit, found.wanted)

    live = Live(visit, look, spots)
    live.knows({"new": ""})
    counts = Live(visit, count, lambda number: _totals(visit, number), every=_COUNT_EVERY)
    counts.knows(_totals(visit, total))


def newly(shown: Sequence[str], fresh: Sequence[str], *, full: bool) -> int:
    """How many runs came to be where the page is; those that only moved up from behind it are not new."""
    known = set(shown)
    last = max((place for place, one in enumerate(fresh) if one in known), default=len(fresh) - 1)
    return sum(one not in known for one in (fresh[: last + 1] if full else fresh))


async def _count(visit: Visit, made: RunFilter) -> int:
    counts = await desk().looks.look(("count", made), lambda: visit.app.search.count(made))
    return sum(counts.values())


async def _count_soon(visit: Visit, made: RunFilter) -> int | None:
    """How many runs match, where that is known at once."""
    try:
        return await asyncio.wait_for(_count(visit, made), _COUNT_PATIENCE)
    except (TimeoutError, DatabaseUnavailable):
        return None


def _total(visit: Visit, total: int | None) -> str:
    return visit.say(_COUNTING) if total is None else visit.say(_MATCH, count=total)


def _totals(visit: Visit, total: int | None) -> dict[str, h.Node]:
    return {"total": _total(visit, total), **total_spots(visit, total)}


def _spot(stored: StoredRun, name: str) -> str:
    return f"{stored.run.id}-{name}"


def _live_cells(visit: Visit, view: View, stored: StoredRun) -> dict[str, h.Node]:
    shown = Shown.to(visit.words, visit.app, stored)
    return {_spot(stored, name): COLUMNS[name].cell(shown) for name in view.columns if COLUMNS[name].changes}


def _table(visit: Visit, view: View, stored: Sequence[StoredRun], *, selects: bool) -> h.Node:
    say = visit.say
    columns = [(name, COLUMNS[name]) for name in view.columns]
    wide = sum(column.width for _, column in columns) + 3
    boxes = h.th(".box", scope="col")[
        h.input(type="checkbox", id="select-page", aria_label=say(_SELECT_PAGE), autocomplete="off")
    ]
    return h.div(".scrolls", tabindex="0", role="region", aria_label=say(_CAPTION))[
        h.table(".runs", style=f"min-width: {wide:g}rem", data_runs="")[
            h.caption(".unseen")[say(_CAPTION)],
            h.colgroup[
                h.col(style="width: 3rem") if selects else None,
                (h.col(style=f"width: {column.width:g}rem") for _, column in columns),
            ],
            h.thead[
                h.tr[
                    boxes if selects else None,
                    (
                        h.th(scope="col", class_="number" if column.number else None)[say(column.title)]
                        for _, column in columns
                    ),
                ]
            ],
            h.tbody[(_row(visit, view, one, selects=selects) for one in stored)],
        ]
    ]


def _row(visit: Visit, view: View, stored: StoredRun, *, selects: bool) -> h.Element:
    shown = Shown.to(visit.words, visit.app, stored)
    run_id, label = stored.run.id, visit.say(_SELECT, tenant=tenant_name(stored), run=stored.run.id)
    box = h.td(".box")[h.input(type="checkbox", value=run_id, aria_label=label, autocomplete="off", data_run="")]
    cells = []
    for name in view.columns:
        column = COLUMNS[name]
        content = column.cell(shown)
        cells.append(
            h.td(class_="number" if column.number else None)[
                spot(_spot(stored, name), content) if column.changes else content
            ]
        )
    return h.tr[box if selects else None, cells]


def _none(visit: Visit, view: View) -> h.Node:
    say = visit.say
    if view.cursor is not None:
        return empty(say(_NO_MORE), say(_NO_MORE_HINT), h.p[h.a(href=view.address())[say(_FIRST)]])
    if view.query:
        return empty(say(_NO_MATCH), say(_NO_MATCH_HINT))
    return empty(say(_NO_RUNS), say(_NO_RUNS_HINT))


def _pager(visit: Visit, view: View, found: _Found) -> h.Node:
    following = found.listed[-1].cursor if len(found.listed) == view.limit else None
    return h.nav(".pager", aria_label=visit.say(_PAGES))[
        h.a(".button", href=view.address())[visit.say(_FIRST)] if view.cursor is not None else None,
        h.a(".button", href=view.address(cursor=following), rel="next")[visit.say(_NEXT)] if following else None,
        h.a(".json", href=view.in_api())[visit.say(_JSON)],
    ]
