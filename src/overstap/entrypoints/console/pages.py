"""Pages: a function that builds one, at a path, for those who may see it."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote

import anyio.to_thread
import htpy as h
import structlog
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from overstap.app.principals import NotAllowed, NotAuthenticated
from overstap.entrypoints.api.errors import TooMany
from overstap.entrypoints.console.frame import frame, plain_frame
from overstap.entrypoints.console.parts import show
from overstap.entrypoints.console.visit import Visit, admit, desk, spoken, theme
from overstap.errors import BadInput, DatabaseUnavailable, NotFound, OverstapError
from overstap.language import Language, Message, language, lazy_gettext

log = structlog.get_logger(__name__)

Build = Callable[[Visit], Awaitable[Response | None]]

_SECONDS = 30.0
"""A page that takes longer to build is broken off."""
_STATUS: tuple[tuple[type[OverstapError | None], HTTPStatus, Message], ...] = (
    (NotAllowed, HTTPStatus.FORBIDDEN, lazy_gettext("This page is not for you")),
    (NotFound, HTTPStatus.NOT_FOUND, lazy_gettext("There is no such thing")),
    (BadInput, HTTPStatus.UNPROCESSABLE_ENTITY, lazy_gettext("This address asks for something that cannot be")),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS, lazy_gettext("Too many requests")),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, lazy_gettext("The database does not answer")),
    (OverstapError, HTTPStatus.UNPROCESSABLE_ENTITY, lazy_gettext("That cannot be done")),
    (type(None), HTTPStatus.INTERNAL_SERVER_ERROR, lazy_gettext("This page could not be made")),
)
_UNEXPECTED = lazy_gettext(
    "Something went wrong that nobody expected; it was written down. Load the page again, and tell support if that "
    "does not help."
)
_AWAY = lazy_gettext("This page loads again by itself until the database answers.")
_NOWHERE = lazy_gettext("Look whether the address was copied as a whole. What it names may be gone, too.")


class Elsewhere(Exception):
    """What a page raises that leads its visitor to another one.

    Args:
        path: of that page.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def page(path: str, title: Message, command: str | None = None) -> Callable[[Build], Build]:
    """Register a page.

    Args:
        path: with the names of its parts, such as `/console/runs/{run_id}`.
        title: as it is known by; the function may give it a longer one with `ui.page_title`.
        command: whose roles open the page, by the name it has in `api.access`; None for anybody who is signed in.
    """

    def register(build: Build) -> Build:
        async def shown(request: Request) -> Response | None:
            speak(language(spoken(request)), request)
            try:
                visit = await anyio.to_thread.run_sync(admit, request, command)
                speak(visit.words, request)
                ui.page_title(f"{visit.say(title)} · Overstap")
                return await build(visit)
            except NotAuthenticated:
                ended = desk().sign_in.sessions.carried_by(request)
                return RedirectResponse(to_sign_in(request, ended=ended), HTTPStatus.SEE_OTHER)
            except Elsewhere as led:
                return RedirectResponse(led.path, HTTPStatus.SEE_OTHER)
            except OverstapError as error:
                await _problem(request, error)
                return None
            except Exception:
                log.exception("page_failed", path=request.url.path)
                await _problem(request, None)
                return None

        ui.page(path, response_timeout=_SECONDS)(shown)
        return build

    return register


def to_sign_in(request: Request, *, ended: bool) -> str:
    """The way to sign in, and back to this page.

    Args:
        ended: whether whoever asks had been signed in, and is to be told that this is over.
    """
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    query = [*(["why=ended"] if ended else []), *([f"to={quote(here, safe='/')}"] if here != "/" else [])]
    return f"/sign-in?{'&'.join(query)}" if query else "/sign-in"


def own_name(words: Language) -> Literal["nl", "en-GB"]:
    """What NiceGUI calls a language."""
    return "nl" if words.locale == "nl" else "en-GB"


def speak(words: Language, request: Request) -> None:
    """Have this page, and no other of its path, be in a language and a theme."""
    client = ui.context.client
    own = copy.copy(client.page)
    own.language = own_name(words)
    own.dark = theme(request)
    client.page = own


async def _problem(request: Request, error: OverstapError | None) -> None:
    """A page that says why there is none.

    Args:
        error: None for one that nobody expected.
    """
    client = ui.context.client
    client.content.clear()
    words = language(spoken(request))
    status, title = next((status, title) for kind, status, title in _STATUS if isinstance(error, kind))
    client.status_code = int(status)
    ui.page_title(f"{words.say(title)} · Overstap")
    again = status is HTTPStatus.SERVICE_UNAVAILABLE
    told = words.say(_UNEXPECTED) if error is None else str(error)
    if again:
        log.warning("page_without_database", path=request.url.path, error=told)
        told = words.say(_AWAY)
    try:
        visit = await anyio.to_thread.run_sync(admit, request, None)
    except OverstapError as refused:
        around = plain_frame(words, request, words.say(title))
        customer = isinstance(refused, NotFound)  # what others have does not exist for them
    else:
        around = frame(visit, words.say(title))
        customer = visit.principal.tenant_id is not None
    if customer and status is HTTPStatus.NOT_FOUND:
        told = words.say(_NOWHERE)
    with around:
        show(
            h.div(".problem", role="alert", data_retry="5" if again else None)[
                h.p[told],
                h.p[h.a(href="/")[words.say(lazy_gettext("To the first page"))]],
            ]
        )
