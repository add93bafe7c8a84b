"""How a connection to SQLite is set up, and how its transactions begin."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import Connection

from overstap.store.write_gate import BUSY_SECONDS

_PAUSE_SECONDS = 0.001
_CACHE_KIB = {True: 64 * 1024, False: 8 * 1024}
"""What a connection to SQLite keeps of the file at most while it writes, and while it reads.

With the default of 2 MB a batch of 500 does not fit. One connection writes at a time; of those that read there are
many.
"""
_WAL_PAGES = 8000
"""After so many pages (32 MB) SQLite brings its log into the file. Every other batch reaches the default of 1000."""


def prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set a new connection up."""
    connection.isolation_level = None  # the driver begins no transaction of its own: we say BEGIN IMMEDIATE
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """Switch a new file; SQLite waits for no other process that does so at the same moment, busy_timeout or not."""
    limit = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction that may write where the connection's options say so."""
    # A read that turns into a write fails at once under load, busy_timeout or not: writers say so at the start.
    writes = connection.get_execution_options().get("overstap_write", False)
    make_room(connection.info, connection.connection.driver_connection, writes=writes)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def make_room(info: dict[Any, Any], driver: Any, *, writes: bool) -> None:
    """Let a connection to SQLite keep as much of the file as it needs for what it is to do."""
    if info.get("wrote") is not writes:
        info["wrote"] = writes
        driver.execute(f"PRAGMA cache_size = -{_CACHE_KIB[writes]}")
