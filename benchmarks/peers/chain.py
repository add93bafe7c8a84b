"""What all peers are measured by: the tables, the four durable transitions of a run, and how long they take.

    python -m peers.NAME drain URL RUNS PROCESSES    transitions per second over a backlog
    python -m peers.NAME effects URL RUNS PROCESSES  the same, with an effect per step
    python -m peers.NAME latency URL SAMPLES         submit to end, one at a time

is run in the peer's own environment and prints one line of JSON. A transition is one UPDATE of the run with a check of
its version and one INSERT into the journal, in one commit; with effects an effect is committed as intended before it,
and confirmed in that commit. A peer that keeps a journal of checkpoints of its own uses that instead. A peer that is a
queue gives `CONCURRENCY`, `install`, `submit`, `client` and `work`; the next job is put in within the transaction.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from types import ModuleType
from typing import Any

import psycopg

from children import Child, tell

STATES = ("submitted", "credit_check", "migrating", "licenses_reassigned", "completed")
TRANSITIONS = len(STATES) - 1
ORDER = '{"customer": 4711, "from_plan": "team-50", "to_plan": "enterprise-200", "seats": 137}'
WARM_UP = 10
DRAIN_SECONDS = 240.0
LATENCY_SECONDS = 60.0
LOOK_SECONDS = 0.0005

SCHEMA = (
    """
    CREATE TABLE run (
        id BIGINT PRIMARY KEY, state TEXT NOT NULL, version INT NOT NULL DEFAULT 0, due_at TIMESTAMPTZ,
        created_at TIMESTAMPTZ NOT NULL DEFAULT now(), updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
        data JSONB NOT NULL DEFAULT '{}'
    ) WITH (fillfactor = 70)
    """,
    "CREATE INDEX run_due ON run (due_at) WHERE due_at IS NOT NULL",
    """
    CREATE TABLE journal (
        run_id BIGINT NOT NULL, version INT NOT NULL, event TEXT NOT NULL, from_state TEXT NOT NULL,
        to_state TEXT NOT NULL, at TIMESTAMPTZ NOT NULL DEFAULT now(), PRIMARY KEY (run_id, version)
    )
    """,
    """
    CREATE TABLE effect (
        key TEXT PRIMARY KEY, run_id BIGINT NOT NULL, status TEXT NOT NULL, request JSONB NOT NULL, response JSONB,
        at TIMESTAMPTZ NOT NULL DEFAULT now(), settled_at TIMESTAMPTZ
    )
    """,
)
ADVANCE = """
    UPDATE run SET state = %s, version = version + 1, due_at = now() + interval '1 hour', updated_at = clock_timestamp()
    WHERE id = %s AND version = %s
"""
WRITE = "INSERT INTO journal (run_id, version, event, from_state, to_state) VALUES (%s, %s, 'next', %s, %s)"
INTEND = "INSERT INTO effect (key, run_id, status, request) VALUES (%s, %s, 'intended', '{\"seats\": 25}')"
CONFIRM = """
    UPDATE effect SET status = 'confirmed', response = '{"order": 1}', settled_at = clock_timestamp() WHERE key = %s
"""


def prepare(url: str, runs: int) -> None:
    """Make the tables and put in runs 1 to `runs`, all in their first state."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO run (id, state, due_at, data) SELECT n, 'submitted', now(), %s FROM generate_series(1, %s) n",
            (ORDER, runs),
        )
        connection.execute("ANALYZE")
        connection.execute("CHECKPOINT")


async def advance(connection: Any, run: int, version: int, *, effects: bool) -> None:
    """One transition on an asynchronous psycopg connection, inside the caller's transaction."""
    cursor = await connection.execute(ADVANCE, (STATES[version + 1], run, version))
    if cursor.rowcount != 1:
        raise RuntimeError(f"run {run} is not at version {version}")
    await connection.execute(WRITE, (run, version + 1, STATES[version], STATES[version + 1]))
    if effects:
        await connection.execute(CONFIRM, (f"{run}:{version}",))


async def intend(connection: Any, run: int, version: int) -> None:
    """Commit an effect as intended, on a psycopg connection that commits by itself."""
    await connection.execute(INTEND, (f"{run}:{version}", run))


