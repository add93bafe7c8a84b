"""Where webhooks may lead.

The URL is read when a webhook is made, and the addresses of its host are checked then and at each connection. Only at
the connection it shows where a name leads to; the check before it tells people early what will not work.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from overstap.errors import BadInput, Refused

LONGEST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.ASCII)
_NAT64 = IPv6Network("64:ff9b::/96")

Resolve = Callable[[str, int], Sequence[str]]
"""Finds the addresses of a host."""


class TargetRefused(Refused):
    """A webhook may not lead there."""


def read_target(text: str) -> httpx.URL:
    """The URL of a webhook's target.

    Raises:
        BadInput: when it is none that can be delivered to.
    """
    given = text.strip()
    if len(given) > LONGEST_URL:
        raise BadInput(f"The URL has {len(given)} characters; {LONGEST_URL} at most.")
    try:
        url = httpx.URL(given)
        host = url.raw_host.decode("ascii")
    except (httpx.InvalidURL, ValueError) as error:
        raise BadInput(f"{given!r} is no URL: {error}.") from None
    if url.scheme not in _PORTS or not host:
        raise BadInput(f"{given!r} is no target: write https://HOST/PATH, or http://HOST/PATH.")
    if not _HOST.fullmatch(host):
        raise BadInput(f"{host!r} is no name of a host, and no address.")
    if not 0 < port_of(url) <= _LAST_PORT:
        raise BadInput(f"There is no port {url.port}: the last one is {_LAST_PORT}.")
    if url.userinfo:
        raise BadInput("The URL has credentials in it. Leave them out: a target knows us by the signature.")
    if url.fragment:
        raise BadInput(f"The URL ends in #{url.fragment}, which is sent to no server: leave it out.")
    return url


def port_of(url: httpx.URL) -> int:
    """The port of a target, also where its URL names none."""
    return _PORTS[url.scheme] if url.port is None else url.port


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, in the order in which to try them.

    Raises:
        OSError: when there are none.
    """
    return addresses(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def addresses(found: Iterable[tuple[object, object, object, object, tuple[object, ...]]]) -> list[str]:
    """The addresses in what `getaddrinfo` answers, each once."""
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def ensure_allowed(found: Iterable[str], *, private: bool) -> None:
    """See that all addresses of a host may be connected to.

    Args:
        private: whether loopback and private networks are allowed. Link-local addresses, where clouds keep the
            secrets of their machines, never are.

    Raises:
        TargetRefused: when one of them may not.
    """
    for address in found:
        kind = _kind(ip_address(address))
        if kind == "private" and not private:
            raise TargetRefused(
                "The target is on this machine or in a private network, which [webhooks] private = true would allow."
            )
        if kind not in {"public", "private"}:
            raise TargetRefused(f"The target's address is {kind}: nothing is delivered there.")


def _kind(address: IPv4Address | IPv6Address) -> str:
    if isinstance(address, IPv6Address) and (inside := _inside(address)) is not None:
        return _kind(inside)
    if address.is_multicast:
        return "multicast"
    if address.is_link_local:
        return "link-local"
    if address.is_unspecified:
        return "unspecified"
    if address.is_loopback:
        return "private"
    if address.is_reserved:
        return "reserved"
    return "public" if address.is_global and not getattr(address, "is_site_local", False) else "private"


def _inside(address: IPv6Address) -> IPv4Address | None:
    """The address of the older kind that one of the newer kind stands for, on the way to which it is translated."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
