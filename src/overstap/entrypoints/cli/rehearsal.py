"""`overstap demo`: every ending of a plan change, live, in less than a minute."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, TextIO

import typer

from overstap.entrypoints.cli.face import Face, command
from overstap.entrypoints.demo.endings import EXPECTED, Ending
from overstap.entrypoints.demo.play import Play
from overstap.entrypoints.demo.screen import Screen, summary
from overstap.entrypoints.demo.script import Script, read_script
from overstap.errors import BadInput
from overstap.logs import configure_logs

_LIMIT = 100.0  # seconds of the machine's time, then the demo has failed


def demo(
    face: Face,
    database_dir: Annotated[
        Path, typer.Option("--database-dir", metavar="DIR", help="Where demo.db and demo.log are made anew.")
    ] = Path("var"),
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a live picture.")] = False,
) -> None:
    """Play the demo on a fresh database: eleven tenants, every ending, then verify."""
    until = time.monotonic() + _LIMIT
    if face.names_database:
        raise BadInput("The demo makes a fresh database of its own; --database-dir DIR says where.")
    script = read_script(face.settings.demo)
    face.override(database_url=f"sqlite:///{_fresh(database_dir)}", **script.settings)
    with (database_dir / "demo.log").open("w", encoding="utf-8") as log:
        try:
            good = _play(face, script, until, log, plain=plain)
        finally:
            configure_logs(face.settings.logs)
    if not good:
        raise typer.Exit(1)


def _play(face: Face, script: Script, until: float, log: TextIO, *, plain: bool) -> bool:
    out = face.out
    with face.app(upgrade=True, speed=script.pacing.speed, create=True, log=log) as app:
        screen = Screen(out, plain)
        screen.line(f"Database: {app.database.describe()}")
        hour = 3600 / script.pacing.speed
        screen.line(f"Rehearsal: an hour passes in {hour:g} s, and faster while everything only waits.\n")
        play = Play(app, script, screen, until)
        play.perform()
        endings, report = play.endings(), app.verify()
    summary(out, endings, report)
    missing = [ending for ending in EXPECTED if ending not in endings]
    for ending in missing:
        screen.line(f"No tenant shows this ending: {ending}.")
    if Ending.UNENDED in endings:
        screen.line(f"Not all has ended within {_LIMIT:g} s of the machine's time; see the log beside the database.")
    return report.ok and not missing and Ending.UNENDED not in endings


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
