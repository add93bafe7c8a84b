"""A web server on this machine that takes what Apprise's `json://` sends, and answers as a test wants."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_ID = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b")


class Mailbox:
    """What came in, in order; `answers` are the status codes of the next calls, 200 after them."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.hold: threading.Event | None = None
        self.came = threading.Event()
        self.url = ""

    @property
    def ids(self) -> list[str]:
        """The number of each message that came in: the last one in its text."""
        return [_ID.findall(one["message"])[-1] for one in self.received]

    @property
    def titles(self) -> list[str]:
        return [one["title"] for one in self.received]

    def take(self, content: bytes) -> int:
        self.received.append(json.loads(content))
        self.came.set()
        if self.hold is not None:
            self.hold.wait(30)
        return self.answers.pop(0) if self.answers else 200


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mailbox, for as long as the block lasts."""
    box = Mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(box.take(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box.url = f"json://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
