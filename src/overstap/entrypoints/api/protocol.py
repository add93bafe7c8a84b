"""HTTP as it comes from the socket: who is too slow, or sends too much, to become a request is told so."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

import orjson
from ulid import ULID
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from overstap.entrypoints.api.problems import MEDIA_TYPE, problem_body

_HEAD_BYTES = 65_536
_BUSY_SECONDS = 1


class ImpatientProtocol(HttpToolsProtocol):
    """Hangs up on clients that do not get to the end of a request's head in time, or at all.

    Nor does it listen for long to a body that was answered before its end.

    Attributes:
        header_seconds: within which a head has to come.
    """

    header_seconds: ClassVar[float]
    _waits: asyncio.TimerHandle | None = None
    _lingers: asyncio.TimerHandle | None = None
    _began = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        within_head = self._began
        super().data_received(data)
        # What began in this part is not counted: it can be the end of the body before. A part is 256 KiB at the most.
        if within_head and self._began:
            self._head_bytes += len(data)
            if self._head_bytes > _HEAD_BYTES:
                self._hang_up(431, "head_too_large", f"The head of a request has at most {_HEAD_BYTES} bytes here.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._began, self._head_bytes = True, 0
        if self._waits is None:
            self._wait()

    def on_headers_complete(self) -> None:
        self._began = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_lingering()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # Answered early: the rest of the body is thrown away for a while, so that the client gets to read the answer.
        if self.cycle.response_complete and self.cycle.more_body:
            self._lingers = self.loop.call_later(self.header_seconds, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_lingering()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._hang_up(400, "bad_http", "This is no HTTP request, or none that could be read.")

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        super()._start_asgi_task(cycle, _busy if app is service_unavailable else app)

    def _wait(self) -> None:
        text = f"The head of the request did not come within {self.header_seconds:g} s."
        self._waits = self.loop.call_later(self.header_seconds, self._hang_up, 408, "head_too_slow", text)

    def _stop_waiting(self) -> None:
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None

    def _stop_lingering(self) -> None:
        if self._lingers is not None:
            self._lingers.cancel()
            self._lingers = None

    def _hang_up(self, status: int, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = orjson.dumps(problem_body(status, code, detail, str(ULID())))
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()


async def _busy(_scope: Any, _receive: Any, send: Any) -> None:
    """The answer to a request for which there is no room."""
    request_id = str(ULID())
    text = "The server has as many connections as it takes; try again."
    headers = [
        (b"content-type", MEDIA_TYPE.encode("ascii")),
        (b"retry-after", b"%d" % _BUSY_SECONDS),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode("ascii")),
    ]
    body = orjson.dumps(problem_body(503, "too_busy", text, request_id))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