def rate_between(count: Callable[[], int], goal: int) -> dict[str, Any]:
    """Transitions per second from the first ones to the last, by looking at how many there are."""
    limit = time.monotonic() + DRAIN_SECONDS
    began, first, seen = 0.0, 0, 0
    while seen < goal:
        if time.monotonic() > limit:
            raise TimeoutError(f"{seen} of {goal} transitions in {DRAIN_SECONDS:.0f} s")
        seen = count()
        if seen >= WARM_UP and not began:
            began, first = time.monotonic(), seen
        time.sleep(0.02)
    return {"transitions_per_s": (seen - first) / (time.monotonic() - began), "seconds": time.monotonic() - began}


def worker(name: str, url: str, concurrency: int, *, effects: bool) -> Child:
    """A worker process of a peer."""
    mode = "effects" if effects else "plain"
    return Child([sys.executable, "-m", f"peers.{name}", "work", url, str(concurrency), mode])


def drain(peer: ModuleType, url: str, runs: int, processes: int, *, effects: bool = False) -> dict[str, Any]:
    """Transitions per second of so many worker processes over a backlog that is there before they start."""
    prepare(url, runs)
    asyncio.run(peer.install(url))
    asyncio.run(peer.submit(url, range(1, runs + 1)))
    with psycopg.connect(url, autocommit=True) as connection, ExitStack() as workers:
        connection.execute("ANALYZE")
        count = getattr(peer, "count", count_journal)
        for _ in range(processes):
            child = worker(_name(peer), url, peer.CONCURRENCY[processes], effects=effects)
            workers.callback(child.kill)
        return rate_between(lambda: count(connection), TRANSITIONS * runs)


def count_journal(connection: psycopg.Connection[Any]) -> int:
    """How many transitions have been committed."""
    row = connection.execute("SELECT count(*) FROM journal").fetchone()
    return int(row[0]) if row else 0


def latency(peer: ModuleType, url: str, samples: int) -> dict[str, Any]:
    """Milliseconds from submit to end of single runs, as a client sees them that looks at the row all the time."""
    prepare(url, samples + WARM_UP)
    asyncio.run(peer.install(url))
    child = worker(_name(peer), url, peer.CONCURRENCY[1], effects=False)
    try:
        time.sleep(3)
        return summary(asyncio.run(_one_at_a_time(peer, url, samples + WARM_UP))[WARM_UP:])
    finally:
        child.kill()


async def _one_at_a_time(peer: ModuleType, url: str, samples: int) -> list[float]:
    opened: Callable[[str], AbstractAsyncContextManager[Any]] = peer.client
    ended = getattr(peer, "ENDED", "SELECT 1 FROM run WHERE id = %s AND state = 'completed'")
    took: list[float] = []
    async with opened(url) as submit, await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for run in range(1, samples + 1):
            began = time.perf_counter()
            asked = await submit(run)
            while await (await connection.execute(ended, (asked or run,))).fetchone() is None:
                if time.perf_counter() - began > LATENCY_SECONDS:
                    raise TimeoutError(f"run {run} did not end in {LATENCY_SECONDS:.0f} s")
                await asyncio.sleep(LOOK_SECONDS)
            took.append(time.perf_counter() - began)
            if sum(took) > LATENCY_SECONDS:
                break
    return took


def summary(seconds: Iterable[float]) -> dict[str, Any]:
    """The median and the 99th percentile in milliseconds."""
    ordered = sorted(seconds)
    at = [ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 for share in (0.5, 0.99)]
    return {"p50_ms": at[0], "p99_ms": at[1], "samples": len(ordered)}


def _name(peer: ModuleType) -> str:
    return str(peer.__file__).rsplit("/", 1)[-1].removesuffix(".py")


def end_with_parent() -> None:
    """In a worker: end at once when whoever started it has gone."""

    def watch() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def main(peer: ModuleType, arguments: Sequence[str] | None = None) -> None:
    """Do what the command line asks of a peer's module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["drain", "effects", "latency", "work"])
    parser.add_argument("url")
    parser.add_argument("count", type=int)
    parser.add_argument("more", nargs="?", default="1")
    given = parser.parse_args(arguments)
    if given.what == "work":
        end_with_parent()
        peer.work(given.url, given.count, effects=given.more == "effects")
        return
    if given.what == "latency":
        own = getattr(peer, "latency", None)
        tell(**(own(given.url, given.count) if own else latency(peer, given.url, given.count)))
        return
    own, effects = getattr(peer, "drain", None), given.what == "effects"
    processes = int(given.more)
    if own:
        tell(**own(given.url, given.count, processes, effects=effects))
    else:
        tell(**drain(peer, given.url, given.count, processes, effects=effects))
