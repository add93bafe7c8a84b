"""Who may write to an SQLite file: one at a time, of all processes."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from overstap.errors import DatabaseUnavailable
from overstap.store.overlap import do_other_work

BUSY_SECONDS = 30
_PAUSE_SECONDS = 0.0002


class WriteGate:
    """Lets the writers of one SQLite file in one at a time.

    SQLite's own waiting backs off to a tenth of a second: of two busy writers one starves. Inside a process a lock and
    between processes an flock on a file beside the database, asked for often, share it out. `BEGIN IMMEDIATE` and
    `busy_timeout` remain the safety.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".gate")
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None

    @contextmanager
    def pass_through(self) -> Iterator[None]:
        """Wait for one's turn, at most `BUSY_SECONDS`.

        Raises:
            DatabaseUnavailable: when whoever is inside does not come out: it may be frozen.
        """
        limit = time.monotonic() + BUSY_SECONDS
        if not self._lock.acquire(timeout=BUSY_SECONDS):
            raise DatabaseUnavailable(f"Another thread has been writing to {self._path} for {BUSY_SECONDS} s.")
        try:
            if self._file is None:
                self._file = self._path.open("ab")
            while not _try_flock(self._file):
                if time.monotonic() > limit:
                    raise DatabaseUnavailable(
                        f"Another process has held {self._path} for {BUSY_SECONDS} s; it may be frozen. "
                        "Look for a stopped `overstap` process."
                    )
                if not do_other_work():
                    time.sleep(_PAUSE_SECONDS)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._lock.release()

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None


def _try_flock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
