"""What is selected of the runs that are shown, said exactly; and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import htpy as h
from nicegui import ui
from nicegui.events import GenericEventArguments

from overstap.domain.reading import one_line
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.operator.run_cells import tenant_name
from overstap.entrypoints.console.operator.runs_view import View
from overstap.entrypoints.console.parts import address, note, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import OverstapError
from overstap.language import Message, lazy_gettext, lazy_ngettext
from overstap.store.runs import StoredRun
from overstap.workflow.run import Run

_SELECTED = "runs_selected"
_SELECTION = lazy_gettext("What is selected")
_ONE = lazy_gettext("1 run on this page is selected")
_MANY = lazy_gettext("# runs on this page are selected")
_ALL = lazy_gettext("All {runs} runs that match this filter are selected, on this page and on others")
_ALL_UNCOUNTED = lazy_gettext("All runs that match this filter are selected, on this page and on others")
_OFFER = lazy_gettext("Select all {runs} runs that match")
_OFFER_UNCOUNTED = lazy_gettext("Select all runs that match")
_NONE = lazy_gettext("Select none")
_REPLAY = lazy_gettext("Plan a replay")
_HOLD, _RELEASE = lazy_gettext("Hold"), lazy_gettext("Release")
_HOLD_THEM = lazy_gettext("Hold the selected runs")
_RELEASE_THEM = lazy_gettext("Release the selected runs")
_NOTHING = lazy_gettext("None of the selected runs can be: nothing will be done.")
_WILL_HOLD = lazy_ngettext(
    "{count} run will do no steps until it is released; its deadline and signals still count.",
    "{count} runs will do no steps until they are released; their deadlines and signals still count.",
)
_WILL_RELEASE = lazy_ngettext(
    "{count} run will go on where it was held.", "{count} runs will go on where they were held."
)
_NOT = lazy_ngettext("{count} run will be left alone:", "{count} runs will be left alone:")
_HAS_ENDED = lazy_gettext("it has ended")
_IS_HELD = lazy_gettext("it is held already")
_IS_FREE = lazy_gettext("nobody holds it")
_HELD_NOW = lazy_ngettext("{count} run is held.", "{count} runs are held.")
_RELEASED_NOW = lazy_ngettext("{count} run was released.", "{count} runs were released.")
_REFUSED = lazy_ngettext("{count} run was left alone:", "{count} runs were left alone:")
_LISTED = 10
_AND_MORE = lazy_gettext("and {count} more")

Results = list[tuple[str, str | None]]
"""Runs by id, each with why nothing was done to it; None where it was."""


def total_spots(visit: Visit, total: int | None) -> dict[str, h.Node]:
    """What the bar says of all runs that match; None while they are not counted."""
    if total is None:
        return {"all-selected": visit.say(_ALL_UNCOUNTED), "offer-all": visit.say(_OFFER_UNCOUNTED)}
    return {"all-selected": visit.say(_ALL, runs=total), "offer-all": visit.say(_OFFER, runs=total)}


@dataclass(slots=True)
class Selection:
    """What the reader has selected, as their browser tells it.

    Attributes:
        shown: ids of the runs on the page; nothing else can be selected.
        more: whether there are runs that match on other pages.
        ids: what is selected of them.
    """

    visit: Visit
    view: View
    shown: frozenset[str]
    more: bool
    ids: list[str] = field(default_factory=list)
    _previewed: list[str] = field(default_factory=list)
    _outcome: ui.html = field(init=False)

    def put(self, total: int | None) -> None:
        """Put the bar on the page, for those who may do something with what they select."""
        say = self.visit.say
        with ui.element("section").classes("selection").props(f'id="selection" aria-label="{say(_SELECTION)}"'):
            show(self._says(total))
            if self.visit.may("hold_run"):
                ui.on(_SELECTED, self._take)
                with ui.element("div").classes("buttons on-page"):
                    self._act("hold_run", _HOLD, _HOLD_THEM, self._hold)
                    self._act("release_run", _RELEASE, _RELEASE_THEM, self._release)
        self._outcome = show(classes="outcome").props('role="status"')

    def _says(self, total: int | None) -> h.Node:
        say, spots = self.visit.say, total_spots(self.visit, total)
        replay = address("/console/replays/new", **self.view.query)
        return h.div(".says")[
            h.span("#selected-here", role="status", data_one=say(_ONE), data_many=say(_MANY)),
            h.span("#selected-all", hidden=True)[spot("all-selected", spots["all-selected"])],
            # A replay of every run there is would be refused.
            h.button("#select-all.button", type="button", hidden=True)[spot("offer-all", spots["offer-all"])]
            if self.view.query and self.more
            else None,
            h.button("#select-none.button", type="button")[say(_NONE)],
            h.a("#replay.button.main", href=replay, data_all=replay)[say(_REPLAY)]
            if self.visit.may("plan_replay")
            else None,
        ]

    def _take(self, event: GenericEventArguments) -> None:
        told = event.args if isinstance(event.args, list) else []
        self.ids = [one for one in dict.fromkeys(map(str, told)) if one in self.shown]

    def _act(self, command: str, label: Message, title: Message, perform: Callable[[str], Results]) -> None:
        async def preview() -> h.Node:
            self._previewed = list(self.ids)
            stored = await self.visit.ask(self.visit.app.search.these, self._previewed)
            return self._preview(command, stored)

        Act(
            visit=self.visit,
            command=command,
            label=label,
            title=title,
            perform=perform,
            ask_preview=preview,
            then=lambda done: self._tell(command, done),
        ).put()

    def _preview(self, command: str, stored: Sequence[StoredRun]) -> h.Node:
        say, hold = self.visit.say, command == "hold_run"
        why_not = {one.run.id: _why_not(one.run, hold=hold) for one in stored}
        will = [_named(one) for one in stored if why_not[one.run.id] is None]
        left = [f"{_named(one)}: {say(why)}" for one in stored if (why := why_not[one.run.id]) is not None]
        message = _WILL_HOLD if hold else _WILL_RELEASE
        return [
            [h.p[say(message, count=len(will))], self._list(will)] if will else h.p[say(_NOTHING)],
            [h.p[say(_NOT, count=len(left))], self._list(left)] if left else None,
        ]

    def _list(self, named: Sequence[str]) -> h.Element:
        more = len(named) - _LISTED
        return h.ul[
            (h.li[one] for one in named[:_LISTED]),
            h.li[self.visit.say(_AND_MORE, count=more)] if more > 0 else None,
        ]

    def _hold(self, reason: str) -> Results:
        return self._each(self.visit.app.operators.hold, reason)

    def _release(self, reason: str) -> Results:
        return self._each(self.visit.app.operators.release, reason)

    def _each(self, act: Callable[..., StoredRun], reason: str) -> Results:
        why, results = one_line(reason, "The reason"), Results()
        for run_id in self._previewed:
            try:
                act(run_id, reason=why, actor=self.visit.call.actor)
            except OverstapError as error:
                results.append((run_id, str(error)))
            else:
                results.append((run_id, None))
        return results

    def _tell(self, command: str, done: Any) -> None:
        say, results = self.visit.say, done
        left = [why for _, why in results if why is not None]
        count = len(results) - len(left)
        message = _HELD_NOW if command == "hold_run" else _RELEASED_NOW
        said = note(
            [
                h.p[say(message, count=count)] if count else None,
                [h.p[say(_REFUSED, count=len(left))], self._list(left)] if left else None,
            ],
            "warn" if left else "good",
        )
        self._outcome.set_content(str(said))


def _named(stored: StoredRun) -> str:
    return f"{stored.run.id} ({tenant_name(stored)})"


def _why_not(run: Run, *, hold: bool) -> Message | None:
    if run.ended_at is not None:
        return _HAS_ENDED
    if hold:
        return None if run.held is None else _IS_HELD
    return _IS_FREE if run.held is None else None
