"""The schema's version: made, brought up to date and checked with Alembic."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from overstap.errors import Refused
from overstap.store.database import Database

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 7_046_722_019  # any number, as long as it is always the same one


class SchemaState(StrEnum):
    """How a database stands to the code."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class DatabaseStatus:
    """The schema's version in a database, and the one the code needs.

    Attributes:
        url: the database's, without its password.
        revision: None for a database without tables.
    """

    url: str
    state: SchemaState
    revision: str | None
    head: str


def schema_status(database: Database) -> DatabaseStatus:
    """How a database stands to the code.

    Raises:
        Refused: when it has tables that are not Overstap's.
    """
    if not database.exists:
        return DatabaseStatus(database.describe(), SchemaState.EMPTY, None, _head())
    with database.read() as connection:
        return _status(connection, database)


def upgrade_schema(database: Database) -> DatabaseStatus:
    """Make the tables of an empty database, or bring an older one up to date, whole or not at all.

    Raises:
        Refused: when the database is newer than the code.
    """
    if schema_status(database).state is not SchemaState.CURRENT:
        with database.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            refuse_newer(_status(connection, database))
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    return schema_status(database)


def refuse_newer(status: DatabaseStatus) -> None:
    """Refuse to touch a database that a newer Overstap has made.

    Raises:
        Refused: when it is newer than the code.
    """
    if status.state is SchemaState.NEWER:
        raise Refused(
            f"The database {status.url} has schema {status.revision}, which this Overstap does not know "
            f"(it knows up to {status.head}): it was made by a newer one. Install that one, or use another database."
        )


def _status(connection: Connection, database: Database) -> DatabaseStatus:
    head = _head()
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        foreign = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
        if foreign:
            raise Refused(
                f"The database {database.describe()} has tables that are not Overstap's ({', '.join(foreign[:3])}). "
                "Give Overstap a database of its own."
            )
        return DatabaseStatus(database.describe(), SchemaState.EMPTY, None, head)
    if revision == head:
        return DatabaseStatus(database.describe(), SchemaState.CURRENT, revision, head)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    state = SchemaState.OLDER if revision in known else SchemaState.NEWER
    return DatabaseStatus(database.describe(), state, revision, head)


def _head() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    return config
