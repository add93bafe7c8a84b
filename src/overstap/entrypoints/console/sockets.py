"""Keeps a page's socket to that page: whoever learns the id of another one's page cannot act there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from nicegui import core

log = structlog.get_logger(__name__)

_MESSAGES = ("event", "javascript_response", "ack", "log")
"""What browsers send about a page, which NiceGUI takes from any socket that names the page."""


def take_from_own_sockets_only() -> None:
    """Drop what comes for a page from a socket that is not of that page."""
    for name in _MESSAGES:
        core.sio.on(name, _of_own(core.sio.handlers["/"][name]))


def _of_own(handle: Callable[[str, dict[str, Any]], Any]) -> Callable[[str, dict[str, Any]], Any]:
    def handled(socket_id: str, message: dict[str, Any]) -> Any:
        # The handshake, which a page takes from one browser tab only, put the socket into a room named after the page.
        if message.get("client_id") not in core.sio.rooms(socket_id):
            log.warning("foreign_socket_dropped", page=message.get("client_id"))
            return None
        return handle(socket_id, message)

    return handled
