"""Where webhooks may lead, and what is sent there."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook

from overstap.app.posting import Answer, Poster
from overstap.app.targets import LONGEST_URL, TargetRefused, ensure_allowed, read_target
from overstap.errors import BadInput

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example/",
        "http://hooks.example:8080/a?b=c",
        "https://[2606:4700::1111]:444/x",
        "https://bücher.example",
    ],
)
def test_a_target_is_https_or_http_at_any_port(url: str) -> None:
    assert read_target(url).scheme in {"http", "https"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://hooks.example/", "write https://HOST/PATH"),
        ("hooks.example", "write https://HOST/PATH"),
        ("https:///path", "write https://HOST/PATH"),
        ("javascript:alert(1)", "write https://HOST/PATH"),
        ("https://ann:secret@hooks.example/", "credentials"),
        ("https://ann@hooks.example/", "credentials"),
        ("https://hooks.example/#part", "#part"),
        ("https://hooks.example:99999/", "no port 99999"),
        ("https://hooks.example:0/", "no port 0"),
        ("https://a b/", "is no name of a host"),
        ("https://hooks.example/" + "x" * LONGEST_URL, "2000 at most"),
    ],
)
def test_what_is_no_target_is_refused_and_why_is_told(url: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        read_target(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses_are_allowed(address: str) -> None:
    ensure_allowed([address], private=False)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.2.1", "198.18.0.1"),
        *("::1", "fc00::1", "fd12:3456::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1"),
    ],
)
def test_private_and_loopback_addresses_are_allowed_only_where_the_settings_say_so(address: str) -> None:
    ensure_allowed([address], private=True)
    with pytest.raises(TargetRefused, match="private = true"):
        ensure_allowed([address], private=False)


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "224.0.0.1", "239.1.1.1", "0.0.0.0", "240.0.0.1", "255.255.255.255"),  # noqa: S104
        *("fe80::1", "fe80::1%2", "ff02::1", "::", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"),
    ],
)
def test_link_local_multicast_and_reserved_addresses_are_never_allowed(address: str, private: bool) -> None:
    with pytest.raises(TargetRefused):
        ensure_allowed([address], private=private)


def test_one_address_that_is_not_allowed_spoils_all() -> None:
    with pytest.raises(TargetRefused):
        ensure_allowed(["93.184.216.34", "10.0.0.1"], private=False)


class Target:
    """A server on this machine, and what came to it."""

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, str], str]] = []
        self.connections = 0
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.drips = False
        self.port = 0

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def target() -> Iterator[Target]:
    told = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            told.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            told.received.append((self.path, {one.lower(): value for one, value in self.headers.items()}, body))
            if told.drips:
                for one in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 500:
                    self.wfile.write(bytes([one]))
                    time.sleep(0.02)
                return
            self.send_response(told.status)
            for name, value in {"Content-Length": str(len(told.body)), **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(told.body)

        def log_message(self, *_: Any) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    told.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join()


def post(url: str, *, times: int = 1, private: bool = True, seconds: float = 5.0, now: datetime = NOON) -> Answer:
    async def send() -> Answer:
        async with Poster(timedelta(seconds=seconds), private=private) as poster:
            for _ in range(times):
                answer = await poster.post(url, SECRET, "01MESSAGE", b'{"type": "ping"}', now)
            return answer

    return asyncio.run(send())


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names of hosts lead to, one address after the other; the last one stays."""
    leads: dict[str, list[str]] = {}
    ask = socket.getaddrinfo

    def find(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in leads:
            return ask(host, port, *rest, **named)
        if not leads[name]:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        address = leads[name].pop(0) if len(leads[name]) > 1 else leads[name][0]
        return ask(address, port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", find)
    return leads


def test_a_message_is_signed_and_named_as_standard_webhooks_says(target: Target) -> None:
    now = datetime.now(UTC)
    answer = post(target.url(path="/hook?a=b"), now=now)

    ((path, headers, body),) = target.received
    assert (True, 200, "HTTP 200") == (answer.taken, answer.status, answer.told)
    assert ("/hook?a=b", "01MESSAGE", "application/json") == (path, headers["webhook-id"], headers["content-type"])
    assert {"type": "ping"} == Webhook(SECRET).verify(body, headers)


def test_the_name_is_looked_up_once_and_its_address_is_the_one_that_was_checked(
    target: Target, names: dict[str, list[str]]
) -> None:
    names["hooks.example"] = ["127.0.0.1", "127.0.0.2"]
    answer = post(target.url("hooks.example"))

    assert answer.taken
    assert f"hooks.example:{target.port}" == target.received[0][1]["host"]


def test_a_name_that_leads_inside_by_now_is_not_connected_to(target: Target, names: dict[str, list[str]]) -> None:
    names["rebound.example"] = ["127.0.0.1"]
    answer = post(target.url("rebound.example"), private=False)

    assert (False, None) == (answer.taken, answer.status)
    assert "private network" in answer.told
    assert 0 == target.connections


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_no_way_of_writing_it_leads_to_this_machine(target: Target, host: str) -> None:
    answer = post(target.url(host), private=False)

    assert not answer.taken
    assert 0 == target.connections


def test_a_redirect_is_not_followed(target: Target) -> None:
    target.status, target.headers = 307, {"Location": target.url(path="/elsewhere")}
    answer = post(target.url())

    assert (False, 307) == (answer.taken, answer.status)
    assert ["/hook"] == [path for path, _, _ in target.received]


def test_of_what_a_target_says_only_the_status_is_kept_and_little_is_read(target: Target) -> None:
    target.status, target.body = 500, b"inside" * 1_000_000
    answer = post(target.url(), times=2)

    assert "HTTP 500" == answer.told
    assert 2 == target.connections


def test_one_connection_serves_again(target: Target) -> None:
    post(target.url(), times=3)

    assert (1, 3) == (target.connections, len(target.received))


def test_an_answer_that_drips_in_is_given_up_at_the_limit(target: Target) -> None:
    target.drips = True
    began = time.monotonic()
    answer = post(target.url(), seconds=0.3)

    assert "it did not answer within 0.3 s" == answer.told
    assert time.monotonic() - began < 3


def test_a_target_that_is_not_there_or_has_no_address_is_told(names: dict[str, list[str]]) -> None:
    names["nowhere.example"] = []

    assert "connection" in post("http://127.0.0.1:9/").told
    assert "its host has no address" == post("https://nowhere.example/").told


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
    ],
)
def test_when_to_come_again_is_read_as_seconds_or_as_a_moment(target: Target, value: str, seconds: int | None) -> None:
    target.status, target.headers = 503, {"Retry-After": value}
    expected = None if seconds is None else timedelta(seconds=seconds)

    assert expected == post(target.url()).retry_after


def test_certificates_that_cannot_be_read_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")

    with pytest.raises(BadInput, match="SSL_CERT_FILE"):
        Poster(timedelta(seconds=1), private=False)


def test_410_says_that_the_target_is_gone(target: Target) -> None:
    target.status = 410

    assert post(target.url()).gone
