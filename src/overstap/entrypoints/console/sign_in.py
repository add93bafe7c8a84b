"""Where people sign in: at the provider, or with a token; and the first page, which leads everybody to theirs."""

from __future__ import annotations

import re
from http import HTTPStatus

import anyio.to_thread
import htpy as h
import nicegui
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from nicegui import ui

from overstap.app.principals import NotAllowed, NotAuthenticated
from overstap.entrypoints.api.errors import TooMany
from overstap.entrypoints.console.frame import plain_frame
from overstap.entrypoints.console.pages import speak
from overstap.entrypoints.console.parts import address, problem, show
from overstap.entrypoints.console.visit import desk, spoken
from overstap.errors import DatabaseUnavailable
from overstap.language import Message, language, lazy_gettext

_OWN_PATH = re.compile(r"/([!-.0-\[\]-~][!-\[\]-~]*)?")
"""A path of this server: it cannot name another host."""
_WHY: dict[str, Message] = {
    "ended": lazy_gettext("Your session has ended. Sign in again; you come back to where you were."),
    "out": lazy_gettext("You have signed out."),
    "token": lazy_gettext("That is no token, or none that is valid (any more)."),
    "foreign": lazy_gettext("Another site's page tried to sign you in here. Sign in yourself."),
    "away": lazy_gettext("The database does not answer. Try again in a moment."),
    "often": lazy_gettext("These were too many attempts; wait a minute."),
}


def register() -> None:
    """Register the page and what its form does."""
    ui.page("/sign-in")(_page)
    nicegui.app.post("/sign-in", include_in_schema=False)(_by_token)


def _to(given: str | None) -> str:
    return given if given and _OWN_PATH.fullmatch(given) and len(given) <= 500 else "/"  # noqa: PLR2004


async def _page(request: Request) -> None:
    words = language(spoken(request))
    say = words.say
    speak(words, request)
    to, why = _to(request.query_params.get("to")), _WHY.get(request.query_params.get("why", ""))
    ui.page_title(f"{say(lazy_gettext('Sign in'))} · Overstap")
    settings = desk().app.settings.sign_in
    with plain_frame(words, request, say(lazy_gettext("Sign in"))):
        if why is not None:
            show(h.div(role="status")[problem(say(why))])
        if settings.issuer:
            href = address("/api/v1/sign-in", to=to)
            show(h.p[h.a(".button.main", href=href)[say(lazy_gettext("Sign in with your organisation"))]])
        show(
            h.form(".card", method="post", action="/sign-in")[
                h.h2[say(lazy_gettext("With a token"))],
                h.input(type="hidden", name="to", value=to),
                h.label(".field")[
                    h.span[say(lazy_gettext("Token"))],
                    h.input(type="password", name="token", autocomplete="current-password", required=True),
                ],
                h.p(".hint")[
                    say(
                        lazy_gettext(
                            "The platform's people make one: overstap tokens create, and overstap up prints a link."
                        )
                    )
                ],
                h.div(".buttons")[h.button(".button.main", type="submit")[say(lazy_gettext("Sign in"))]],
            ]
        )


async def _by_token(request: Request) -> Response:
    """Begin the session of whoever comes with a token."""
    form = await request.form()
    to, token = _to(str(form.get("to", ""))), str(form.get("token", "")).strip()
    at = desk()
    if not at.sign_in.sessions.is_ours(request):
        return RedirectResponse(address("/sign-in", to=to, why="foreign"), HTTPStatus.SEE_OTHER)

    def begun() -> Response:
        response = RedirectResponse(to, HTTPStatus.SEE_OTHER)
        try:
            at.sign_in.by_token(request, response, token)
        except NotAuthenticated:
            # Who has a right token is let in all the same: behind a proxy everybody has one address.
            at.gate.count_attempt(request)
            raise
        return response

    try:
        return await anyio.to_thread.run_sync(begun)
    except (NotAuthenticated, NotAllowed):
        why = "token"
    except TooMany:
        why = "often"
    except DatabaseUnavailable:
        why = "away"
    return RedirectResponse(address("/sign-in", to=to, why=why), HTTPStatus.SEE_OTHER)
