"""Live streams: journal entries as server-sent events, for as long as whoever asked may see them.

An event's id is its place in the feed. A stream begins by saying where it is, and says it again when nothing comes, so
that a client which was cut off goes on just there (`Last-Event-ID`). The writing is FastAPI's; it does not let a stream
be refused before it begins, so the response is our own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.types import Message, Receive, Scope, Send

from overstap.app.live import Live
from overstap.entrypoints import run_shapes, shapes
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.errors import BadRequest, Unavailable
from overstap.errors import BadInput, DatabaseUnavailable
from overstap.store.feed import FedEntry, Position
from overstap.workflow.run import Kind, Run

log = structlog.get_logger(__name__)

END = "end"
"""The event after which a run's stream has nothing more to tell."""
_AGAIN_MILLISECONDS = 2000
_FULL_SECONDS = 10


@dataclass(slots=True)
class Streams:
    """The streams of one server.

    Attributes:
        most: how many there may be at one time.
        open: how many there are.
        beat: after so many seconds without an event a stream says that it lives.
        check: after so many seconds it is asked again whether whoever listens still may.
        look: after so many seconds it is looked again whether all of a run that has ended was told.
        patience: a client that takes nothing for so many seconds is cut off.
    """

    live: Live
    most: int
    open: int = 0
    beat: float = 15.0
    check: float = 30.0
    look: float = 0.25
    patience: float = 60.0

    def ensure_room(self) -> None:
        """Refuse one more than there may be.

        Raises:
            Unavailable: when there are so many already.
        """
        if self.open >= self.most:
            raise Unavailable(f"{self.most} live streams are open ([api] stream_limit); try again.", _FULL_SECONDS)


async def begin_at(call: Call, last: str | None) -> Position:
    """The place that a stream begins at: behind the last event that the client has, else at the end.

    Args:
        last: the id of that event.

    Raises:
        BadRequest: when that event is too long ago, or none of ours.
    """
    feed = call.app.feed
    if not last:
        return await run_in_threadpool(feed.end)
    with suppress(BadInput):
        place = Position.read(last)
        if await run_in_threadpool(feed.keeps, place):
            return place
    raise BadRequest(
        410,
        "events_gone",
        "What came after that Last-Event-ID is not kept any more, or it is none of this server's. Open the stream "
        "without it, and then read /runs anew: what happens from then on comes with the stream.",
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream tells.

    Attributes:
        tenant_id: only of this tenant's runs.
        run_id: only of this run, to its end.
        kinds: only entries of these kinds; none for all.
    """

    tenant_id: str | None = None
    run_id: str | None = None
    kinds: Collection[Kind] = ()


class EventStream(EventSourceResponse):
    """Journal entries from a place on.

    Raises:
        Unavailable: when there are as many streams as there may be.
    """

    def __init__(self, request: Request, call: Call, after: Position, wanted: Wanted) -> None:
        self._streams: Streams = request.app.state.streams
        self._streams.ensure_room()
        self._request, self._call = request, call
        self._after, self._wanted = after, wanted
        self._source = self._events()
        super().__init__(self._source, headers={"x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client goes, or must."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._streams.patience):
                await send(message)

        self._streams.open += 1
        try:
            # Without this it would follow until somebody collects it.
            async with aclosing(self._source):
                await super().__call__(scope, receive, send_in_time)
        except TimeoutError:
            log.info("stream_cut_off", by=self._call.principal.by)
        finally:
            self._streams.open -= 1

    async def _events(self) -> AsyncGenerator[bytes]:
        streams, wanted = self._streams, self._wanted
        yield format_sse_event(comment="overstap", id=str(self._after), retry=_AGAIN_MILLISECONDS)
        ending = _Ending(self._call, wanted.run_id) if wanted.run_id else None
        spoke = checked = time.monotonic()
        live = streams.live
        with suppress(DatabaseUnavailable):  # the client comes again
            async with live.follow(self._after, tenant_id=wanted.tenant_id, run_id=wanted.run_id) as follower:
                while not live.closed:
                    near = ending is not None and ending.near
                    some = await follower.next(streams.look if near else min(streams.beat, streams.check))
                    told = [_event(one) for one in some if not wanted.kinds or one.entry.kind in wanted.kinds]
                    if not told and time.monotonic() >= spoke + streams.beat:
                        told = [format_sse_event(comment="beat", id=str(follower.position))]
                    if ending and (run := await run_in_threadpool(ending.reached, follower.position, some)):
                        yield b"".join([*told, _end(run)])
                        return
                    if told:
                        yield b"".join(told)
                        spoke = time.monotonic()
                    if time.monotonic() >= checked + streams.check:
                        if not await run_in_threadpool(self._still_in):
                            return
                        checked = time.monotonic()

    def _still_in(self) -> bool:
        gate: Gatekeeper = self._request.app.state.gate
        return gate.still_in(self._request, self._call.principal)


class _Ending:
    """Waits for the end of a run, and for all before it to be told.

    Attributes:
        near: it has ended, and something of it may not be readable yet; or nobody knows yet.
    """

    def __init__(self, call: Call, run_id: str) -> None:
        self._app, self._run_id = call.app, run_id
        self._looked = False
        self._ended: Run | None = None
        self._until: Position | None = None

    @property
    def near(self) -> bool:
        return self._ended is not None or not self._looked

    def reached(self, position: Position, some: list[FedEntry]) -> Run | None:
        """The run, once it has ended and nothing of it comes after a place or after these entries."""
        if self._ended is None and (some or not self._looked):
            self._looked = True
            run = self._app.service.run(self._run_id).run
            if run.ended_at is not None:
                self._ended, self._until = run, self._app.feed.latest()
        if self._ended is None or self._until is None:
            return None
        told = bool(some) and some[-1].entry.seq >= self._ended.seq
        return self._ended if told or position >= self._until else None


def _end(run: Run) -> bytes:
    # Without an id: it stays at that of the last entry, so that whoever misses this is told again.
    told = {
        "run_id": run.id,
        "tenant_id": run.tenant_id,
        "seq": run.seq,
        "state": run.state,
        "status": str(run.status),
        "ended_at": shapes.moment(run.ended_at),
    }
    return format_sse_event(event=END, data_str=_json(told))


def _event(one: FedEntry) -> bytes:
    told = {"run_id": one.entry.run_id, "tenant_id": one.tenant_id, **run_shapes.entry(one.entry)}
    return format_sse_event(event=str(one.entry.kind), id=str(one.position), data_str=_json(told))


def _json(told: Any) -> str:
    return orjson.dumps(told).decode()
