"""Oban for Python: four jobs in a chain; uvloop, at most 20 jobs at once in a process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import uvloop
from oban import Job, Oban
from oban import worker as oban_worker
from oban.schema import install as install_schema

from peers.chain import TRANSITIONS, advance, intend, main

CONCURRENCY = {1: 20, 2: 20}
AT_ONCE = 500
AT_WORK: dict[str, Any] = {}
"""The pool of a worker process, and whether it records effects: Oban makes its workers itself."""


@oban_worker(queue="default", max_attempts=3)
class Step:
    """One transition."""

    async def process(self, job: Job) -> None:
        """Do it, and put in the next job."""
        run, version = job.args["run"], job.args["version"]
        async with AT_WORK["pool"].connection() as connection:
            if AT_WORK["effects"]:
                async with connection.transaction():
                    await intend(connection, run, version)
            async with connection.transaction():
                await advance(connection, run, version, effects=AT_WORK["effects"])
                if version + 1 < TRANSITIONS:
                    following = Step.new({"run": run, "version": version + 1})
                    await Oban.get_instance().enqueue(following, conn=connection)


async def install(url: str) -> None:
    """Make Oban's tables."""
    pool = await Oban.create_pool(url)
    await install_schema(pool)
    await pool.close()


async def submit(url: str, runs: Sequence[int]) -> None:
    """Put in the first job of each run."""
    pool = await Oban.create_pool(url)
    async with Oban(pool=pool) as oban:
        for first in range(0, len(runs), AT_ONCE):
            await oban.enqueue_many([Step.new({"run": run, "version": 0}) for run in runs[first : first + AT_ONCE]])
    await pool.close()


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """What submits single runs."""
    pool = await Oban.create_pool(url)
    async with Oban(pool=pool) as oban:

        async def submit_one(run: int) -> None:
            await oban.enqueue(Step.new({"run": run, "version": 0}))

        yield submit_one
    await pool.close()


def work(url: str, concurrency: int, *, effects: bool) -> None:
    """Work until the process ends."""

    async def loop() -> None:
        AT_WORK.update(pool=await Oban.create_pool(url, min_size=4, max_size=concurrency + 4), effects=effects)
        async with Oban(pool=AT_WORK["pool"], queues={"default": concurrency}):
            await asyncio.Event().wait()

    uvloop.run(loop())


if __name__ == "__main__":
    main(sys.modules[__name__])
