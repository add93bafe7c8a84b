"""What people do on pages: each act is previewed, takes a reason where it is kept, and says what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import htpy as h
import structlog
from nicegui import ui

from overstap.entrypoints.console.parts import problem, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import Conflict, OverstapError
from overstap.language import Message, lazy_gettext

log = structlog.get_logger(__name__)

_numbers = count(1)
_CANCEL = lazy_gettext("Cancel")
_REASON = lazy_gettext("Reason")
_KEPT = lazy_gettext("It is kept with what is done.")
_NO_REASON = lazy_gettext("The reason is missing: write why you do this.")
_NOT_FOUND_OUT = lazy_gettext("What this will do could not be found out, and nothing was done. Close it and try again.")
_MOST = 2000
"""Characters of a text that is kept with what is done."""
_UNEXPECTED = lazy_gettext("Something went wrong that nobody expected. It was written down; look whether it was done.")


def button(text: str, on_click: Callable[[], object], *, main: bool = False, danger: bool = False) -> ui.button:
    """A button in the house's look."""
    made = ui.button(text, on_click=on_click, color=None).props("unelevated no-caps no-wrap")
    return made.classes(f"button{' main' if main else ''}{' danger' if danger else ''}")


def in_one_line(text: str | None) -> str:
    """What somebody wrote into a field of several lines, as it is kept: in one, no longer than the field takes."""
    return " ".join((text or "").split())[:_MOST]


@dataclass(slots=True, kw_only=True)
class Act:
    """Something that people can do: a button, which opens a dialog with what it will do.

    Attributes:
        command: whose roles it takes, by the name it has in `api.access`; who has none of them gets no button.
        perform: does it, in a thread; given the reason, "" without one.
        preview: what it will do.
        ask_preview: asked for what it will do when the dialog opens, where that is not known before.
        title: of the dialog; None takes the label.
        go: what its button says; None takes the label.
        reason: whether it takes one.
        danger: whether it cannot be taken back.
        main: whether it is what most come to this page for.
        fields: puts further fields into the dialog.
        then: done afterwards on the page, with what `perform` answered; None loads the page anew.
    """

    visit: Visit
    command: str
    label: Message
    perform: Callable[[str], Any]
    preview: h.Node = None
    ask_preview: Callable[[], Awaitable[h.Node]] | None = None
    title: Message | None = None
    go: Message | None = None
    reason: bool = True
    danger: bool = False
    main: bool = False
    fields: Callable[[], object] | None = None
    then: Callable[[Any], object] | None = None
    _dialog: ui.dialog = field(init=False)
    _place: ui.html = field(init=False)
    _said: ui.html = field(init=False)
    _given: ui.textarea | None = field(init=False, default=None)
    _go: ui.button = field(init=False)

    def put(self) -> ui.button | None:
        """Put it on the page; None for those who may not."""
        if not self.visit.may(self.command):
            return None
        say, number = self.visit.say, next(_numbers)
        label = say(self.label)
        self._dialog = ui.dialog().props(f'aria-labelledby="act-{number}"')
        with self._dialog, ui.element("div").classes("dialog"):
            show(h.h2(id=f"act-{number}")[say(self.title or self.label)])
            self._place = show(self.preview)
            if self.fields is not None:
                self.fields()
            if self.reason:
                looks = f'outlined autogrow maxlength={_MOST} hint="{say(_KEPT)}"'
                self._given = ui.textarea(say(_REASON)).props(looks)
            self._said = show()
            with ui.element("div").classes("buttons"):
                button(say(_CANCEL), self._dialog.close)
                self._go = button(say(self.go or self.label), self._perform, main=True, danger=self.danger)
        return button(label, self._open, main=self.main, danger=self.danger)

    @property
    def busy(self) -> bool:
        """Whether its dialog is open."""
        return bool(self._dialog.value)

    async def look_again(self) -> str | None:
        """Renew what the dialog says it will do; answers why it will do nothing, None when it will."""
        if self.ask_preview is None:
            return None
        try:
            await self.visit.ask(self.visit.ensure_in)
            self._place.set_content(str(h.fragment[await self.ask_preview()]))
        except OverstapError as error:
            self._place.set_content(str(problem(self.visit.tell(error))))
            return str(error)
        except Exception:
            log.exception("preview_failed", command=self.command)
            self._place.set_content(str(problem(self.visit.say(_NOT_FOUND_OUT))))
        return None

    async def _open(self) -> None:
        self._said.set_content("")
        await self.look_again()
        self._dialog.open()

    async def _perform(self) -> None:
        if not self.busy:  # pressed a second time before the browser knew that it was done
            return
        reason = "" if self._given is None else in_one_line(self._given.value)
        if self._given is not None and not reason:
            self._said.set_content(str(problem(self.visit.say(_NO_REASON))))
            return
        self._go.disable()
        self._go.props("loading")
        self._said.set_content("")
        try:
            done = await self.visit.do(self.command, self.perform, reason)
        except OverstapError as error:
            # It clashes with how things are by now: what stood there when it was pressed is not true any more.
            told = isinstance(error, Conflict) and await self.look_again() == str(error)
            self._said.set_content("" if told else str(problem(self.visit.tell(error))))
        except Exception:
            log.exception("act_failed", command=self.command)
            self._said.set_content(str(problem(self.visit.say(_UNEXPECTED))))
        else:
            self._dialog.close()
            if self.then is None:
                ui.navigate.reload()
            else:
                self.then(done)
        finally:
            self._go.props(remove="loading")
            self._go.enable()
