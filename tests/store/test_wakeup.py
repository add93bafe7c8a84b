"""Listening to a database that tells when something becomes due."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from overstap.app.mailbox import Beat, Mailbox
from overstap.store.database import Database
from overstap.store.wakeup import CHANNEL, Listener, notify


class Ear:
    """A listener, and what it said."""

    def __init__(self, database: Database) -> None:
        self.database, self.woken, self.reasons = database, threading.Semaphore(0), list[str]()
        self.listener = Listener(database, self.woken.release, self.reasons.append)
        assert self.woken.acquire(timeout=10)

    def tell(self) -> None:
        with self.database.write() as connection:
            notify(connection)

    def hears(self, seconds: float = 10) -> bool:
        socket = self.listener.fileno()
        assert socket is not None
        return bool(select.select([socket], [], [], seconds)[0]) and self.listener.heard()


@pytest.fixture
def ear(database: Database) -> Iterator[Ear]:
    opened = Ear(database)
    yield opened
    opened.listener.close()


def _later(act: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(0.1, act)
    timer.start()
    return timer


ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@ONLY_POSTGRES
def test_many_notifications_are_heard_once(ear: Ear) -> None:
    for _ in range(3):
        ear.tell()

    assert ear.hears()
    assert not ear.listener.heard()


@ONLY_POSTGRES
def test_a_lost_connection_is_told_of_and_made_again(ear: Ear) -> None:
    with ear.database.write() as connection:
        there = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        there += f" AND query LIKE 'LISTEN {CHANNEL}%'"
        assert [True] == connection.execute(text(there)).scalars().all()

    while not ear.reasons:
        assert not ear.hears()
    assert "server closed the connection" in ear.reasons[0]
    assert ear.woken.acquire(timeout=10), "what was told meanwhile is looked for"
    ear.tell()
    assert ear.hears()


def test_what_rings_while_the_loop_rests_is_there_at_once(ear: Ear) -> None:
    box = Mailbox()
    box.listen_to(ear.listener)
    timer = _later(lambda: box.put(Beat.HEARTBEAT))

    beats, _, _ = box.take(30)

    timer.join()
    box.close()
    assert {Beat.HEARTBEAT} == beats


@ONLY_POSTGRES
def test_the_loop_hears_of_due_runs_while_it_rests(ear: Ear) -> None:
    box = Mailbox()
    box.listen_to(ear.listener)
    timer = _later(ear.tell)

    beats, _, _ = box.take(30)

    timer.join()
    box.close()
    assert {Beat.LOOK} == beats


def test_what_comes_after_the_end_is_left_where_it_is() -> None:
    box = Mailbox()
    box.close()

    box.put(Beat.STOP)

    assert 1 == len(box)
