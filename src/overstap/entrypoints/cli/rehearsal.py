"""`overstap demo`: every ending of a plan change, live, in less than a minute; then a console to look around in."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path
from typing import Annotated, TextIO

import typer

from overstap.app.principals import Role
from overstap.app.tokens import LINK_TIME
from overstap.bootstrap import App
from overstap.clock import format_duration
from overstap.entrypoints import run_shapes
from overstap.entrypoints.api.server import listen
from overstap.entrypoints.cli.daemon import StopSwitch, work
from overstap.entrypoints.cli.face import Face, command
from overstap.entrypoints.cli.serving import Site, site
from overstap.entrypoints.demo.endings import EXPECTED, Ending
from overstap.entrypoints.demo.play import Play
from overstap.entrypoints.demo.screen import Screen, summary
from overstap.entrypoints.demo.script import Script, read_script
from overstap.errors import BadInput
from overstap.logs import configure_logs

_LIMIT = 100.0  # seconds of the machine's time, then the demo has failed
_HOST = "127.0.0.1"
_OWN = {"issuer": "", "public_url": f"http://{_HOST}"}
"""The demo is for whoever started it, on this machine: they sign in by its link."""


def demo(
    face: Face,
    database_dir: Annotated[
        Path, typer.Option("--database-dir", metavar="DIR", help="Where demo.db and demo.log are made anew.")
    ] = Path("var"),
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live picture.")] = False,
    stay: Annotated[
        bool | None,
        typer.Option(
            "--stay/--no-stay",
            help="Whether the console stays until Ctrl-C, with something to do in it; in a terminal it does.",
        ),
    ] = None,
) -> None:
    """Play the demo on a fresh database: eleven tenants, every ending, then verify. The console shows it too."""
    until = time.monotonic() + _LIMIT
    if face.names_database:
        raise BadInput("The demo makes a fresh database of its own; --database-dir DIR says where.")
    script = read_script(face.settings.demo)
    stays = sys.stdout.isatty() if stay is None else stay
    face.override(database_url=f"sqlite:///{_fresh(database_dir)}", sign_in=_OWN, **script.settings)
    with (database_dir / "demo.log").open("w", encoding="utf-8") as log:
        try:
            good = _perform(face, script, until, log, plain=plain, stay=stays)
        finally:
            configure_logs(face.settings.logs)
    if not good:
        raise typer.Exit(1)


def _perform(face: Face, script: Script, until: float, log: TextIO, *, plain: bool, stay: bool) -> bool:
    with (
        face.app(upgrade=True, speed=script.pacing.speed, create=True, log=log) as app,
        site(app, _listening(app.settings.api.port)) as there,
    ):
        screen = Screen(face.out, plain)
        screen.line(f"Database: {app.database.describe()}")
        screen.line(f"Console:  {there.link()}")
        screen.line(f"          signs in whoever opens it first, within {format_duration(LINK_TIME)}")
        hour = 3600 / script.pacing.speed
        screen.line(f"Rehearsal: an hour passes in {hour:g} s, and faster while everything only waits.\n")
        play = Play(app, script, screen, until)
        play.perform()
        good = _judged(face, play)
        if stay:
            _stay(play, there)
    return good


def _judged(face: Face, play: Play) -> bool:
    """Show how everything ended; answers whether that is what the demo is for."""
    endings, report = play.endings(), play.app.verify()
    summary(face.out, endings, report)
    missing = [ending for ending in EXPECTED if ending not in endings]
    for ending in missing:
        play.screen.line(f"No tenant shows this ending: {ending}.")
    if Ending.UNENDED in endings:
        play.screen.line(
            f"Not all has ended within {_LIMIT:g} s of the machine's time; see the log beside the database."
        )
    return report.ok and not missing and Ending.UNENDED not in endings


def _stay(play: Play, there: Site) -> None:
    """The console stays, and a worker carries on what visitors and the encore order, until Ctrl-C."""
    say, pace = play.screen.line, play.script.pacing
    with StopSwitch() as switch:
        play.encore()
        say(f"\nThe console stays; now an hour passes in {3600 / pace.encore:g} s. Ctrl-C ends it.\n")
        say(f"  {there.url}/console                   the runs: one is stuck, one waits for its credit check")
        say(f"  {there.url}/console/tasks             the manual way: somebody has to acknowledge something")
        say(f"  {there.url}/console/tenants           each tenant, and the way to the pages its admins see")
        if (guest := play.script.guest) is not None:
            upn, token = _admit_guest(there.app, guest.id)
            say(f"  {there.url}/sign-in?to=/tenants/{guest.id}")
            say(f"      the pages of {guest.name}, in another browser or a private window; as {upn}, with the token")
            say(f"      {token}")
        say("")
        with there.app.delivering(run_shapes.entry):
            work(there.app, switch, until_idle=False)


def _admit_guest(app: App, tenant_id: str) -> tuple[str, str]:
    """An administrator of a tenant, and a token that signs in as them."""
    upn = app.service.tenant(tenant_id).admins[0].upn
    made = app.tokens.create(
        "guest", [Role.TENANT_ADMIN], actor="operator:demo", reason="the demo's guest", tenant_id=tenant_id, upn=upn
    )
    return upn, made[1]


def _listening(port: int) -> socket.socket:
    """A socket for this machine alone: at the port of the settings, or where that is taken at any other."""
    try:
        return listen(_HOST, port)
    except BadInput:
        return listen(_HOST, 0)


def _fresh(folder: Path) -> Path:
    """Where the demo's database is made; a former one is gone."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("demo.db", "demo.db-wal", "demo.db-shm", "demo.db.gate"):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: {error.strerror}; name a folder that can be written with --database-dir") from None
    return folder / "demo.db"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app, "demo")(demo)
