"""Sending one signed message to a webhook's target, and nothing that an HTTP client does beside that.

No redirect is followed, no proxy or cookie used, nothing is decompressed, and what the target says is not kept but for
its status: whoever may make webhooks must not read through us what they cannot reach themselves.
"""

from __future__ import annotations

import asyncio
import email.utils
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpcore
import httpx
from standardwebhooks import Webhook

from overstap import __version__
from overstap.app.targets import TargetRefused, addresses, ensure_allowed, port_of, read_target
from overstap.errors import BadInput

_MOST_READ = 16_384
"""Bytes of an answer that are read, so that the connection can be used again; of a longer one it is closed."""
_KEPT_SECONDS = 15.0
_AGENT = f"Overstap/{__version__}"
_WAY = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a target answered.

    Attributes:
        status: of HTTP; None where there was no answer.
        told: in words.
        retry_after: when it wants to be asked again.
    """

    status: int | None
    told: str
    retry_after: timedelta | None = None

    @property
    def taken(self) -> bool:
        """Whether the target has the message."""
        return self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def gone(self) -> bool:
        """Whether the target wants no message any more."""
        return self.status == HTTPStatus.GONE


class Poster:
    """Sends messages, for as long as its block lasts, in one event loop.

    Args:
        timeout: within which a target has to be found, connected to and to answer.
        private: whether loopback and private networks are allowed.
        at_once: how many messages may be under way.

    Raises:
        BadInput: when the certificates that the environment names cannot be read.
    """

    def __init__(self, timeout: timedelta, *, private: bool, at_once: int = 1) -> None:
        self._seconds = timeout.total_seconds()
        try:
            certificates = httpx.create_ssl_context()
        except OSError as error:
            raise BadInput(
                f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read: {error}."
            ) from None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            max_connections=at_once,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=_CheckedBackend(private=private),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, secret: str, message_id: str, body: bytes, now: datetime) -> Answer:
        """Send a message; whatever goes wrong is told.

        Args:
            secret: `whsec_…`, by which it is signed.
            message_id: by which the target recognises a repeat.
            now: the present moment, which is signed too.
        """
        headers = {
            "Content-Type": "application/json",
            "User-Agent": _AGENT,
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(message_id, now.astimezone(UTC), body.decode()),
        }
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, headers, body, now)
        except TimeoutError:
            return Answer(None, f"it did not answer within {self._seconds:g} s")
        except (TargetRefused, BadInput) as error:
            return Answer(None, str(error))
        except socket.gaierror:
            return Answer(None, "its host has no address")
        except _WAY as error:
            return Answer(None, str(error) or f"the connection failed ({type(error).__name__})")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        target = read_target(url)
        where = httpcore.URL(
            scheme=target.raw_scheme, host=target.raw_host, port=port_of(target), target=target.raw_path
        )
        given = {"Host": target.netloc.decode("ascii"), **headers}
        async with self._pool.stream("POST", where, headers=list(given.items()), content=body) as response:
            read = 0
            async for part in response.aiter_stream():
                read += len(part)
                if read > _MOST_READ:
                    break
            answered = {name.lower(): value for name, value in response.headers}
            told = f"HTTP {response.status}"
            return Answer(response.status, told, _retry_after(answered.get(b"retry-after"), now))


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were checked, and to no name: a second look at the name could lead elsewhere."""

    def __init__(self, *, private: bool) -> None:
        self._private = private
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore calls it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = addresses(await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM))
        ensure_allowed(found, private=self._private)
        for address in found[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(found[-1], port, timeout, local_address, socket_options)


def _retry_after(value: bytes | None, now: datetime) -> timedelta | None:
    """When to ask again, as RFC 9110 writes it: in so many seconds, or at a moment."""
    text = (value or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(timedelta(0), (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now)
