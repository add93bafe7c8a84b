"""Waking the workers of a PostgreSQL database the moment something becomes due (LISTEN/NOTIFY).

On SQLite there is nothing to listen to: workers look at every tick.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import psycopg
from sqlalchemy import Connection, text

from overstap.store.database import Database

CHANNEL = "overstap_due"
_LOOK_UP_SECONDS = 0.5


def notify(connection: Connection) -> None:
    """Tell the listening workers at commit that something is due; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"NOTIFY {CHANNEL}"))


class Listener:
    """Calls `wake` for every notification, from a thread of its own, until it is closed.

    A lost connection is made again; until then the worker's tick finds what is due.
    """

    def __init__(self, database: Database, wake: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._database = database
        self._wake = wake
        self._lost = lost
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if database.dialect == "postgresql":
            self._thread = threading.Thread(target=self._listen, name="overstap-listener", daemon=True)
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

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(timeout=5 * _LOOK_UP_SECONDS)
