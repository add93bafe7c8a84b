"""The bare database: what a loop around its driver does, with no engine at all.

    python benchmarks/bare.py URL FIRST RUNS BATCH SECONDS

is the child process: it advances runs FIRST … FIRST + RUNS - 1 round by round, BATCH transitions per commit. A
transition is one UPDATE of the run with a check of its version and one INSERT into the journal; on PostgreSQL one
statement over arrays.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import psycopg

from children import Child, tell
from ground import POSTGRESQL, kind_of, sqlite_path
from peers.chain import ORDER, STATES, TRANSITIONS, prepare

RUNS = 10_000
BATCHED, SINGLE = 500, 1

BATCH = """
    WITH given AS (
        SELECT * FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::text[]) AS t (id, version, old, new)
    ), moved AS (
        UPDATE run SET state = given.new, version = run.version + 1, due_at = now() + interval '1 hour',
            updated_at = now()
        FROM given WHERE run.id = given.id AND run.version = given.version
        RETURNING run.id, run.version, given.old, given.new
    )
    INSERT INTO journal (run_id, version, event, from_state, to_state) SELECT id, version, 'next', old, new FROM moved
"""
SQLITE_SCHEMA = """
    CREATE TABLE run (
        id INTEGER PRIMARY KEY, state TEXT NOT NULL, version INT NOT NULL DEFAULT 0, due_at REAL,
        created_at REAL NOT NULL, updated_at REAL NOT NULL, data TEXT NOT NULL
    );
    CREATE INDEX run_due ON run (due_at) WHERE due_at IS NOT NULL;
    CREATE TABLE journal (
        run_id INTEGER NOT NULL, version INT NOT NULL, event TEXT NOT NULL, from_state TEXT NOT NULL,
        to_state TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (run_id, version)
    ) WITHOUT ROWID;
"""
SQLITE_ADVANCE = """
    UPDATE run SET state = ?, version = version + 1, due_at = ?, updated_at = ? WHERE id = ? AND version = ?
"""
SQLITE_WRITE = "INSERT INTO journal (run_id, version, event, from_state, to_state, at) VALUES (?, ?, 'next', ?, ?, ?)"
Advance = Callable[[list[tuple[int, int, str, str]]], None]


def rate(url: str, processes: int, batch: int, seconds: float) -> dict[str, Any]:
    """Transitions per second of so many processes, each with runs of its own, for so many seconds."""
    (prepare if kind_of(url) == POSTGRESQL else prepare_sqlite)(url, processes * RUNS)
    with ExitStack() as stack:
        children = []
        for number in range(processes):
            share = [url, str(1 + number * RUNS), str(RUNS), str(batch), str(seconds)]
            children.append(stack.enter_context(Child([sys.executable, "bare.py", *share])))
        for child in children:
            child.hear()
        for child in children:
            child.say("go")
        said = [child.hear() for child in children]
    rates = [one["transitions"] / one["seconds"] for one in said]
    return {"transitions_per_s": sum(rates), "runs_per_s": sum(rates) / TRANSITIONS, "batch": batch}


def open_sqlite(url: str) -> sqlite3.Connection:
    """A connection as durable as the engine's own."""
    connection = sqlite3.connect(sqlite_path(url), isolation_level=None, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def prepare_sqlite(url: str, runs: int) -> None:
    """The same tables as on PostgreSQL, with runs 1 to `runs` in their first state."""
    connection = open_sqlite(url)
    connection.executescript(SQLITE_SCHEMA)
    now = time.time()
    connection.execute("BEGIN")
    rows = ((run, "submitted", 0, now, now, now, ORDER) for run in range(1, runs + 1))
    connection.executemany("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def on_postgresql(url: str) -> Advance:
    """What advances some runs in one statement."""
    connection = psycopg.connect(url, autocommit=True, prepare_threshold=1)

    def advance(some: list[tuple[int, int, str, str]]) -> None:
        moved = connection.execute(BATCH, [list(column) for column in zip(*some, strict=True)]).rowcount
        if moved != len(some):
            raise RuntimeError(f"{moved} of {len(some)} runs were where they should be")

    return advance


def on_sqlite(url: str) -> Advance:
    """What advances some runs in one transaction."""
    connection = open_sqlite(url)

    def advance(some: list[tuple[int, int, str, str]]) -> None:
        now = time.time()
        connection.execute("BEGIN IMMEDIATE")
        moved = connection.executemany(
            SQLITE_ADVANCE, [(new, now + 3600, now, run, version) for run, version, _, new in some]
        ).rowcount
        if moved != len(some):
            raise RuntimeError(f"{moved} of {len(some)} runs were where they should be")
        connection.executemany(SQLITE_WRITE, [(run, version + 1, old, new, now) for run, version, old, new in some])
        connection.execute("COMMIT")

    return advance


def main() -> None:
    """Be the child process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    for name in ("first", "runs", "batch"):
        parser.add_argument(name, type=int)
    parser.add_argument("seconds", type=float)
    given = parser.parse_args()
    advance = (on_postgresql if kind_of(given.url) == POSTGRESQL else on_sqlite)(given.url)
    tell(ready=True)
    if not sys.stdin.readline():
        return
    began, moved = time.monotonic(), 0
    while time.monotonic() - began < given.seconds:
        some = []
        for number in range(moved, moved + given.batch):
            version, place = divmod(number, given.runs)
            at = version % TRANSITIONS
            some.append((given.first + place, version, STATES[at], STATES[at + 1]))
        advance(some)
        moved += given.batch
    tell(transitions=moved, seconds=time.monotonic() - began)


if __name__ == "__main__":
    main()
