"""`overstap serve`, and the part of `overstap up` that is the HTTP API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
    from overstap.entrypoints.console import add_console  # noqa: PLC0415 - half a second that no other command needs

    listening = listen(settings.host, settings.port)
    with listening:
        sign_in = SignIn(app, operator().removeprefix("operator:"))
        api = make_api(app, sign_in)
        add_console(api, app)
        server = Server(api, settings.header_time)
        face.tell(f"API: {url_of(listening)}{PREFIX}")
        face.tell(f"Console: {url_of(listening)}/")
        if not known and is_loopback(settings.host):
            link = f"{url_of(listening)}{PREFIX}/sign-in/{app.tokens.make_link()}?to=/console"
            face.tell(f"Sign in (once, within {format_duration(LINK_TIME)}): {link}")
            face.tell("Programs take a token: overstap tokens create NAME --role operator --reason TEXT")
        sys.stdout.flush()
        with ServingThread(server, listening):
            yield server
