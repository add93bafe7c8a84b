"""Whether this process lives, whether it can take work, and how everything is: for those who watch over it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from typing_extensions import TypedDict

from overstap.app.readiness import LIMIT_SECONDS, NOT_READY
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routing import JsonAnswer, Router
from overstap.entrypoints.prometheus import CONTENT_TYPE

router = Router(tags=["health"])


class Health(TypedDict):
    """That the process answers."""

    status: Literal["ok"]


class Checked(TypedDict, total=False):
    """One thing that was looked at; `ok` is null where that was not possible."""

    ok: bool | None
    detail: str | None
    alive: int
    revision: str


class Readiness(TypedDict):
    """Whether work can be taken; that no worker lives is told, and no reason against it."""

    ready: bool
    checks: dict[Literal["database", "migrations", "workers"], Checked]


@router.get("/healthz", response_model=Health)
async def show_health() -> Response:
    """The process lives; this asks neither the database nor who you are."""
    return JsonAnswer(Health(status="ok"))


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "No work can be taken now; the checks tell why."}},
)
async def show_readiness(call: Called) -> Response:
    """Whether the database answers within a second with a schema that this version knows, and who works on it."""
    look = asyncio.wrap_future(call.app.readiness.look())
    await asyncio.wait({look}, timeout=LIMIT_SECONDS)
    found = look.result() if look.done() else NOT_READY
    checks = {name: _told(asdict(getattr(found, name))) for name in ("database", "migrations", "workers")}
    status = HTTPStatus.OK if found.ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonAnswer({"ready": found.ready, "checks": checks}, status)


@router.get("/metrics", response_class=PlainTextResponse)
def show_metrics(request: Request) -> Response:
    """How the runs and this process are doing, for Prometheus."""
    return Response(request.app.state.exposition.text(), media_type=CONTENT_TYPE)


def _told(check: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in check.items() if name == "ok" or value is not None}
