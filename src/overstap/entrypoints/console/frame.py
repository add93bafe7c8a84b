"""What surrounds every page: its head, the ways to the other pages, and what tells when something is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import anyio.to_thread
import htpy as h
from fastapi import Request
from nicegui import ui

from overstap import __version__
from overstap.clock import SystemClock
from overstap.entrypoints.console.parts import show
from overstap.entrypoints.console.visit import THEME_COOKIE, Visit
from overstap.errors import DatabaseUnavailable
from overstap.language import LOCALES, Language, Message, lazy_gettext

STATIC = f"/console/static/{__version__}"
_BEAT = 2.0
"""Seconds between two looks whether somebody is still signed in."""
_TICK = 0.5
"""Seconds between two looks at the clock of a rehearsal, which may change its speed at any moment."""


class Way(NamedTuple):
    """A way to a page, for those who have the role that a command takes."""

    path: str
    name: Message
    command: str


OPERATORS: Sequence[Way] = (
    Way("/console", lazy_gettext("Overview"), "count_runs"),
    Way("/console/runs", lazy_gettext("Runs"), "count_runs"),
    Way("/console/replays", lazy_gettext("Replays"), "list_replays"),
    Way("/console/tasks", lazy_gettext("Tasks"), "count_runs"),
    Way("/console/tenants", lazy_gettext("Tenants"), "count_runs"),
    Way("/console/workers", lazy_gettext("Workers"), "list_workers"),
    Way("/console/rules", lazy_gettext("Rules"), "count_runs"),
    Way("/console/catalog", lazy_gettext("Catalog"), "count_runs"),
    Way("/console/audit", lazy_gettext("Audit"), "count_runs"),
    Way("/console/tokens", lazy_gettext("Tokens"), "list_tokens"),
    Way("/console/webhooks", lazy_gettext("Webhooks"), "list_webhooks"),
)
"""The pages of the staff."""


@contextmanager
def frame(visit: Visit, heading: str, *, lead: h.Node = None, ways: Sequence[Way] | None = None) -> Iterator[None]:
    """A page's surroundings; what is built within the block is its content.

    Args:
        heading: the page's first heading.
        lead: what stands beside the heading.
        ways: in place of those of the staff.
    """
    words = visit.words
    ways = (OPERATORS if visit.principal.tenant_id is None else ()) if ways is None else ways
    _head(words, visit.request, [one for one in ways if visit.may(one.command)], visit)
    with ui.element("div").classes("page").props('id="main" tabindex="-1"'):
        show(h.div(".heading")[h.h1[heading], lead])
        yield
    clock = visit.app.clock

    away = False

    async def beat() -> None:
        nonlocal away
        before = away
        try:
            still_in = await anyio.to_thread.run_sync(visit.still_in)
        except DatabaseUnavailable:
            away = True
        else:
            away = False
        if away or before:
            ui.run_javascript(f"overstap.away({json.dumps(away)})")
        if not away and not still_in:
            ui.run_javascript("overstap.ended()")
            _stop(but=watch)

    def time() -> str:
        return f"overstap.clock({clock.now().timestamp() * 1000:.0f}, {clock.speed})"

    watch = ui.timer(_BEAT, beat, immediate=False)
    if not isinstance(clock, SystemClock):
        ui.add_head_html(f"<script>{time()}</script>")
        ui.timer(_TICK, lambda: ui.run_javascript(time()), immediate=False)


def _stop(*, but: ui.timer) -> None:
    """Renew nothing on this page any more: whoever looks at it may not see what is new.

    Args:
        but: what says so, for as long as the page is open.
    """
    for one in ui.context.client.elements.values():
        if isinstance(one, ui.timer) and one is not but:
            one.deactivate()


@contextmanager
def plain_frame(words: Language, request: Request, heading: str) -> Iterator[None]:
    """The surroundings of a page for those who are not signed in."""
    _head(words, request, (), None)
    with ui.element("div").classes("page narrow").props('id="main" tabindex="-1"'):
        show(h.div(".heading")[h.h1[heading]])
        yield


def _head(words: Language, request: Request, ways: Sequence[Way], visit: Visit | None) -> None:
    say, here = words.say, request.url.path
    # The longest way that leads here is where we are: /console leads to all of the console.
    current = max((one.path for one in ways if f"{here}/".startswith(f"{one.path}/")), key=len, default=None)
    with ui.header(fixed=False).classes("head"):
        show(
            h.a(".skip", href="#main")[say(lazy_gettext("To the content"))],
            h.div(".bar")[
                h.a(".brand", href="/")[_mark(), h.span["Overstap"]],
                h.nav(aria_label=say(lazy_gettext("Pages")))[
                    (
                        h.a(href=one.path, aria_current="page" if one.path == current else None)[say(one.name)]
                        for one in ways
                    )
                ]
                if ways
                else None,
                h.div(".who")[
                    _languages(words),
                    h.button(type="button", data_theme_cookie=THEME_COOKIE, data_act="theme")[
                        say(lazy_gettext("Light or dark"))
                    ],
                    _signed_in(words, visit) if visit else None,
                ],
            ],
        )
    show(
        h.div("#away.strip.warn", hidden=True, role="status")[
            say(lazy_gettext("The database does not answer. What you see is as it was; this page goes on by itself."))
        ],
        h.div("#ended.strip.warn", hidden=True, role="alert")[
            say(lazy_gettext("Your session has ended; nothing you do here counts any more.")),
            " ",
            h.a("#again", href="/sign-in")[say(lazy_gettext("Sign in again"))],
        ],
    )


def _languages(words: Language) -> h.Element:
    names = {"nl": "Nederlands", "en": "English"}
    return h.span(".languages")[
        (
            h.button(type="button", data_act="language", data_value=one, lang=one)[names[one]]
            for one in LOCALES
            if one != words.locale
        )
    ]


def _signed_in(words: Language, visit: Visit) -> h.Node:
    who = visit.principal.upn or visit.principal.name
    roles = ", ".join(sorted(visit.principal.roles))
    return [
        h.span(".name", title=roles)[who],
        h.button(type="button", data_act="sign-out")[words.say(lazy_gettext("Sign out"))],
    ]


def _mark() -> h.Element:
    """Two steps, one to the next."""
    return h.svg(viewBox="0 0 32 32", width="26", height="26", aria_hidden="true")[
        h.path(d="M3 26h10v-8h9V9h7", fill="none", stroke="currentColor", stroke_width="3.4", stroke_linecap="round"),
        h.circle(cx="29", cy="9", r="2.6", fill="currentColor"),
    ]
