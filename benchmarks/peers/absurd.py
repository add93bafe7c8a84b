"""Absurd: a task of four checkpointed steps; four threads with a connection each, claims of ten, a look every 20 ms.

Its own checkpoint is the durable transition. With effects the step commits one as intended, then as confirmed, and
Absurd commits its checkpoint.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from absurd_sdk import Absurd

from peers.chain import CONFIRM, INTEND, STATES, TRANSITIONS, main

CONCURRENCY = {1: 4, 2: 4}
ENDED = "SELECT 1 FROM absurd.t_default WHERE task_id = %s AND state = 'completed'"


async def install(url: str) -> None:
    """Make Absurd's schema, with the tool that it brings along, and a queue."""
    tool = Path(sys.executable).with_name("absurdctl")
    environment = {**os.environ, "PGDATABASE": url, "ABSURD_DATABASE_URL": url}
    subprocess.run([tool, "init"], check=True, capture_output=True, env=environment)  # noqa: ASYNC221, S603
    absurd = Absurd(url)
    absurd.create_queue("default")
    absurd.close()


async def submit(url: str, runs: Sequence[int]) -> None:
    """Put in a task for each run."""
    absurd = Absurd(url)
    for run in runs:
        absurd.spawn("plan", {"run": run}, queue="default")
    absurd.close()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Callable[[int], Awaitable[Any]]]:
    """What submits single runs, and answers their ids."""
    absurd = Absurd(url)

    async def submit_one(run: int) -> Any:
        return absurd.spawn("plan", {"run": run}, queue="default")["task_id"]

    yield submit_one
    absurd.close()


def count(connection: psycopg.Connection[Any]) -> int:
    """How many transitions have been committed, by the tasks that ended."""
    row = connection.execute("SELECT count(*) FROM absurd.t_default WHERE state = 'completed'").fetchone()
    return TRANSITIONS * int(row[0]) if row else 0


def register(absurd: Absurd, ledger: psycopg.Connection[Any] | None) -> None:
    """Say what the task is."""

    @absurd.register_task(name="plan")
    def plan(params: dict[str, int], context: Any) -> dict[str, bool]:
        for version in range(TRANSITIONS):

            def step(version: int = version) -> str:
                if ledger is not None:
                    key = f"{params['run']}:{version}"
                    ledger.execute(INTEND, (key, params["run"]))
                    ledger.execute(CONFIRM, (key,))
                return STATES[version + 1]

            context.step(f"step{version}", step)
        return {"ok": True}


def work(url: str, concurrency: int, *, effects: bool) -> None:
    """Work until the process ends."""

    def one_at_a_time() -> None:
        absurd = Absurd(psycopg.connect(url, autocommit=True))
        register(absurd, psycopg.connect(url, autocommit=True) if effects else None)
        absurd.start_worker(concurrency=1, batch_size=10, poll_interval=0.02)

    threads = [threading.Thread(target=one_at_a_time, daemon=True) for _ in range(concurrency)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.modules[__name__])
