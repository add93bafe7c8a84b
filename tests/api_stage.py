"""The HTTP API over a database with two tenants that are in the same situation, and tokens of every role."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from overstap.app.principals import STAFF, Role
from overstap.app.replay_planning import Wish
from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import Tenant
from overstap.entrypoints.api import PREFIX, make_api
from overstap.entrypoints.api.server import Server, ServingThread, listen, url_of
from overstap.providers.graph_export import TenantExport, read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.testing import Driver
from overstap.workflow.replay import DeadlinePolicy

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUSY, FREE = "kapper-anna", "bakkerij-de-vries"
"""Of a tenant whose change goes the manual way, and of one that has none."""
TWIN = "7d0c4a55-8a3e-5f0e-9d38-5b7f3c1e2a90"
HOST = "http://testserver"
SECRET = "whsec_c2VjcmV0LW9mLXRoZS1jcmVkaXQtYnVyZWF1"
EVERYTHING = "everything"
ANSWER = 5.0
"""Seconds that a live stream has for its first answer."""


class InProcess(httpx.AsyncBaseTransport):
    """Asks an application in this process; of a live stream it takes the start, and hangs up."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask, and have the whole answer."""
        path = request.url.raw_path.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": "http",
            "path": httpx.URL(path[0].decode("ascii")).path,
            "raw_path": path[0],
            "query_string": path[2],
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 50000),
            "root_path": "",
        }
        parts = [{"type": "http.request", "body": await request.aread(), "more_body": False}]
        start: dict[str, Any] = {}
        body = bytearray()
        over = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            start.update({name: value for name, value in message.items() if name in {"status", "headers"}})
            body.extend(message.get("body", b""))
            if dict(start["headers"]).get(b"content-type", b"").startswith(b"text/event-stream"):
                over.set()

        asked = asyncio.create_task(self._api(scope, receive, send))  # type: ignore[arg-type]
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(_first(asked, over)), 60)
        if not asked.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(asked, ANSWER)
        elif (error := asked.exception()) and not start:
            raise error
        return httpx.Response(start["status"], headers=start["headers"], content=bytes(body))


async def _first(asked: asyncio.Task[None], over: asyncio.Event) -> None:
    hung_up = asyncio.create_task(over.wait())
    await asyncio.wait({asked, hung_up}, return_when=asyncio.FIRST_COMPLETED)
    hung_up.cancel()


class Stage:
    """An API over one database, at a moment that stands still.

    Attributes:
        tokens: one of each role by its name; `tenant_admin` is that of `own`, `foreign_admin` that of `foreign`.
        own, foreign, free: three tenants; those of the first two each have a run that waits for a person.
        runs: the id of the run of each tenant.
        plan: the id of a replay's plan.
    """

    def __init__(self, url: str, portal: BlockingPortal, **settings: Any) -> None:
        own: dict[str, Any] = {"api": {"requests": 0, "credit_secret": SECRET}, "webhooks": {"private": True}}
        self.settings = Settings(database_url=url, **(own | settings))
        self.clock = VirtualClock(START)
        self.app = App(self.settings, Database(url, pool_size=20), clock=self.clock)
        self.driver = Driver(self.app.engine, self.clock)
        self.api = make_api(self.app)
        self._portal = portal
        busy, free = (read_export(data_path("demo") / slug) for slug in (BUSY, FREE))
        self.own, self.foreign, self.free = self.app.service.import_tenants([busy, twin(busy), free])
        self.runs = {tenant.id: self._order(tenant) for tenant in (self.own, self.foreign)}
        self.driver.run_for(timedelta(minutes=5))
        plan, _ = self.app.replays.plan(
            list(self.runs.values()), Wish(DeadlinePolicy.parse("keep"), None), actor="operator:stage"
        )
        self.plan = plan.id
        self.tokens = {str(role): self.token(str(role), role) for role in Role if role is not Role.TENANT_ADMIN}
        self.tokens["everything"] = self.token("everything", *STAFF)
        self.tokens["tenant_admin"] = self.token("own", Role.TENANT_ADMIN, tenant=self.own)
        self.tokens["foreign_admin"] = self.token("foreign", Role.TENANT_ADMIN, tenant=self.foreign)

    def _order(self, tenant: Tenant) -> str:
        change = PlanChange(tenant.id, tenant.subscriptions[0].id, "e1", route=Route.MANUAL)
        return self.app.service.submit(change)[0].run.id

    def token(self, name: str, *roles: Role, tenant: Tenant | None = None, valid_for: timedelta | None = None) -> str:
        """The text of a new token."""
        of = {} if tenant is None else {"tenant_id": tenant.id, "upn": tenant.admins[0].upn}
        made = self.app.tokens.create(name, roles, actor="test", reason="test", valid_for=valid_for, **of)
        return made[1]

    def ask(self, method: str, path: str, token: str | None = EVERYTHING, **more: Any) -> httpx.Response:
        """One request under `/api/v1`.

        Args:
            token: the name of one of `tokens`, or the text of another; None for nobody.
        """
        return self.asked(httpx.Request(method, self.url(path), **self._signed(token, more)))

    def asked(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request."""
        return self._portal.call(InProcess(self.api).handle_async_request, request)

    @staticmethod
    def url(path: str) -> str:
        """Where a path under `/api/v1` is; one that names a host is where it says."""
        return path if path.startswith(HOST) else f"{HOST}{PREFIX}{path}"

    def _signed(self, token: str | None, more: dict[str, Any]) -> dict[str, Any]:
        headers = dict(more.pop("headers", {}))
        if token is not None:
            headers["authorization"] = f"Bearer {self.tokens.get(token, token)}"
        return {"headers": headers, **more}

    def headers(self, token: str = EVERYTHING) -> dict[str, str]:
        """What signs a request."""
        return {"Authorization": f"Bearer {self.tokens[token]}"}

    @contextmanager
    def served(self) -> Iterator[str]:
        """A real server on a socket, for as long as the block lasts; its URL."""
        with listen("127.0.0.1", 0) as listening:
            server = Server(self.api, self.settings.api.header_time)
            with ServingThread(server, listening):
                yield url_of(listening)

    def close(self) -> None:
        """Let go of the database."""
        self.app.close()


def twin(export: TenantExport) -> TenantExport:
    """A tenant in the same situation with a name, an id, admins and a subscription of its own."""
    (sold,) = export.subscriptions

    def other(upn: str) -> str:
        return upn.replace("@", "@twin-")

    return replace(
        export,
        id=TWIN,
        name="Twin",
        subscriptions=(replace(sold, id=str(uuid5(NAMESPACE_URL, sold.id))),),
        users=tuple(replace(one, id=str(uuid5(NAMESPACE_URL, one.id)), upn=other(one.upn)) for one in export.users),
        domains=tuple(replace(one, name=f"twin-{one.name}") for one in export.domains),
        admins=tuple(replace(one, upn=other(one.upn)) for one in export.admins),
        assignments=tuple(
            (str(uuid5(NAMESPACE_URL, user)), str(uuid5(NAMESPACE_URL, held))) for user, held in export.assignments
        ),
    )


@contextmanager
def stage(url: str, **settings: Any) -> Iterator[Stage]:
    """The API over a fresh database with a schema, for as long as the block lasts."""
    with start_blocking_portal() as portal:
        made = Stage(url, portal, **settings)
        try:
            yield made
        finally:
            made.close()
