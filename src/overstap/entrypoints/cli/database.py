"""`overstap db …` and `overstap workers …`: the database and who works on it."""

from __future__ import annotations

import typer

from overstap.bootstrap import DatabaseStatus, database_status, upgrade_database
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, command

databases = typer.Typer(help="The database: its version, and bringing it up to date.", no_args_is_help=True)
workers = typer.Typer(help="The workers that run, or ran, on this database.", no_args_is_help=True)

_NEXT = {
    "empty": "There is nothing yet; `overstap db upgrade`, `overstap up` or `overstap tenants import` makes it.",
    "older": "It is older than this Overstap; `overstap db upgrade` brings it up to date.",
    "current": "It is up to date.",
    "newer": "A newer Overstap made it; this one does not touch it.",
}


def status(face: Face, as_json: JsonFlag = False) -> None:
    """Tell how the database stands to this version of Overstap; changes nothing."""
    _tell(face, database_status(face.settings), as_json=as_json)


def upgrade(face: Face, as_json: JsonFlag = False) -> None:
    """Make the database, or bring it up to date."""
    _tell(face, upgrade_database(face.settings), as_json=as_json)


def list_workers(face: Face, as_json: JsonFlag = False) -> None:
    """List the workers, the newest first."""
    with face.app() as app:
        records, now = app.fleet.workers(), app.service.now()
    if as_json:
        face.json([shapes.worker(record) for record in records])
        return
    table = words.table("worker", "host", "pid#", "version", "started", "heartbeat", "holds#")
    for one in records:
        beat = (
            f"stopped {words.when(one.stopped_at)}" if one.stopped_at else f"{words.span(now - one.heartbeat_at)} ago"
        )
        style = "bright_black" if one.stopped_at else None
        table.add_row(
            one.id, one.host, str(one.pid), one.version, words.when(one.started_at), beat, str(one.held), style=style
        )
    face.print(table)


def _tell(face: Face, given: DatabaseStatus, *, as_json: bool) -> None:
    if as_json:
        face.json(shapes.database(given))
        return
    face.tell(f"{given.url}: {given.state} (revision {given.revision or 'none'}, this Overstap has {given.head})")
    face.tell(_NEXT[str(given.state)])


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(databases, "status")(status)
    command(databases, "upgrade")(upgrade)
    command(workers, "list")(list_workers)
    app.add_typer(databases, name="db")
    app.add_typer(workers, name="workers")
