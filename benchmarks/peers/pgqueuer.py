"""PgQueuer: four jobs in a chain; asyncpg on uvloop, batches of 50, a pool of 10 connections."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from peers.chain import ADVANCE, CONFIRM, INTEND, STATES, TRANSITIONS, WRITE, main

CONCURRENCY = {1: 10, 2: 10}
AT_ONCE = 500


def numbered(statement: str) -> str:
    """A statement with its places as asyncpg writes them."""
    for place in range(1, statement.count("%s") + 1):
        statement = statement.replace("%s", f"${place}", 1)
    return statement


async def install(url: str) -> None:
    """Make PgQueuer's tables."""
    connection = await asyncpg.connect(url)
    await Queries(AsyncpgDriver(connection)).install()
    await connection.close()


def job(run: int, version: int) -> bytes:
    """What a job carries."""
    return json.dumps([run, version]).encode()


async def submit(url: str, runs: Sequence[int]) -> None:
    """Put in the first job of each run."""
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))
    for first in range(0, len(runs), AT_ONCE):
        some = runs[first : first + AT_ONCE]
        await queries.enqueue(["step"] * len(some), [job(run, 0) for run in some], [0] * len(some))
    await connection.close()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What submits single runs."""
    connection = await asyncpg.connect(url)
    queries = Queries(AsyncpgDriver(connection))

    async def submit_one(run: int) -> None:
        await queries.enqueue("step", job(run, 0))

    yield submit_one
    await connection.close()


def work(url: str, concurrency: int, *, effects: bool) -> None:
    """Work until the process ends."""
    advance, write, intend, confirm = (numbered(each) for each in (ADVANCE, WRITE, INTEND, CONFIRM))

    async def loop() -> None:
        pool = await asyncpg.create_pool(url, min_size=2, max_size=concurrency)
        queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(url)))

        @queue.entrypoint("step")
        async def step(given: Job) -> None:
            run, version = json.loads(given.payload or b"")
            async with pool.acquire() as connection:
                if effects:
                    await connection.execute(intend, f"{run}:{version}", run)
                async with connection.transaction():
                    if await connection.execute(advance, STATES[version + 1], run, version) != "UPDATE 1":
                        raise RuntimeError(f"run {run} is not at version {version}")
                    await connection.execute(write, run, version + 1, STATES[version], STATES[version + 1])
                    if effects:
                        await connection.execute(confirm, f"{run}:{version}")
                    if version + 1 < TRANSITIONS:
                        await Queries(AsyncpgDriver(connection)).enqueue("step", job(run, version + 1))

        await queue.run(batch_size=50)

    uvloop.run(loop())


if __name__ == "__main__":
    main(sys.modules[__name__])
