"""Bodies of requests as they come in: each has to come in time, and to be no longer than it may."""

from __future__ import annotations

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from overstap.entrypoints.api.errors import BadRequest
from overstap.settings import ApiSettings

_PARTS = 6
"""How many times as long as each part of a body the whole may take."""


def within_limits(scope: Scope, receive: Receive, given: ApiSettings) -> Receive:
    """What gives the body of a request, within the limits of the settings.

    It raises BadRequest where a body is longer than `body_limit`, without reading it where its head says so, and where
    a part of it does not come within `body_time`, or the whole not within six times of that.
    """
    said = Headers(scope=scope).get("content-length", "")
    seconds = given.body_time.total_seconds()
    until: float | None = None
    complete, length = False, 0

    async def receive_body() -> Message:
        nonlocal until, complete, length
        if complete:  # from here on it is only told when the client goes
            return await receive()
        if said.isdecimal() and int(said[:20]) > given.body_limit:
            raise _too_large(given.body_limit)
        now = time.perf_counter()
        until = now + _PARTS * seconds if until is None else until
        try:
            message = await asyncio.wait_for(receive(), min(seconds, until - now))
        except TimeoutError:
            raise _too_slow(seconds) from None
        length += len(message.get("body", b""))
        if length > given.body_limit:
            raise _too_large(given.body_limit)
        complete = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    return receive_body


def _too_large(limit: int) -> BadRequest:
    return BadRequest(413, "content_too_large", f"A body has at most {limit} bytes here ([api] body_limit).")


def _too_slow(seconds: float) -> BadRequest:
    text = f"Each part of a body has to come within {seconds:g} s, and all of it within {_PARTS * seconds:g} s."
    return BadRequest(408, "body_too_slow", text, {"Connection": "close"})
