"""Procrastinate: four jobs in a chain; uvloop, LISTEN/NOTIFY and a look every 0.1 s (the default of 5 s stalls)."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import procrastinate
import uvloop
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

from peers.chain import TRANSITIONS, advance, intend, main

CONCURRENCY = {1: 20, 2: 10}
AT_ONCE = 500
LOOK_SECONDS = 0.1


def make(
    url: str, *, size: int = 10, pool: Any = None, effects: bool = False
) -> tuple[procrastinate.App, procrastinate.tasks.Task[Any, Any, Any]]:
    """The application and its one task, which does a transition and puts in the next job."""
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, min_size=2, max_size=size))

    @app.task(name="step", queue="default")
    async def step(run: int, version: int) -> None:
        async with pool.connection() as connection:
            if effects:
                await intend(connection, run, version)
            async with connection.transaction():
                await advance(connection, run, version, effects=effects)
                if version + 1 < TRANSITIONS:
                    await step.configure(connection=connection).defer_async(run=run, version=version + 1)

    return app, step


async def install(url: str) -> None:
    """Make Procrastinate's tables."""
    app, _ = make(url)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def submit(url: str, runs: Sequence[int]) -> None:
    """Put in the first job of each run."""
    app, step = make(url)
    async with app.open_async():
        for first in range(0, len(runs), AT_ONCE):
            await step.batch_defer_async(*({"run": run, "version": 0} for run in runs[first : first + AT_ONCE]))


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What submits single runs."""
    app, step = make(url)
    async with app.open_async():

        async def submit_one(run: int) -> None:
            await step.defer_async(run=run, version=0)

        yield submit_one


def work(url: str, concurrency: int, *, effects: bool) -> None:
    """Work until the process ends."""

    async def loop() -> None:
        options = {"autocommit": True, "row_factory": dict_row}
        pool = AsyncConnectionPool(url, min_size=2, max_size=concurrency, kwargs=options, open=False)
        await pool.open()
        app, _ = make(url, size=concurrency, pool=pool, effects=effects)
        async with app.open_async():
            await app.run_worker_async(
                concurrency=concurrency,
                wait=True,
                listen_notify=True,
                install_signal_handlers=False,
                delete_jobs="never",
                fetch_job_polling_interval=LOOK_SECONDS,
            )

    uvloop.run(loop())


if __name__ == "__main__":
    main(sys.modules[__name__])
