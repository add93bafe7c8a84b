"""The API and the console, served from this process; imported by commands that serve, for it takes a second."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from overstap.app.tokens import LINK_TIME
from overstap.bootstrap import App
from overstap.clock import format_duration
from overstap.entrypoints.api import PREFIX, make_api
from overstap.entrypoints.api.server import Server, ServingThread, ensure_safe, is_loopback, listen, url_of
from overstap.entrypoints.api.sessions import is_secure
from overstap.entrypoints.api.sign_in import SignIn
from overstap.entrypoints.cli.orders import operator
from overstap.entrypoints.console import add_console
from overstap.errors import BadInput

log = structlog.get_logger(__name__)

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Site:
    """The API and the console while they are served.

    Attributes:
        url: where this machine reaches them.
    """

    app: App
    server: Server
    url: str

    def link(self, to: str = "/console") -> str:
        """A link that signs in whoever opens it first, within `LINK_TIME`, as all of the staff.

        Args:
            to: the path that it leads to.
        """
        return f"{self.url}{PREFIX}/sign-in/{self.app.tokens.make_link()}?to={to}"


@contextmanager
def site(app: App, listening: socket.socket) -> Iterator[Site]:
    """The API and the console are served on a socket for as long as the block lasts; once in a process."""
    with listening:
        api = make_api(app, SignIn(app, operator().removeprefix("operator:")))
        add_console(api, app)
        server = Server(api, app.settings.api.header_time)
        with ServingThread(server, listening):
            yield Site(app, server, url_of(listening))


@contextmanager
def open_site(app: App) -> Iterator[tuple[Site, list[str]]]:
    """The API and the console at the address of the settings.

    Yields:
        The site, and what its people have to be told: where it is, and how they come in.

    Raises:
        Refused: when others would reach it and nobody could sign in.
        BadInput: when the address is taken, or none of this machine.
    """
    settings = app.settings.api
    known = bool(app.settings.sign_in.issuer) or app.tokens.anybody()
    ensure_safe(settings.host, sign_in=known)
    if not is_loopback(settings.host) and not is_secure(app.settings.sign_in):
        log.warning("sign_in_without_tls", public_url=app.settings.sign_in.public_url, why="cookies can be overheard")
    with site(app, listen(settings.host, settings.port)) as there:
        told = [f"API: {there.url}{PREFIX}", f"Console: {there.url}/"]
        if not known and is_loopback(settings.host):
            told.append(f"Sign in (once, within {format_duration(LINK_TIME)}): {there.link()}")
            told.append("Programs take a token: overstap tokens create NAME --role operator --reason TEXT")
        yield there, told


@contextmanager
def private_site(app: App) -> Iterator[Site]:
    """The API and the console for this machine alone, at the port of the settings or, where that is taken, another."""
    try:
        listening = listen(_HOST, app.settings.api.port)
    except BadInput:
        listening = listen(_HOST, 0)
    with site(app, listening) as there:
        yield there
