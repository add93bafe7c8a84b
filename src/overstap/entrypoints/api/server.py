"""The API as a server that ends in order, and that nobody holds up by being slow."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import uvicorn
from fastapi import FastAPI

from overstap.entrypoints.api.protocol import ImpatientProtocol
from overstap.entrypoints.api.streams import Streams
from overstap.errors import BadInput, Refused

_BACKLOG = 2048
_GRACE_SECONDS = 5
_CONNECTIONS = 1000
_IDLE_SECONDS = 30


def ensure_safe(host: str, *, sign_in: bool) -> None:
    """Refuse to listen where others reach it before there is anything to sign in with.

    Raises:
        Refused: saying how to make one.
    """
    if sign_in or is_loopback(host):
        return
    raise Refused(
        f"{host} is reachable from other machines, and nobody could sign in: there is no token, and no issuer in "
        "[sign_in]. Make a token first (`overstap tokens create`), or listen on 127.0.0.1."
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Args:
        port: 0 takes any that is free.

    Raises:
        BadInput: when that cannot be.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as undo:
            made = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(_BACKLOG)  # from here on clients wait until the server is there, and are not sent away
            undo.pop_all()
    except OSError as error:
        raise BadInput(f"cannot listen on {host} port {port}: {error.strerror}; give --host or --port") from None
    return made


def url_of(listening: socket.socket) -> str:
    """Where a listening socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    if listening.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Serves until `stop`; signals are whoever calls it's to handle."""

    def __init__(self, api: FastAPI, header_time: timedelta) -> None:
        super().__init__(
            uvicorn.Config(
                api,
                http=type("Impatient", (ImpatientProtocol,), {"header_seconds": header_time.total_seconds()}),
                ws="websockets-sansio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

        self._streams: Streams = api.state.streams
        self.ended = threading.Event()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what would never end by itself, then wait for the rest."""
        self._streams.live.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    def serve_on(self, listening: socket.socket) -> None:
        """Serve on a socket, in this thread, until `stop`."""
        try:
            asyncio.run(self.serve([listening]))
        finally:
            self.ended.set()

    def stop(self) -> None:
        """Take no more requests, and end; from any thread, or a signal."""
        self.should_exit = True


class ServingThread:
    """The server runs in a thread of its own for as long as its block lasts."""

    def __init__(self, server: Server, listening: socket.socket) -> None:
        self._server = server
        self._thread = threading.Thread(target=server.serve_on, args=(listening,), name="overstap-api")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._server.stop()
        self._thread.join()
