"""Opening a database, and the application over it."""

from __future__ import annotations

from overstap.app.traces import open_traces
from overstap.bootstrap.app import App
from overstap.clock import SystemClock
from overstap.errors import NotFound, Refused
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.store.fleet import Fleet
from overstap.store.schema import DatabaseStatus, SchemaState, refuse_newer, schema_status, upgrade_schema


def open_app(settings: Settings, *, upgrade: bool = False, speed: float | None = None, create: bool = True) -> App:
    """Open the database that the settings name, and wire everything over it.

    Args:
        upgrade: bring an older schema up to date.
        speed: let the database's time run so many times as fast; for demos and rehearsals.
        create: make a database that is missing or empty.

    Raises:
        NotFound: when there is no database, or an empty one (without `create`); nothing is made then.
        Refused: when the schema is older (without `upgrade`) or newer than the code, or the tables are not ours.
        DatabaseUnavailable: when the database does not answer.
        BadInput: when a workflow file or the catalog cannot be used.
    """
    database = Database(settings.database_url, pool_size=settings.worker.threads + 4)
    try:
        _make_ready(database, upgrade=upgrade, create=create)
        if speed is not None:
            Fleet(database).set_speed(speed, SystemClock().now())
        clock = Fleet(database).clock()
        return App(settings, database, clock=clock, traces=open_traces(clock))
    except BaseException:
        database.close()
        raise


def _make_ready(database: Database, *, upgrade: bool, create: bool) -> None:
    status = schema_status(database)
    refuse_newer(status)
    if status.state is SchemaState.EMPTY and not create:
        raise _not_there(status.url)
    if status.state is SchemaState.EMPTY or (upgrade and status.state is SchemaState.OLDER):
        upgrade_schema(database)
    elif status.state is SchemaState.OLDER:
        raise Refused(
            f"The database {status.url} has schema {status.revision} and this Overstap needs {status.head}. "
            "Run `overstap db upgrade` (make a copy of the database first)."
        )


def _not_there(url: str) -> NotFound:
    return NotFound(
        f"There is no Overstap database at {url}. "
        "`overstap db upgrade`, `overstap up` or `overstap tenants import` makes one; or name another with --database."
    )


def database_status(settings: Settings) -> DatabaseStatus:
    """How the database's schema stands to the code."""
    database = Database(settings.database_url)
    try:
        return schema_status(database)
    finally:
        database.close()


def upgrade_database(settings: Settings) -> DatabaseStatus:
    """Make or bring up to date the schema; answers as `database_status` does.

    Raises:
        Refused: when the database is newer than the code.
    """
    database = Database(settings.database_url)
    try:
        return upgrade_schema(database)
    finally:
        database.close()
