"""What is paused, with the way to lift it, and the way to pause something."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h
from nicegui import ui

from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.operator.standing import EMPTY, Found, told
from overstap.entrypoints.console.parts import chip, note, show, time
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput
from overstap.language import Message, lazy_gettext, lazy_ngettext
from overstap.workflow.pauses import Pause, Scope

_WHAT: dict[Scope, Message] = {
    Scope.EVERYTHING: lazy_gettext("everything"),
    Scope.WORKFLOW: lazy_gettext("the workflow {name}"),
    Scope.STEP: lazy_gettext("the step {name}"),
    Scope.PROVIDER: lazy_gettext("all that reaches {name}"),
}
_WILL = lazy_gettext(
    "Workers start none of these steps until the pause is lifted. What is under way goes on, and so does time: "
    "deadlines pass and signals count."
)
_NOW = lazy_ngettext(
    "{count} run is in a state that has one of them now.", "{count} runs are in states that have one of them now."
)
_LIFTS = lazy_gettext("Workers start these steps again, and what waited for that goes on at once.")

Place = tuple[Scope, str]


def what_is(visit: Visit, scope: Scope, name: str) -> str:
    """What a pause is about, in words."""
    return visit.say(_WHAT[scope], name=name)


class Pausing:
    """The pauses of a page: rows are added and crossed out as pauses come and go, and nothing else moves."""

    def __init__(self, visit: Visit, found: Found) -> None:
        self._visit = visit
        self._found = found
        self._rows: dict[Pause, tuple[ui.html, ui.button | None]] = {}
        self._chosen: Place | None = None
        with ui.element("section").classes("stack"):
            with ui.element("div").classes("heading"):
                show(h.h2[visit.say(lazy_gettext("What is paused"))]).classes(remove="piece")
                self._put_act()
            self._list = ui.element("div").classes("pauses")
            self._none = show(h.p(".hint")[visit.say(lazy_gettext("Nothing is paused."))])
        self._show(found.pauses)

    def renew(self, found: Found) -> None:
        """Show the pauses that there are now."""
        self._found = found
        if set(found.pauses) != set(self._rows):
            self._show(found.pauses)

    def _show(self, pauses: Sequence[Pause]) -> None:
        for gone in set(self._rows) - set(pauses):
            told_, button = self._rows.pop(gone)
            told_.set_content(told(self._told(gone, lifted=True)))
            if button is not None:
                button.disable()
        for pause in pauses:
            if pause not in self._rows:
                with self._list, ui.element("div").classes("pause"):
                    self._rows[pause] = show(self._told(pause)), self._resume(pause)
        self._none.set_visibility(not self._rows)

    def _told(self, pause: Pause, *, lifted: bool = False) -> h.Node:
        say, what = self._visit.say, what_is(self._visit, pause.scope, pause.name)
        return h.p(".pause-told")[
            chip(say(lazy_gettext("lifted")), "good") if lifted else chip(say(lazy_gettext("paused")), "warn"),
            h.b[what],
            time(pause.since, "ago"),
            h.span[say(lazy_gettext("by {actor}: {reason}"), actor=pause.actor, reason=pause.reason)],
        ]

    def _resume(self, pause: Pause) -> ui.button | None:
        visit = self._visit
        return Act(
            visit=visit,
            command="resume",
            label=lazy_gettext("Lift the pause"),
            preview=[h.p[h.b[what_is(visit, pause.scope, pause.name)]], h.p[visit.say(_LIFTS)]],
            perform=lambda reason: visit.app.operators.resume(
                pause.scope, pause.name, reason=reason, actor=visit.call.actor
            ),
        ).put()

    def _put_act(self) -> None:
        visit = self._visit
        Act(
            visit=visit,
            command="pause",
            label=lazy_gettext("Pause"),
            title=lazy_gettext("Pause what workers do"),
            fields=self._fields,
            perform=self._pause,
        ).put()

    def _pause(self, reason: str) -> Pause:
        if self._chosen is None:
            raise BadInput(self._visit.say(lazy_gettext("Choose what to pause.")))
        return self._visit.app.operators.pause(*self._chosen, reason=reason, actor=self._visit.call.actor)

    def _fields(self) -> None:
        visit = self._visit
        places = [(scope, name) for scope, names in visit.app.operators.pausable().items() for name in names]
        options = {number: what_is(visit, *place) for number, place in enumerate(places)}
        choice = ui.select(options, with_input=True, label=visit.say(lazy_gettext("What"))).props(
            "outlined options-dense"
        )
        stops = show()

        def chosen() -> None:
            self._chosen = places[choice.value]
            stops.set_content(told(self._preview(*self._chosen)))

        choice.on_value_change(chosen)

    def _preview(self, scope: Scope, name: str) -> h.Node:
        say = self._visit.say
        stopped = self._visit.app.operators.stopped_by(scope, name)
        runs = sum(self._found.places.get(where, EMPTY).runs for where in stopped)
        steps = sorted({step for steps in stopped.values() for step in steps})
        return note(
            [
                h.p[say(_WILL)],
                h.p[
                    say(lazy_gettext("All steps of all workflows."))
                    if scope is Scope.EVERYTHING
                    else say(lazy_gettext("Steps: {steps}"), steps=", ".join(steps))
                ],
                h.p(".strong")[say(_NOW, count=runs)],
            ],
            "warn",
        )
