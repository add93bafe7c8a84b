"""Fields of dialogs in which something is made."""

from __future__ import annotations

from collections.abc import Iterable

from nicegui import ui

from overstap.entrypoints.console.acting import Act
from overstap.errors import BadInput

_MOST_DAYS = 36_500


def put(act: Act) -> None:
    """An act in a row of its own."""
    with ui.element("div").classes("buttons"):
        act.put()


def text_field(label: str, hint: str) -> ui.input:
    """A line of text, with what is said of it below."""
    return ui.input(label).props(f'outlined maxlength=500 hint="{hint}"')


def ticks(label: str, options: Iterable[tuple[str, str]]) -> dict[str, ui.checkbox]:
    """Boxes to tick under a heading, each by its value."""
    with ui.element("fieldset").classes("ticks"):
        with ui.element("legend"):
            ui.label(label)
        return {value: ui.checkbox(text) for value, text in options}


def days(text: str | None) -> int | None:
    """A number of days; None where nothing was written.

    Raises:
        BadInput: when it is none.
    """
    given = (text or "").strip()
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) <= _MOST_DAYS:
        raise BadInput(f"Days: expected a whole number from 1 to {_MOST_DAYS}, found {given[:40]!r}.")
    return int(given)
