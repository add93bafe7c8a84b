"""Work that is done while PostgreSQL works."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from overstap.errors import DatabaseUnavailable
from overstap.store.database import Database
from overstap.store.overlap import meanwhile

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
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


def test_an_answer_is_taken_before_all_of_it_is_done(database: Database) -> None:
    work = Work(10_000, lambda: threading.Event().wait(0.005))

    with database.each() as connection, meanwhile(work):
        connection.execute("SELECT pg_sleep(0.05)")

    assert work.left > 9_000


def test_a_lost_connection_is_told_of_and_not_used_again(database: Database) -> None:
    with meanwhile(Work(10)), pytest.raises(DatabaseUnavailable), database.each() as connection:
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(1)")

    with database.each() as connection:  # another one
        assert (1,) == connection.execute("SELECT 1").fetchone()


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
