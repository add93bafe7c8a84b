"""So many browsers' worth of sessions on the overview, which `console.py` starts.

python benchmarks/browsers.py SERVER TOKEN SESSIONS
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import re
import secrets
import sys
from typing import Any
from urllib.parse import urlencode

import httpx
import socketio

from children import tell


class Session:
    """One browser's worth of an open overview: its page, and its socket with what a browser answers."""

    def __init__(self, base: str, cookies: httpx.Cookies) -> None:
        self.messages = 0
        self.size = 0
        self.lost = 0
        self._base = base
        self._cookies = cookies
        self._next = 0
        self._socket = socketio.AsyncClient(reconnection=False)
        for event in ("update", "run_javascript", "run_method", "load_js_components", "open", "download", "notify"):
            self._socket.on(event, self._heard)
        self._socket.on("disconnect", self._cut)

    async def open(self, client: httpx.AsyncClient) -> None:
        """Load the page and connect its socket."""
        answer = await client.get(f"{self._base}/console")
        answer.raise_for_status()
        query = ast.literal_eval(re.search(r"query: (\{.*?\}),\n", answer.text)[1])  # type: ignore[index]
        self.page_size = len(answer.content)
        self._client_id = query["client_id"]
        self._next = query["next_message_id"]
        query |= {"document_id": secrets.token_hex(16), "tab_id": secrets.token_hex(16), "old_tab_id": ""}
        told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        await self._socket.connect(
            f"{self._base}?{urlencode(told)}",
            headers={"Cookie": cookies},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    async def ack(self) -> None:
        """Say what was received, as a browser does every three seconds."""
        await self._socket.emit("ack", {"client_id": self._client_id, "next_message_id": self._next})

    async def close(self) -> None:
        """Close the page."""
        await self._socket.disconnect()

    def _heard(self, data: dict[str, Any]) -> None:
        self.messages += 1
        self.size += len(json.dumps(data))
        self._next = max(self._next, data.get("_id", -1) + 1)

    def _cut(self, *_: object) -> None:
        self.lost += 1


async def look(base: str, token: str, count: int) -> None:
    """In a child: keep so many sessions open until standard input closes."""
    async with httpx.AsyncClient(timeout=60) as client:
        await client.post(f"{base}/sign-in", data={"token": token, "to": "/console"})
        sessions = [Session(base, client.cookies) for _ in range(count)]
        for one in sessions:
            await one.open(client)
        tell(open=len(sessions), page_kb=sessions[0].page_size / 1024)
        closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        while not closed.done():
            await asyncio.wait({closed}, timeout=3)
            for one in sessions:
                if not one.lost:
                    await one.ack()
    lost = sum(one.lost for one in sessions)
    tell(messages=sum(one.messages for one in sessions), size=sum(one.size for one in sessions), lost=lost)
    for one in sessions:
        with contextlib.suppress(Exception):
            await one.close()


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1], sys.argv[2], int(sys.argv[3])))
