"""`overstap serve`, and the part of `overstap up` that is the HTTP API."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import structlog
import typer

from overstap.app.tokens import LINK_TIME
from overstap.bootstrap import App
from overstap.clock import format_duration
from overstap.entrypoints.api import PREFIX, make_api
from overstap.entrypoints.api.server import Server, ServingThread, ensure_safe, is_loopback, listen, url_of
from overstap.entrypoints.api.sessions import is_secure
from overstap.entrypoints.api.sign_in import SignIn
from overstap.entrypoints.cli.face import Face
from overstap.entrypoints.cli.orders import operator

log = structlog.get_logger(__name__)

HostOption = Annotated[
    str | None, typer.Option(metavar="HOST", help="Where the API listens; others reach it only with a way to sign in.")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, metavar="N", help="0 takes any that is free.")]


def listen_at(face: Face, host: str | None, port: int | None) -> None:
    """What the command line says of the address wins over the settings."""
    given = {"host": host, "port": port}
    face.override(api={name: value for name, value in given.items() if value is not None})


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
    from overstap.entrypoints.console import add_console  # noqa: PLC0415 - half a second that no other command needs

    with listening:
        api = make_api(app, SignIn(app, operator().removeprefix("operator:")))
        add_console(api, app)
        server = Server(api, app.settings.api.header_time)
        with ServingThread(server, listening):
            yield Site(app, server, url_of(listening))


@contextmanager
def served(face: Face, app: App) -> Iterator[Server]:
    """The API is there for as long as the block lasts.

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
        face.tell(f"API: {there.url}{PREFIX}")
        face.tell(f"Console: {there.url}/")
        if not known and is_loopback(settings.host):
            face.tell(f"Sign in (once, within {format_duration(LINK_TIME)}): {there.link()}")
            face.tell("Programs take a token: overstap tokens create NAME --role operator --reason TEXT")
        sys.stdout.flush()
        yield there.server
