"""An API that is served, and clients that listen to its live streams."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from overstap.app.principals import Role
from overstap.bootstrap import App
from overstap.entrypoints.api import PREFIX, make_api
from overstap.entrypoints.api.server import Server, ServingThread, listen, url_of
from overstap.entrypoints.api.streams import Streams


@dataclass(frozen=True)
class Event:
    """One event as a browser would see it; `id` is the last one that was told, with it or before."""

    id: str
    kind: str
    data: Any


class Listening:
    """Reads a stream as browsers do (the HTML standard's §9.2.6).

    Attributes:
        place: the last id that was told.
        comments: the comments that were told.
    """

    def __init__(self, place: str = "") -> None:
        self.place = place
        self.comments: list[str] = []

    def events(self, lines: Iterator[str]) -> Iterator[Event]:
        """The events in the lines of a stream."""
        kind, data = "message", list[str]()
        place = self.place
        for line in lines:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "event":
                    kind = value
                case "data":
                    data.append(value)
                case "id":
                    place = value
                case "" if line:
                    self.comments.append(value)
                case "":
                    self.place = place
                    if data:
                        yield Event(place, kind, json.loads("\n".join(data)))
                    kind, data = "message", []


@dataclass(frozen=True)
class Served:
    """An API that is served in a thread of this process."""

    app: App
    url: str
    streams: Streams
    stop: Callable[[], None]

    def client(self, *roles: Role, tenant_id: str | None = None, upn: str | None = None) -> httpx.Client:
        """Somebody with a token of these roles; a viewer without any."""
        number = len(self.app.tokens.all()) + 1
        _, text = self.app.tokens.create(
            f"token-{number}", roles or (Role.VIEWER,), actor="operator", reason="a test", tenant_id=tenant_id, upn=upn
        )
        return httpx.Client(base_url=self.url + PREFIX, headers={"authorization": f"Bearer {text}"}, timeout=10)


@contextmanager
def served(app: App) -> Iterator[Served]:
    """Serve an application for as long as the block lasts."""
    api = make_api(app)
    listening = listen("127.0.0.1", 0)
    server = Server(api, timedelta(seconds=10))
    with listening, ServingThread(server, listening):
        yield Served(app, url_of(listening), api.state.streams, server.stop)


class Ear:
    """Listens to a stream in a thread.

    Attributes:
        begun: set when the stream has said where it begins.
        ended: set when the stream was ended by the server.
    """

    def __init__(self, client: httpx.Client, path: str = "/events", last: str = "", **params: Any) -> None:
        self.listening = Listening(last)
        self.heard: list[Event] = []
        self.begun, self.ended = threading.Event(), threading.Event()
        self._news = threading.Condition()
        headers = {"last-event-id": last} if last else {}
        self._response = client.send(client.build_request("GET", path, headers=headers, params=params), stream=True)
        self.status = self._response.status_code
        if self.status != httpx.codes.OK:
            self._response.read()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def answer(self) -> httpx.Response:
        """The answer, where it is no stream."""
        return self._response

    def _listen(self) -> None:
        def lines() -> Iterator[str]:
            for line in self._response.iter_lines():
                yield line
                if not line:
                    self.begun.set()

        try:
            for event in self.listening.events(lines()):
                with self._news:
                    self.heard.append(event)
                    self._news.notify_all()
        except (httpx.HTTPError, OSError):
            pass
        finally:
            self.ended.set()
            self.begun.set()

    def hears(self, count: int, seconds: float = 10.0) -> list[Event]:
        """What it heard, as soon as it is so much; after so many seconds whatever it is."""
        with self._news:
            self._news.wait_for(lambda: len(self.heard) >= count, seconds)
            return list(self.heard)

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):  # it has ended
            # Closing alone would wait for the thread, which waits for the server.
            self._response.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._response.close()
