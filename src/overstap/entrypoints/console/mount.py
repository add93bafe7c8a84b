"""Puts the console onto the API's application, and keeps browsers from asking anybody else for anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nicegui
import structlog
from fastapi import FastAPI
from nicegui import ui
from nicegui.translations import translations
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overstap.bootstrap import App
from overstap.entrypoints.console import customer, home, operator
from overstap.entrypoints.console import sign_in as sign_in_page
from overstap.entrypoints.console.frame import STATIC
from overstap.entrypoints.console.jobs import Jobs
from overstap.entrypoints.console.looks import Looks
from overstap.entrypoints.console.pages import own_name
from overstap.entrypoints.console.sockets import take_from_own_sockets_only
from overstap.entrypoints.console.visit import Desk
from overstap.language import LOCALES, Language, language, lazy_gettext

log = structlog.get_logger(__name__)

_FOLDER = Path(__file__).with_name("static")
_NOT_OURS = ("/api/", "/healthz", "/readyz", "/metrics")
"""Beginnings of paths that the API answers, also where it answers that there is nothing."""
_POLICY = (
    "default-src 'self'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'; "  # as Vue's templates, compiled in the browser, need it
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; "
    "font-src 'self' data:; "
    "connect-src 'self'; "
    "form-action 'self'; "
    "base-uri 'none'; "
    "object-src 'none'; "
    "frame-ancestors 'none'"
)
_HISTORY = 200
"""Messages kept for a browser that was cut off, so that it goes on where it was."""
_RECONNECT_SECONDS = 20.0


def add_console(api: FastAPI, app: App) -> None:
    """Have an API serve the console too; once in a process, for NiceGUI has one set of pages in each.

    Args:
        api: of `make_api`, with a way for people to sign in.
    """
    state = api.state
    nicegui.app.state.desk = Desk(app, state.gate, state.sign_in, Looks(), Jobs(app.clock))
    log.debug("console_pages", modules=[one.__name__ for one in (*operator.PAGES, *customer.PAGES)])
    sign_in_page.register()
    nicegui.app.add_static_files(STATIC, str(_FOLDER), max_cache_age=31_536_000)
    home.register_last()
    nicegui.app.on_exception(lambda error: log.error("page_failed", exc_info=error))
    ui.add_head_html(_assets(), shared=True)
    for locale in LOCALES:
        _say_what_nicegui_says(language(locale))
    ui.run_with(
        api,
        title="Overstap",
        favicon=(_FOLDER / "mark.svg").read_text(encoding="utf-8"),  # in the page: the route of a file comes too late
        dark=None,
        language="en-GB",
        tailwind=False,
        show_welcome_message=False,
        reconnect_timeout=_RECONNECT_SECONDS,
        message_history_length=_HISTORY,
        binding_refresh_interval=None,
        storage_secret=None,
    )
    take_from_own_sockets_only()
    mounted = api.router.routes[-1]
    assert isinstance(mounted, Mount)  # noqa: S101 - what run_with added
    api.router.routes[-1] = _Pages("/", app=_OwnPages(mounted.app))


def _say_what_nicegui_says(words: Language) -> None:
    """NiceGUI has words for a lost connection too, in some languages."""
    translations[own_name(words)] = {
        "connection_lost": words.say(lazy_gettext("The server does not answer.")),
        "trying_to_reconnect": words.say(
            lazy_gettext("What you see is as it was; this page goes on by itself when the server is back.")
        ),
        "message_too_long": words.say(lazy_gettext("That is too much to be sent.")),
        "message_too_long_body": words.say(lazy_gettext("Nothing was done. Send less at one time.")),
    }


def _assets() -> str:
    """What every page loads beside NiceGUI's own files: all of ours, theme and client first."""
    styles, scripts = (sorted(one.name for one in _FOLDER.glob(kind)) for kind in ("*.css", "*.js"))
    links = [f'<link rel="stylesheet" href="{STATIC}/{name}">' for name in _first("theme.css", styles)]
    return "".join([*links, *(f'<script src="{STATIC}/{name}"></script>' for name in _first("client.js", scripts))])


def _first(name: str, names: list[str]) -> list[str]:
    return [name, *(one for one in names if one != name)]


class _Pages(Mount):
    """The pages, which leave to the API what is the API's."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] in {"http", "websocket"} and scope["path"].startswith(_NOT_OURS):
            return Match.NONE, {}
        return super().matches(scope)


class _OwnPages:
    """Tells browsers that pages ask nobody but us, and lets nobody else's page open a socket."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not _same_origin(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008, "reason": "Another page's socket."})
            return

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("content-security-policy", _POLICY)
            await send(message)

        await self._app(scope, receive, send_on if scope["type"] == "http" else send)


def _same_origin(headers: Headers) -> bool:
    """Whether a browser says that the page is of the host that it asks; who says nothing is no browser."""
    origin: Any = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()
