"""A real server and its sockets: nobody holds it up by being slow, and nobody fills its memory."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from api_stage import Stage, stage

SLOW = 0.4
"""Seconds that a head, and each part of a body, have on this stage."""
MEGABYTE = 1024 * 1024
LIMIT = 20.0


@pytest.fixture(scope="module")
def strict(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage whose server has little patience; which database is behind it makes no difference here."""
    path = tmp_path_factory.mktemp("strict") / "overstap.db"
    path.write_bytes(sqlite_template.read_bytes())
    api = {"requests": 0, "header_time": f"{SLOW * 1000:g}ms", "body_time": f"{SLOW * 1000:g}ms"}
    with stage(f"sqlite:///{path}", api=api) as made:
        yield made


@pytest.fixture(scope="module")
def url(strict: Stage) -> Iterator[str]:
    with strict.served() as found:
        yield found


def connected(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=LIMIT)


def said(url: str, *parts: bytes, pause: float = 0) -> tuple[bytes, float]:
    """What a server answers until it hangs up, and after how many seconds."""
    began = time.monotonic()
    with connected(url) as client:
        for part in parts:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(part)
            client.settimeout(pause or LIMIT)
            with contextlib.suppress(TimeoutError):
                if pause and (early := client.recv(65536)):
                    return early + _rest(client), time.monotonic() - began
        client.settimeout(LIMIT)
        return _rest(client), time.monotonic() - began


def _rest(client: socket.socket) -> bytes:
    found = b""
    client.settimeout(LIMIT)
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65536):
            found += part
    return found


def assert_told(answer: bytes, status: int, code: str) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), answer
    assert b"application/problem+json" in head
    told = orjson.loads(body)
    assert (status, code) == (told["status"], told["code"])
    assert told["request_id"]


def request(strict: Stage, *, length: int, more: str = "") -> bytes:
    token = strict.tokens["everything"]
    return (
        f"POST /api/v1/quotes HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    ).encode()


@pytest.mark.parametrize(
    "parts",
    [[], [b"GET /api/v1/me HTTP/1.1\r\n"], [b"GET /api/v1/me HTTP/1.1\r\n", *[b"X-A: b\r\n"] * 30], [b"\x16\x03\x01"]],
    ids=["silent", "half a head", "a line at a time", "half of something else"],
)
def test_a_head_that_does_not_come_is_not_waited_for(url: str, parts: list[bytes]) -> None:
    answer, seconds = said(url, *parts, pause=SLOW / 4)

    status, code = (400, "bad_http") if parts == [b"\x16\x03\x01"] else (408, "head_too_slow")
    assert_told(answer, status, code)
    assert seconds < 5 * SLOW


def test_a_body_that_stops_is_not_waited_for(strict: Stage, url: str) -> None:
    answer, seconds = said(url, request(strict, length=100), b"{", pause=0.01)

    assert_told(answer, 408, "body_too_slow")
    assert SLOW / 2 < seconds < 10 * SLOW


def test_a_body_that_trickles_has_an_end(strict: Stage, url: str) -> None:
    answer, seconds = said(url, request(strict, length=10_000), *[b" "] * 400, pause=SLOW / 4)

    assert_told(answer, 408, "body_too_slow")
    assert 4 * SLOW < seconds < 15 * SLOW


def test_others_are_served_while_somebody_is_slow(strict: Stage, url: str) -> None:
    with contextlib.ExitStack() as slow:
        for _ in range(100):
            client = slow.enter_context(connected(url))
            client.sendall(request(strict, length=1000) + b"{")
        began = time.monotonic()
        answer = httpx.get(f"{url}/api/v1/me", headers=strict.headers(), timeout=LIMIT)

        assert (200, True) == (answer.status_code, time.monotonic() - began < LIMIT / 4)


@pytest.mark.parametrize("size", [400_000, 2 * MEGABYTE], ids=["400 kB", "2 MB"])
@pytest.mark.parametrize("line", [b"X: ", b""], ids=["one header", "no colon"])
def test_a_head_has_a_size(url: str, line: bytes, size: int) -> None:
    parts = [b"a" * 65_536] * (size // 65_536 + 1)

    answer, _ = said(url, b"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n" + line, *parts, pause=0.01)

    assert_told(answer, 431, "head_too_large")


def test_who_finds_no_room_is_told_to_come_again(strict: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.entrypoints.api.server._CONNECTIONS", 2)
    with strict.served() as url, contextlib.ExitStack() as others:
        for _ in range(2):
            others.enter_context(connected(url))
        answer = httpx.get(f"{url}/api/v1/me", headers=strict.headers())

    assert (503, "too_busy") == (answer.status_code, answer.json()["code"])
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"G\xff\xfe / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
    ids=repr,
)
def test_what_is_no_http_is_told_so(url: str, garbage: bytes) -> None:
    answer, _ = said(url, garbage)

    assert_told(answer, 400, "bad_http")


@pytest.mark.parametrize("path", ["%00", "%ff", "%ed%a0%80", "x" * 3000, "%2e%2e%2f%2e%2e%2fetc%2fpasswd"])
def test_a_path_that_no_run_has_gets_a_problem(strict: Stage, url: str, path: str) -> None:
    answer = httpx.get(f"{url}/api/v1/runs/{path}", headers=strict.headers())

    assert answer.status_code in {400, 404, 422}
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_body_that_is_too_long_is_answered_before_it_comes(strict: Stage, url: str) -> None:
    answer, seconds = said(url, request(strict, length=50 * MEGABYTE), b"{")

    assert_told(answer, 413, "content_too_large")
    assert seconds < 5 * SLOW


def test_who_goes_on_sending_after_the_answer_is_not_listened_to_for_long(strict: Stage, url: str) -> None:
    with connected(url) as client:
        client.sendall(request(strict, length=50 * MEGABYTE))
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while time.monotonic() - began < LIMIT:
                client.sendall(b" ")
                time.sleep(SLOW / 8)

    assert time.monotonic() - began < 10 * SLOW


@pytest.fixture
def process(strict: Stage) -> Iterator[tuple[str, int]]:
    """`overstap serve` in a process of its own over the same database: its URL and its process id."""
    command = [sys.executable, "-m", "overstap", "serve", "--port", "0"]
    environment = {**os.environ, "OVERSTAP_DATABASE_URL": strict.settings.database_url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as server:
        assert server.stdout is not None
        told = server.stdout.readline().decode()
        try:
            yield re.findall(r"http://[\d.:]+", told)[0], server.pid
        finally:
            server.terminate()


def resident(pid: int, kind: str) -> int:
    """Bytes of memory of a process: `VmRSS` as it is, `VmHWM` the most that it ever was."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.findall(rf"^{kind}:\s+(\d+) kB$", told, re.MULTILINE)[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_fifty_megabytes_are_refused_early_and_kept_nowhere(strict: Stage, process: tuple[str, int]) -> None:
    url, pid = process
    headers = {**strict.headers(), "content-type": "application/json"}
    part = b" " * MEGABYTE

    def body() -> Iterator[bytes]:
        yield from [part] * 50

    with httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=LIMIT) as client:
        assert 200 == client.get("/me").status_code
        before = resident(pid, "VmRSS")
        told = client.post("/quotes", content=part * 50)
        chunked = client.post("/quotes", content=body())

        assert [(413, "content_too_large")] * 2 == [(one.status_code, one.json()["code"]) for one in (told, chunked)]
        assert 200 == client.get("/me").status_code
    assert resident(pid, "VmHWM") - before < 16 * MEGABYTE
