"""What surrounds every request, whatever its route: its id, the time it has, and headers that keep browsers safe."""

from __future__ import annotations

import re
import time
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from ulid import ULID

from overstap.entrypoints.api.bodies import within_limits
from overstap.settings import ApiSettings

log = structlog.get_logger(__name__)

_ID = re.compile(r"[A-Za-z0-9_.:-]{8,64}")
_LINK = re.compile(r"(/sign-in/)(?!back$).+")
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
        given: how large a body may be, and within which time it has to come.
    """

    def __init__(self, app: ASGIApp, given: ApiSettings) -> None:
        self._app = app
        self._limits = given

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
            await self._app(scope, within_limits(scope, receive, self._limits), send_safely)
            took: dict[str, Any] = {"ms": round((time.perf_counter() - began) * 1000, 1)}
            log.debug("request", method=scope["method"], path=logged_path(scope["path"]), status=status, **took)
