"""What operators do to a run from its page: the acts that it allows, each with what it would do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import htpy as h
from nicegui import ui
from nicegui.events import ValueChangeEventArguments

from overstap.app.foreseeing import SIGNALS, Foreseen
from overstap.clock import parse_duration
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.parts import phrase
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, Changed
from overstap.language import Message, lazy_gettext


class Kind(NamedTuple):
    """How one act looks, and whose roles it takes."""

    label: Message
    title: Message
    command: str
    danger: bool = False


KINDS: Mapping[str, Kind] = {
    "retry": Kind(lazy_gettext("Try now"), lazy_gettext("Have it try its step now"), "retry_run"),
    "release": Kind(lazy_gettext("Release"), lazy_gettext("Let it go on"), "release_run"),
    "hold": Kind(lazy_gettext("Hold"), lazy_gettext("Hold it back"), "hold_run"),
    "extend": Kind(lazy_gettext("Move deadline"), lazy_gettext("Give it a later deadline"), "extend_run"),
    "approve": Kind(lazy_gettext("Approve credit"), lazy_gettext("Approve the credit"), "send_signal"),
    "decline": Kind(lazy_gettext("Decline credit"), lazy_gettext("Decline the credit"), "send_signal", danger=True),
    "takeover": Kind(lazy_gettext("Take over"), lazy_gettext("Take it away from its worker"), "take_over_run"),
    "cancel": Kind(lazy_gettext("Call off"), lazy_gettext("Call it off"), "send_signal", danger=True),
    "fail": Kind(lazy_gettext("Give up"), lazy_gettext("Give it up"), "fail_run", danger=True),
}
"""The acts by the names that `Operators.possible` gives them, in their order on the page."""
_TRIES = 3
_BY = lazy_gettext("Later by")
_BY_HINT = lazy_gettext("Such as 30m, 2h or 1d.")
_TO = lazy_gettext("or until")
_TO_HINT = lazy_gettext("In your own time zone.")
_ONE_OF_BOTH = lazy_gettext("Say by how much later the deadline becomes, or until when; not both.")


def offered(visit: Visit, names: Iterable[str]) -> list[str]:
    """Those acts of a run that whoever looks may do, in their order."""
    possible = set(names)
    return [name for name, kind in KINDS.items() if name in possible and visit.may(kind.command)]


class Actions:
    """The buttons of a run's acts; they come and go with what the run allows."""

    def __init__(self, visit: Visit, run_id: str) -> None:
        self._visit = visit
        self._run_id = run_id
        self._place = ui.element("div").classes("buttons acts")
        self._put: dict[str, tuple[ui.element, _RunAct]] = {}

    def renew(self, names: Iterable[str]) -> None:
        """Show what is possible now; what somebody is about to do stays until they are done."""
        wanted = offered(self._visit, names)
        for name in [one for one in self._put if one not in wanted]:
            place, act = self._put[name]
            if not act.busy:
                place.delete()
                del self._put[name]
        for name in wanted:
            if name not in self._put:
                with self._place, ui.element("div").props(f'id="do-{name}"') as place:
                    self._put[name] = place, _RunAct(self._visit, self._run_id, name)


@dataclass
class _RunAct:
    """One act of a run.

    Attributes:
        foreseen: what its dialog says that it will do.
        by, until: of a deadline, as they were given.
    """

    visit: Visit
    run_id: str
    name: str
    foreseen: Foreseen | None = None
    by: str = ""
    until: datetime | None = None
    act: Act = field(init=False)

    def __post_init__(self) -> None:
        kind = KINDS[self.name]
        self.act = Act(
            visit=self.visit,
            command=kind.command,
            label=kind.label,
            title=kind.title,
            danger=kind.danger,
            ask_preview=self._preview,
            perform=self._perform,
            fields=self._fields if self.name == "extend" else None,
        )
        self.act.put()

    @property
    def busy(self) -> bool:
        return self.act.busy

    async def _preview(self) -> h.Node:
        self.foreseen = None
        self.foreseen = await self.visit.ask(self._foresee)
        return h.ul(".preview")[
            (h.li[phrase(self.visit.words, one.message, **one.params)] for one in self.foreseen.sentences)
        ]

    def _foresee(self) -> Foreseen:
        return self.visit.app.looking.foresee(self.run_id, self.name, self._deadline())

    def _perform(self, reason: str) -> object:
        deadline = self._deadline()
        if self.name == "extend" and deadline is None:
            raise BadInput(self.visit.say(_ONE_OF_BOTH))
        if self.foreseen is None:
            raise Changed(self.visit.say(lazy_gettext("Look first at what it will do.")))
        app, do = self.visit.app, self._doing(deadline)
        for left in reversed(range(_TRIES)):
            # A run that works goes on all the time: what was agreed to is what this will do, not the journal's length.
            seq = app.looking.still(self.foreseen, deadline)
            try:
                return do(reason=reason, actor=self.visit.principal.actor, if_seq=seq)
            except Changed:
                if not left:
                    raise
        return None

    def _doing(self, deadline: timedelta | datetime | None) -> Callable[..., object]:
        app, run_id = self.visit.app, self.run_id
        if self.name in SIGNALS:
            return lambda **by: app.service.signal(run_id, SIGNALS[self.name], **by)
        if deadline is not None:
            return lambda **by: app.operators.extend(run_id, deadline, **by)
        does = {
            "hold": app.operators.hold,
            "release": app.operators.release,
            "retry": app.operators.retry,
            "fail": app.operators.fail,
            "takeover": app.operators.take_over,
        }[self.name]
        return lambda **by: does(run_id, **by)

    def _deadline(self) -> timedelta | datetime | None:
        if self.by and self.until:
            raise BadInput(self.visit.say(_ONE_OF_BOTH))
        try:
            return parse_duration(self.by) if self.by else self.until
        except ValueError as error:
            raise BadInput(f"{error}.") from None

    def _fields(self) -> None:
        say = self.visit.say

        async def by(change: ValueChangeEventArguments[str | None]) -> None:
            self.by = (change.value or "").strip()
            await self.act.look_again()

        async def until(change: ValueChangeEventArguments[str | None]) -> None:
            given = change.value or ""
            # Only the browser knows its reader's zone.
            told = await ui.run_javascript(f"new Date({json.dumps(given)}).toISOString()") if given else None
            self.until = datetime.fromisoformat(str(told)).astimezone(UTC) if told else None
            await self.act.look_again()

        with ui.element("div").classes("both"):
            ui.input(say(_BY), on_change=by).props(f'outlined debounce=300 hint="{say(_BY_HINT)}"')
            ui.input(say(_TO), on_change=until).props(
                f'outlined stack-label type=datetime-local debounce=300 hint="{say(_TO_HINT)}"'
            )
