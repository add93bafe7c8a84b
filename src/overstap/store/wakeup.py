"""Waking workers the moment something becomes due: LISTEN/NOTIFY on PostgreSQL.

SQLite tells nobody anything. But a connection can ask whether others have written since it asked last
(`PRAGMA data_version`), which reads one number in shared memory: that is asked a few hundred times a second, and more
often while others write.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from overstap.store.database import Database

CHANNEL = "overstap_due"
_LOOK_UP_SECONDS = 0.5
_ASK_SECONDS = (0.0005, 0.004)
"""While others write, and after a second without."""
_LULL_SECONDS = 1.0


def notify(connection: Connection) -> None:
    """Tell the listening workers at commit that something is due; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


class Listener:
    """Tells of every notification: on PostgreSQL whoever waits for `fileno`, and asks then.

    On SQLite it calls `wake` for every write of another connection, from a thread of its own. A lost connection is made
    again; until then the worker's tick finds what is due.

    Args:
        wake: called from another thread when there is something to listen to, and when something may be due.
        lost: called with the reason when there is nothing to listen to for a while.
    """

    def __init__(self, database: Database, wake: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._database = database
        self._wake = wake
        self._lost = lost
        self._closing = threading.Event()
        self._interrupted = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        listen = self._stay_connected if database.dialect == "postgresql" else self._watch
        self._thread = threading.Thread(target=listen, name="overstap-listener", daemon=True)
        self._thread.start()

    def fileno(self) -> int | None:
        """What is readable when there may be something to hear; None where `wake` is called instead."""
        return None if self._connection is None else self._connection.fileno()

    def heard(self) -> bool:
        """Whether notifications came since it was asked last."""
        if self._connection is None:
            return False
        notified = False
        try:
            self._connection.pgconn.consume_input()
            while self._connection.pgconn.notifies() is not None:
                notified = True
        except psycopg.Error as error:
            self._connection = None
            self._lost(str(error).strip())
            self._interrupted.set()
        return notified

    def _stay_connected(self) -> None:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._closing.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._interrupted.clear()
                    if self._closing.is_set():
                        return
                    self._connection = connection
                    self._wake()
                    self._interrupted.wait()
            except psycopg.Error as error:
                self._lost(str(error).strip())
            self._closing.wait(_LOOK_UP_SECONDS)

    def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                with closing(sqlite3.connect(str(self._database.url.database), isolation_level=None)) as connection:
                    before, wrote = None, 0.0
                    while not self._interrupted.wait(_ASK_SECONDS[time.monotonic() - wrote > _LULL_SECONDS]):
                        version = connection.execute("PRAGMA data_version").fetchone()
                        if version != before:
                            before, wrote = version, time.monotonic()
                            self._wake()
            except sqlite3.Error as error:
                self._lost(str(error))
                self._interrupted.wait(_LOOK_UP_SECONDS)

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._connection = None
        self._interrupted.set()
        self._thread.join(timeout=5 * _LOOK_UP_SECONDS)
