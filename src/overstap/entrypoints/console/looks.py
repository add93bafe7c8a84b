"""What several open pages show alike is asked for once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import anyio.to_thread

T = TypeVar("T")

_AT_LEAST_SECONDS = 0.9
_TIMES = 5
"""A look is good for so many times as long as it took: however slow the database is, pages take a fifth of it."""
_MOST = 512
"""Looks remembered."""


class Looks:
    """Looks that serve all who ask for the same within a second; used in one event loop."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def look(self, key: Hashable, ask: Callable[[], T]) -> T:
        """What `ask` answers, or answered a moment ago; in a thread.

        Args:
            key: the same for whoever is to see the same.
        """
        good_until, known = self._known.get(key, (0.0, None))
        if time.monotonic() < good_until:
            return cast("T", known)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, ask))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return cast("T", await asyncio.shield(task))

    async def _ask(self, key: Hashable, ask: Callable[[], T]) -> T:
        began = time.monotonic()
        found = await anyio.to_thread.run_sync(ask)
        ended = time.monotonic()
        if len(self._known) >= _MOST:
            self._known = {one: kept for one, kept in self._known.items() if kept[0] > ended}
        self._known[key] = (ended + max(_AT_LEAST_SECONDS, _TIMES * (ended - began)), found)
        return found
