"""What is measured and traced of every request, whatever its route."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from overstap.app.traces import Traces
from overstap.entrypoints.prometheus import Requests

_NO_ROUTE = "none"
_NO_ANSWER = 499
"""As proxies call it: the client went before it was answered."""


class Observed:
    """Measures each request, and makes it a span."""

    def __init__(self, app: ASGIApp, requests: Requests, traces: Traces) -> None:
        self._app = app
        self._requests = requests
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = _NO_ANSWER, time.perf_counter()

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._traces.serving(scope["method"], scope["headers"]) as answered:
            try:
                await self._app(scope, receive, send_on)
            finally:
                route = _template(scope)
                answered(route, status)
                self._requests.add(scope["method"], route, status, time.perf_counter() - began)


def _template(scope: Scope) -> str:
    """The template of the request's route, not its path: there are as many paths as runs."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return _NO_ROUTE
    # A route may know itself without the prefix that it is reached under.
    path: str = scope["path"]
    before = path.split("/")[: path.count("/") - template.count("/") + 1]
    return "/".join(before) + str(template)
