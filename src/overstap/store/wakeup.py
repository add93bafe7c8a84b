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
    """Calls `wake` for every notification, from a thread of its own, until it is closed.

    On SQLite for every write of another connection. A lost connection is made again; until then the worker's tick finds
    what is due.
    """

    def __init__(self, database: Database, wake: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._database = database
        self._wake = wake
        self._lost = lost
        self._closing = threading.Event()
        listen = self._listen if database.dialect == "postgresql" else self._watch
        self._thread = threading.Thread(target=listen, name="overstap-listener", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._closing.is_set():
            try:
                with psycopg.connect(url, autocommit=True) as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._wake()
                    while not self._closing.is_set():
                        for _ in connection.notifies(timeout=_LOOK_UP_SECONDS, stop_after=1):
                            self._wake()
            except psycopg.Error as error:
                self._lost(str(error).strip())
                self._closing.wait(_LOOK_UP_SECONDS)

    def _watch(self) -> None:
        while not self._closing.is_set():
            try:
                with closing(sqlite3.connect(str(self._database.url.database), isolation_level=None)) as connection:
                    before, wrote = None, 0.0
                    while not self._closing.wait(_ASK_SECONDS[time.monotonic() - wrote > _LULL_SECONDS]):
                        version = connection.execute("PRAGMA data_version").fetchone()
                        if version != before:
                            before, wrote = version, time.monotonic()
                            self._wake()
            except sqlite3.Error as error:
                self._lost(str(error))
                self._closing.wait(_LOOK_UP_SECONDS)

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._thread.join(timeout=5 * _LOOK_UP_SECONDS)
