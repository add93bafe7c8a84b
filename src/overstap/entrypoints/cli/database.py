"""`overstap db …` and `overstap workers …`: the database and who works on it."""

from __future__ import annotations

import typer

from overstap.bootstrap import DatabaseStatus, database_status, upgrade_database
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.store.fleet import Standing

databases = typer.Typer(help="The database: its version, and bringing it up to date.", no_args_is_help=True)
workers = typer.Typer(help="The workers that run, or ran, on this database.", no_args_is_help=True)

_NEXT = {
    "empty": "There is nothing yet; `overstap db upgrade`, `overstap up` or `overstap tenants import` makes it.",
    "older": "It is older than this Overstap; `overstap db upgrade` brings it up to date.",
    "current": "It is up to date.",
    "newer": "A newer Overstap made it; this one does not touch it.",
}


_STYLES = {Standing.ALIVE: None, Standing.LATE: "bold red", Standing.STOPPED: "bright_black"}
_WORKER = ("worker", "host", "pid#", "version", "started", "is", "heartbeat", "holds#", "steps#", "per second#")


def status(face: Face, as_json: JsonFlag = False) -> None:
    """Tell how the database stands to this version of Overstap; changes nothing."""
    _tell(face, database_status(face.settings), as_json=as_json)


def upgrade(face: Face, as_json: JsonFlag = False) -> None:
    """Make the database, or bring it up to date."""
    _tell(face, upgrade_database(face.settings), as_json=as_json)


def list_workers(face: Face, as_json: JsonFlag = False) -> None:
    """List the workers, the newest first."""
    with face.app() as app:
        records, now, late_after = app.fleet.workers(), app.service.now(), app.late_after
    standings = {one.id: one.standing(now, late_after) for one in records}
    if as_json:
        face.json([shapes.worker(one, standings[one.id]) for one in records])
        return
    table = words.table(*_WORKER)
    for one in records:
        standing = standings[one.id]
        beat = words.when(one.stopped_at) if one.stopped_at else f"{words.span(now - one.heartbeat_at)} ago"
        rate = f"{one.rate:,.1f}" if standing is Standing.ALIVE else ""
        table.add_row(
            one.id, one.host, str(one.pid), one.version, words.when(one.started_at), str(standing), beat,
            str(one.held), f"{one.steps:,}", rate, style=_STYLES[standing],
        )  # fmt: skip
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
