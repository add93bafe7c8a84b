"""Following the journals of all runs as they grow: one reader in this process for everybody who has caught up.

A follower pulls. One that is behind reads the database by itself until it has caught up; the others share what is kept
of the newest entries. So a slow one holds nobody up, and nothing is kept for it.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from operator import attrgetter

import structlog

from overstap.app.mailbox import Wakeups
from overstap.errors import DatabaseUnavailable
from overstap.store.feed import FedEntry, Feed, Position

log = structlog.get_logger(__name__)

Listen = Callable[[Callable[[], None]], Wakeups]
"""Begins to listen to the database; calls what it is given, from any thread, when there may be something new."""

_POLL_SECONDS = 0.25
"""A worker's commit tells nobody: so often is looked, while anybody follows."""
_PAUSE_SECONDS = 0.02
"""Between two looks at the most while many write."""
_AWAY_SECONDS = 1.0
_PAGE = 200
_KEPT = 2000
_position = attrgetter("position")


class Follower:
    """Somebody who follows.

    Attributes:
        position: the place to go on from: everything up to there that it asked for was answered.
    """

    def __init__(self, live: Live, after: Position, tenant_id: str | None, run_id: str | None) -> None:
        self.position = after
        self._live = live
        self._tenant_id = tenant_id
        self._run_id = run_id

    async def next(self, seconds: float) -> list[FedEntry]:
        """What comes next, as soon as there is something; nothing after so many seconds, or when `Live` was closed.

        Raises:
            DatabaseUnavailable: when it is behind, and the database does not answer.
        """
        limit = time.monotonic() + seconds
        while not self._live.closed:
            turn, page = self._live.turn, self._live.kept_after(self.position)
            if page is None:
                some = await self._read()
            elif page:
                self.position = page[-1].position
                some = [one for one in page if self._wants(one)]
            else:
                self.position = max(self.position, self._live.head)
                some = []
                if (left := limit - time.monotonic()) > 0:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(left):
                            await turn.wait()
            if some or time.monotonic() >= limit:
                return some
        return []

    async def _read(self) -> list[FedEntry]:
        reached = self._live.floor
        feed, after = self._live.feed, self.position
        some, self.position = await asyncio.to_thread(
            feed.read, after, _PAGE, tenant_id=self._tenant_id, run_id=self._run_id
        )
        if self.position == after:
            self.position = max(after, reached)  # that was all up to there
        return some

    def _wants(self, one: FedEntry) -> bool:
        return self._tenant_id in {None, one.tenant_id} and self._run_id in {None, one.entry.run_id}


class Live:
    """All followers of one database in one process; used in one event loop.

    Attributes:
        floor: what came after this place, up to `head`, is kept.
        head: how far was read.
        turn: set when something comes, and then replaced by another one.
    """

    def __init__(self, feed: Feed, listen: Listen, *, kept: int = _KEPT) -> None:
        self.feed = feed
        self.floor = self.head = Position(0, 0, 0)
        self.turn = asyncio.Event()
        self.closed = False
        self._listen = listen
        self._most = kept
        self._kept: list[FedEntry] = []
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reader: asyncio.Task[None] | None = None
        self._followers = 0

    @asynccontextmanager
    async def follow(
        self, after: Position, *, tenant_id: str | None = None, run_id: str | None = None
    ) -> AsyncIterator[Follower]:
        """Follow from a place on, for as long as the block lasts.

        Args:
            after: of `Feed.end` or of an entry; whoever gives an older one asks `Feed.keeps` first.
            tenant_id: only the runs of this tenant.
            run_id: only this run.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        if not self._followers:
            await self._begin()
        self._followers += 1
        try:
            yield Follower(self, after, tenant_id, run_id)
        finally:
            self._followers -= 1
            if not self._followers and self._reader is not None:
                self._reader.cancel()
                self._reader = None

    def kept_after(self, position: Position) -> list[FedEntry] | None:
        """A page of what came after a place; None where that is too long ago to be kept."""
        if position < self.floor:
            return None
        first = bisect_right(self._kept, position, key=_position)
        return self._kept[first : first + _PAGE]

    def close(self) -> None:
        """Let all followers end, and take no more; from any thread."""
        self.closed = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and they with it
                self._loop.call_soon_threadsafe(self._tell)

    async def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        end = await asyncio.to_thread(self.feed.end)
        if self._reader is None:
            self.floor = self.head = end
            self._kept.clear()
            self._reader = asyncio.create_task(self._read_on(), name="overstap-live")

    async def _read_on(self) -> None:
        wakeups = self._listen(self._wake)
        try:
            while True:
                try:
                    await self._catch_up()
                    await asyncio.sleep(_PAUSE_SECONDS)
                    await self._rest(wakeups)
                except Exception as error:
                    expected = isinstance(error, DatabaseUnavailable)
                    log.warning("live_look_failed", error=str(error), exc_info=None if expected else error)
                    await asyncio.sleep(_AWAY_SECONDS)
        finally:
            # In a thread, because it waits for one; nobody waits for that.
            asyncio.get_running_loop().run_in_executor(None, wakeups.close)

    async def _catch_up(self) -> None:
        """Read to the end."""
        while True:
            some, position = await asyncio.to_thread(self._look)
            if position <= self.head:
                return
            self.head = position
            if some:
                self._kept += some
                if len(self._kept) > 2 * self._most:
                    self.floor = self._kept[-self._most - 1].position
                    del self._kept[: -self._most]
                self._tell()

    def _look(self) -> tuple[list[FedEntry], Position]:
        # What is before this place was committed before the look, so nothing of it comes later.
        end = self.feed.end()
        some, position = self.feed.read(self.head, _PAGE)
        return some, position if position != self.head else max(end, position)

    async def _rest(self, wakeups: Wakeups) -> None:
        """Wait until there may be something."""
        loop, socket = asyncio.get_running_loop(), wakeups.fileno()
        if socket is not None:
            loop.add_reader(socket, self._hear, socket, wakeups)
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._woken.wait()
        finally:
            if socket is not None and wakeups.fileno() == socket:
                loop.remove_reader(socket)
        self._woken.clear()

    def _hear(self, socket: int, wakeups: Wakeups) -> None:
        # Not watched while it is read: a connection that was lost is closed, and its number is given away again.
        asyncio.get_running_loop().remove_reader(socket)
        if wakeups.heard():
            self._woken.set()

    def _wake(self) -> None:
        if self._loop is not None and not self._woken.is_set():
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._woken.set)

    def _tell(self) -> None:
        told, self.turn = self.turn, asyncio.Event()
        told.set()
