"""What surrounds every request, whatever its route: its id, the time it has, and headers that keep browsers safe."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import timedelta
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from overstap.entrypoints.api.errors import BadRequest

log = structlog.get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}")
_LINK = re.compile(r"(/sign-in/)(?!back$).+")
_PARTS = 6
"""How many times as long as each part of a body the whole may take."""
_SAFE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def logged_path(path: str) -> str:
    """A path as it may stand in a log: without the secret of a one-time link."""
    return _LINK.sub(r"\1…", path)


class Surroundings:
    """Gives each request an id, which its logs and its answer carry.

    Args:
        body_limit: bytes of a body at the most; what is said to be longer is not read at all.
        body_time: within which each part of a body has to come, and the whole within six times of it.
    """

    def __init__(self, app: ASGIApp, body_limit: int, body_time: timedelta) -> None:
        self._app = app
        self._body_limit = body_limit
        self._body_seconds = body_time.total_seconds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head_only = scope["method"] == "HEAD"
        if head_only:  # the same as GET, without the body (RFC 9110 §9.3.2)
            scope = {**scope, "method": "GET"}
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else str(ULID())
        scope["request_id"] = request_id
        status, began = 0, time.perf_counter()

        async def send_safely(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
            elif head_only:
                return
            await send(message)
            if head_only:
                await send({"type": "http.response.body", "body": b""})  # at once: a stream would never end

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            length = Headers(scope=scope).get("content-length", "")
            await self._app(scope, self._within_limits(receive, length), send_safely)
            took: dict[str, Any] = {"ms": round((time.perf_counter() - began) * 1000, 1)}
            log.debug("request", method=scope["method"], path=logged_path(scope["path"]), status=status, **took)

    def _within_limits(self, receive: Receive, said: str) -> Receive:
        """The same, for a body that has to come in time, and to be no longer than it may.

        Args:
            said: the header that tells its length; empty where none does.
        """
        until: float | None = None
        complete, length = False, 0

        async def receive_body() -> Message:
            nonlocal until, complete, length
            if complete:  # from here on it is only told when the client goes
                return await receive()
            if said.isdecimal() and int(said[:20]) > self._body_limit:
                raise self._too_large()
            now = time.perf_counter()
            until = now + _PARTS * self._body_seconds if until is None else until
            try:
                message = await asyncio.wait_for(receive(), min(self._body_seconds, until - now))
            except TimeoutError:
                raise self._too_slow() from None
            length += len(message.get("body", b""))
            if length > self._body_limit:
                raise self._too_large()
            complete = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        return receive_body

    def _too_large(self) -> BadRequest:
        text = f"A body has at most {self._body_limit} bytes here ([api] body_limit)."
        return BadRequest(413, "content_too_large", text)

    def _too_slow(self) -> BadRequest:
        text = (
            f"Each part of a body has to come within {self._body_seconds:g} s, and all of it within "
            f"{_PARTS * self._body_seconds:g} s."
        )
        return BadRequest(408, "body_too_slow", text, {"Connection": "close"})
