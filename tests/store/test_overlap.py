"""Work that is done while PostgreSQL works, or while another process has an SQLite file."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from overstap.errors import DatabaseUnavailable
from overstap.store.database import Database
from overstap.store.overlap import meanwhile

ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SLEEP = "SELECT pg_sleep(0.2)"


class Work:
    """So many pieces, each done in the thread that waits."""

    def __init__(self, pieces: int, piece: Callable[[], object] = lambda: None) -> None:
        self.left, self.threads, self._piece = pieces, set[str](), piece

    def __call__(self) -> bool:
        if not self.left:
            return False
        self.left -= 1
        self.threads.add(threading.current_thread().name)
        self._piece()
        return True


@ONLY_POSTGRES
def test_all_of_it_is_done_during_one_statement_and_none_afterwards(database: Database) -> None:
    with database.each() as connection:
        connection.execute(SLEEP)
        work = Work(1000)
        with meanwhile(work):
            assert (1,) == connection.execute("SELECT 1 FROM pg_sleep(0.2)").fetchone()
        assert (0, {threading.current_thread().name}) == (work.left, work.threads)
        work.left = 1
        connection.execute(SLEEP)
    assert 1 == work.left


@ONLY_POSTGRES
def test_an_answer_is_taken_before_all_of_it_is_done(database: Database) -> None:
    work = Work(10_000, lambda: threading.Event().wait(0.005))

    with database.each() as connection, meanwhile(work):
        connection.execute("SELECT pg_sleep(0.05)")

    assert work.left > 9_000


@ONLY_POSTGRES
def test_a_lost_connection_is_told_of_and_not_used_again(database: Database) -> None:
    with meanwhile(Work(10)), pytest.raises(DatabaseUnavailable), database.each() as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)")

    with database.each() as connection:  # another one
        assert (1,) == connection.execute("SELECT 1").fetchone()


@ONLY_POSTGRES
def test_what_is_asked_of_the_database_meanwhile_is_no_time_for_more_of_it(database: Database) -> None:
    depth: list[int] = [0]

    def piece() -> None:
        depth[0] += 1
        assert depth[0] == 1
        with database.each() as other:
            other.execute("SELECT pg_sleep(0.02)")
        depth[0] -= 1

    work = Work(3, piece)
    with database.each() as connection, meanwhile(work):
        connection.execute(SLEEP)
    assert 0 == work.left


@ONLY_SQLITE
def test_it_is_done_while_another_process_has_the_file_and_by_nobody_else(
    database: Database, database_url: str
) -> None:
    with database.alone() as driver:
        driver.execute("SELECT 1")
    other = Database(database_url)
    work, seen = Work(1000), list[int]()
    release = threading.Event()

    def hold() -> None:
        with other.alone():
            seen.append(work.left)
            release.wait(5)
            seen.append(work.left)

    holder = threading.Thread(target=hold)
    holder.start()
    while not seen:
        time.sleep(0.001)
    threading.Timer(0.3, release.set).start()
    with meanwhile(work), database.alone():
        pass
    holder.join()
    other.close()

    assert [1000, 0] == seen
    assert {threading.current_thread().name} == work.threads
    work.left = 1
    with database.alone():
        pass
    assert 1 == work.left
