"""Connections that the benchmark holds itself: one that looks for a run's end, one that holds an old snapshot open."""

from __future__ import annotations

import sqlite3
import time
from types import TracebackType
from typing import Any, Self

import psycopg

from ground import SQLITE, kind_of, sqlite_path
from peers.chain import LATENCY_SECONDS, LOOK_SECONDS


class _Connected:
    def __init__(self, url: str) -> None:
        self.sqlite = kind_of(url) == SQLITE
        self.connection: Any = (
            sqlite3.connect(sqlite_path(url), isolation_level=None, timeout=30)
            if self.sqlite
            else psycopg.connect(url, autocommit=True, prepare_threshold=1)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()


class Looker(_Connected):
    """Looks whether a run has ended, as often as the clients of the peers do."""

    def wait_for_end(self, run_id: str) -> None:
        """Come back when it has."""
        statement = f"SELECT 1 FROM run WHERE id = {'?' if self.sqlite else '%s'} AND state = 'completed'"
        limit = time.monotonic() + LATENCY_SECONDS
        while self.connection.execute(statement, (run_id,)).fetchone() is None:
            if time.monotonic() > limit:
                raise SystemExit(f"run {run_id} did not end in {LATENCY_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)


class Holding(_Connected):
    """A transaction that has read and stays open, so that nothing that dies after it can be cleared away."""

    def __enter__(self) -> Self:
        self.connection.execute("BEGIN" if self.sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ")
        self.connection.execute("SELECT count(*) FROM run").fetchone()
        return self
