"""Pages that stay up to date: what changed is put in its place, and nothing else moves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import htpy as h
import structlog
from nicegui import ui

from overstap.entrypoints.console.visit import Visit
from overstap.errors import DatabaseUnavailable, OverstapError

log = structlog.get_logger(__name__)

T = TypeVar("T")
EVERY = 1.0
"""Seconds between two looks of an open page; many pages share one look at the database (`Looks`)."""


def spot(name: str, content: h.Node = None, tag: h.Element = h.span) -> h.Element:
    """A place on the page whose content is renewed by `Live`."""
    return tag(data_live=name)[content]


class Live:
    """Looks again and again while a page is open, and renews its spots.

    Args:
        look: asked each time; what fails because the database does not answer is asked again, and the page says so.
        spots: what each spot holds, by its name; what is as it was is not sent.
        then: done after each look, for what is no spot.
    """

    def __init__(
        self,
        visit: Visit,
        look: Callable[[], Awaitable[T]],
        spots: Callable[[T], Mapping[str, h.Node]],
        *,
        then: Callable[[T], Awaitable[None] | None] | None = None,
        every: float = EVERY,
    ) -> None:
        self._visit = visit
        self._look = look
        self._spots = spots
        self._then = then
        self._sent: dict[str, str] = {}
        self._away = False
        self._refused = ""
        self.timer = ui.timer(every, self._renew, immediate=False)

    def knows(self, spots: Mapping[str, h.Node]) -> None:
        """What the page shows already."""
        self._sent |= {name: _text(content) for name, content in spots.items()}

    async def _renew(self) -> None:
        try:
            found = await self._look()
        except DatabaseUnavailable:
            self._tell_away(away=True)
            return
        except OverstapError as error:
            if str(error) != self._refused:
                log.info("live_look_refused", error=str(error), path=self._visit.request.url.path)
            self._refused = str(error)
            return
        self._tell_away(away=False)
        made = {name: _text(content) for name, content in self._spots(found).items()}
        if changed := {name: text for name, text in made.items() if self._sent.get(name) != text}:
            self._sent |= changed
            ui.run_javascript(f"overstap.renew({json.dumps(changed)})")
        if self._then is not None and (waiting := self._then(found)) is not None:
            await waiting

    def _tell_away(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            ui.run_javascript(f"overstap.away({json.dumps(away)})")


def _text(content: h.Node) -> str:
    # What is markup already is not copied: many pages show the same.
    return content if isinstance(content, str) and hasattr(content, "__html__") else str(h.fragment[content])
