"""`overstap serve`, and the part of `overstap up` that is the HTTP API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from overstap.bootstrap import App
from overstap.entrypoints.cli.face import Face

if TYPE_CHECKING:
    from overstap.entrypoints.api.server import Server

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
    """The API and the console are there for as long as the block lasts.

    Raises:
        Refused: when others would reach it and nobody could sign in.
        BadInput: when the address is taken, or none of this machine.
    """
    from overstap.entrypoints.cli.site import open_site  # noqa: PLC0415 - a second that no other command needs

    with open_site(app) as (there, told):
        for line in told:
            face.tell(line)
        sys.stdout.flush()
        yield there.server
