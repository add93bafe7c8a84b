"""Waiting for one's turn to write, and starting at the same moment as others."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from overstap.errors import BadInput, DatabaseUnavailable
from overstap.store.database import Database
from overstap.store.fleet import Fleet

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOLD = """
import sys
from overstap.store.database import Database
with Database(sys.argv[1]).write():
    print("inside", flush=True)
    sys.stdin.read()
"""


def test_a_frozen_writer_is_named_instead_of_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("overstap.store.write_gate.BUSY_SECONDS", 0.3)
    url = f"sqlite:///{tmp_path}/busy.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert "inside\n" == other.stdout.readline()
        database = Database(url)
        with pytest.raises(DatabaseUnavailable, match="may be frozen"), database.write():
            pytest.fail("two writers at once")
        other.communicate("")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE free (id integer)"))
    database.close()


def test_two_busy_writers_of_one_file_share_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/shared.db"
    first = Database(url)
    with first.write() as connection:
        connection.execute(text("CREATE TABLE tally (who text)"))
    until = time.monotonic() + 2.0

    def write(who: str) -> None:
        own = Database(url)  # a gate of its own, as another process has
        while time.monotonic() < until:
            with own.write() as connection:
                connection.execute(text("INSERT INTO tally VALUES (:who)"), {"who": who})
        own.close()

    threads = [threading.Thread(target=write, args=(who,)) for who in ("ann", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with first.read() as connection:
        rows = connection.execute(text("SELECT who, count(*) AS times FROM tally GROUP BY who")).all()
    first.close()
    counts = {row.who: row.times for row in rows}
    assert min(counts.get("ann", 0), counts.get("bob", 0)) * 20 > sum(counts.values()), counts


def test_workers_that_start_at_once_agree_on_a_workflow(database: Database) -> None:
    errors: list[BaseException] = []
    start = threading.Barrier(8)

    def pin(number: int) -> None:
        fleet = Fleet(database)
        for version in range(10):
            start.wait(30)
            try:
                fleet.pin("errand", version, "digest", NOON)
            except BaseException as error:  # noqa: BLE001 - any error of a thread is the finding
                errors.append(error)

    threads = [threading.Thread(target=pin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == errors
    with pytest.raises(BadInput, match=r"errand\.v3\.yaml has changed"):
        Fleet(database).pin("errand", 3, "another", NOON)


def test_a_disk_error_says_that_the_disk_may_be_full(database: Database) -> None:
    error = OperationalError("SELECT 1", None, sqlite3.OperationalError("disk I/O error"))

    with pytest.raises(DatabaseUnavailable, match="disk I/O error; its disk may be full"), database.read():
        raise error


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["alone", "glance"])
def test_a_disk_error_of_the_driver_itself_is_told_alike(database: Database, way: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="disk I/O error; its disk may be full"), getattr(database, way)():
        raise sqlite3.OperationalError("disk I/O error")

    with database.alone() as driver:
        assert driver.in_transaction


@pytest.mark.parametrize("repeat", range(8))
def test_many_that_open_a_new_file_at_once_wait_for_each_other(tmp_path: Path, repeat: int) -> None:
    errors: list[BaseException] = []

    def begin(database: Database, together: threading.Barrier) -> None:
        together.wait(timeout=10)
        try:
            with database.read() as connection:
                connection.execute(text("SELECT 1"))
        except BaseException as error:  # noqa: BLE001 - any error of the thread is the finding
            errors.append(error)
        finally:
            database.close()

    for number in range(12):  # few of them meet at the very moment when one switches the file to WAL
        together = threading.Barrier(8)
        url = f"sqlite:///{tmp_path}/{repeat}-{number}.db"
        threads = [threading.Thread(target=begin, args=(Database(url), together)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [] == errors


def test_only_a_connection_that_writes_keeps_much_of_the_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/caches.db")

    def kept(connection: Connection) -> int:
        return -int(connection.exec_driver_sql("PRAGMA cache_size").scalar_one())

    for _ in range(2):
        with database.write() as connection:
            assert 64 * 1024 == kept(connection)
        with database.read() as connection, database.snapshot() as another:
            assert [8 * 1024] * 2 == [kept(connection), kept(another)]
        with database.alone() as driver:
            assert (-64 * 1024,) == driver.execute("PRAGMA cache_size").fetchone()
    database.close()
