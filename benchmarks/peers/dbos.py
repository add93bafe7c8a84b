"""DBOS on PostgreSQL and SQLite: a workflow of four steps, started directly from a few threads (its best here).

Its own checkpoint is the durable transition, and submitting belongs to what is measured. With effects the step commits
one as intended, then as confirmed, and DBOS commits its checkpoint.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from dbos import DBOS

from children import Child, tell
from peers.chain import CONFIRM, INTEND, STATES, TRANSITIONS, WARM_UP, main, prepare, summary

THREADS = {("postgresql", 1): 8, ("postgresql", 2): 2, ("sqlite", 1): 2, ("sqlite", 2): 1}
POOL = 20
LEDGER = "CREATE TABLE IF NOT EXISTS effect (key TEXT PRIMARY KEY, run_id, status, request, response, at, settled_at)"


def kind_of(url: str) -> str:
    """`sqlite` or `postgresql`."""
    return url.split(":", maxsplit=1)[0]


def launch(url: str, executor: str, *, effects: bool = False) -> Callable[[int], Any]:
    """Start DBOS in this process; answers what starts the workflow of a run and returns its handle."""
    config: dict[str, Any] = {
        "name": "bench",
        "system_database_url": url,
        "log_level": "CRITICAL",
        "executor_id": executor,
        "application_version": "1",
        "sys_db_pool_size": POOL,
        "notification_listener_polling_interval_sec": 0.01,
    }
    if kind_of(url) == "postgresql":
        config["db_engine_kwargs"] = {"pool_size": POOL, "max_overflow": 0}
    DBOS(config=config)  # type: ignore[arg-type]
    record = recorder(url) if effects else None

    def step(run: int, version: int) -> str:
        if record is not None:
            record(run, version)
        return STATES[version + 1]

    steps = [DBOS.step(name=f"step{version}")(step) for version in range(TRANSITIONS)]

    @DBOS.workflow()
    def plan(run: int) -> str:
        for version, each in enumerate(steps):
            each(run, version)
        return "completed"

    DBOS.launch()
    return lambda run: DBOS.start_workflow(plan, run)


def recorder(url: str) -> Callable[[int, int], None]:
    """What commits an effect as intended, then as confirmed; a connection for each thread."""
    local = threading.local()

    def connect() -> Any:
        if kind_of(url) == "postgresql":
            return psycopg.connect(url, autocommit=True)
        ledger = Path(url.removeprefix("sqlite:///")).with_suffix(".ledger")
        connection = sqlite3.connect(ledger, isolation_level=None, timeout=30)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(LEDGER)
        return connection

    intend, confirm = INTEND, CONFIRM
    if kind_of(url) == "sqlite":
        intend, confirm = (
            each.replace("%s", "?").replace("clock_timestamp()", "CURRENT_TIMESTAMP") for each in (INTEND, CONFIRM)
        )

    def record(run: int, version: int) -> None:
        if not hasattr(local, "connection"):
            local.connection = connect()
        local.connection.execute(intend, (f"{run}:{version}", run))
        local.connection.execute(confirm, (f"{run}:{version}",))

    return record


def drain(url: str, runs: int, processes: int, *, effects: bool = False) -> dict[str, Any]:
    """Transitions per second of so many processes that start and finish workflows, all beginning at one moment."""
    if kind_of(url) == "postgresql":
        prepare(url, 0)
    mode = "effects" if effects else "plain"
    share = runs // processes
    children = []
    try:
        for number in range(processes):  # one after the other: the first makes the tables
            command = [sys.executable, "-m", "peers.dbos", "work", url, str(share), f"{mode}:{number}:{processes}"]
            children.append(Child(command))
            children[-1].hear()
        began = time.monotonic()
        for child in children:
            child.say("go")
        last = max(child.hear()["last"] for child in children)
    finally:
        for child in children:
            child.kill()
    return {"transitions_per_s": TRANSITIONS * share * processes / (last - began), "seconds": last - began}


def work_off(url: str, runs: int, mode: str) -> None:
    """In a child: get ready, wait for the word, then start and finish so many workflows."""
    kind, number, processes = mode.split(":")
    start = launch(url, f"executor{number}", effects=kind == "effects")
    first = int(number) * 1_000_000
    for run in range(first, first + WARM_UP):
        start(run).get_result()
    tell(ready=True)
    if not sys.stdin.readline():
        os._exit(0)
    left, lock = iter(range(first + WARM_UP, first + WARM_UP + runs)), threading.Lock()

    def go() -> None:
        while True:
            with lock:
                run = next(left, None)
            if run is None:
                return
            start(run).get_result()

    threads = [threading.Thread(target=go) for _ in range(THREADS[kind_of(url), int(processes)])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(last=time.monotonic())
    os._exit(0)  # its threads have no end of their own


def latency(url: str, samples: int) -> dict[str, Any]:
    """Milliseconds from submit to end of single runs, started in this process: the fastest way DBOS has."""
    start = launch(url, "alone")
    took = []
    for run in itertools.islice(itertools.count(), samples + WARM_UP):
        began = time.perf_counter()
        start(run).get_result()
        took.append(time.perf_counter() - began)
    tell(**summary(took[WARM_UP:]))
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work_off(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        main(sys.modules[__name__])
