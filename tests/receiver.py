"""A receiver of webhooks as a process of its own: `python receiver.py PORT LOG MODE`.

Each message is a line of JSON in LOG, with the status it was answered; MODE is a file that says how to answer: `200` or
another status, `hang` (never, and it is not taken) or `late` (it is taken, and the answer comes too late). A path of
`/hang` always hangs.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_HANGS_SECONDS = 30


def serve(port: int, log: Path, mode: Path) -> None:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with lock, log.open("a", encoding="utf-8") as file:
                how = "hang" if self.path == "/hang" else mode.read_text(encoding="utf-8")
                headers = {name.lower(): value for name, value in self.headers.items()}
                told = {"how": how, "path": self.path, "headers": headers, "body": body}
                file.write(json.dumps(told) + "\n")
            if how in {"hang", "late"}:
                time.sleep(_HANGS_SECONDS)
            self.send_response(200 if how in {"hang", "late"} else int(how))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    Path(f"{log}.port").write_text(str(server.server_port), encoding="utf-8")
    server.serve_forever()


class Receiver:
    """Such a process, and what came to it; it can be killed and started again at its port."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "received.jsonl"
        self._mode = folder / "mode"
        self._log.touch()
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.answer("200")

    def start(self) -> None:
        told = Path(f"{self._log}.port")
        told.unlink(missing_ok=True)
        command = [sys.executable, __file__, str(self._port), str(self._log), str(self._mode)]
        self._process = subprocess.Popen(command)
        until = time.monotonic() + 20
        while not told.exists() or not told.read_text(encoding="utf-8"):
            assert self._process.poll() is None, "the receiver ended"
            assert time.monotonic() < until, "the receiver did not start"
            time.sleep(0.01)
        self._port = int(told.read_text(encoding="utf-8"))

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def answer(self, how: str) -> None:
        made = self._mode.with_name("mode.new")
        made.write_text(how, encoding="utf-8")
        made.replace(self._mode)

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self._port}{path}"

    def received(self, path: str = "/") -> list[dict[str, Any]]:
        lines = self._log.read_text(encoding="utf-8").split("\n")[:-1]
        return [told for line in lines if (told := json.loads(line))["path"] == path]


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
