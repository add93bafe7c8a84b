"""The API as one ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from overstap import __version__
from overstap.app.live import Live
from overstap.bootstrap import App
from overstap.entrypoints.api.asgi import Surroundings
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.observing import Observed
from overstap.entrypoints.api.problems import Problem, of_error
from overstap.entrypoints.api.routes import AT_ROOT, ROUTERS
from overstap.entrypoints.api.sign_in import SignIn
from overstap.entrypoints.api.streams import Streams
from overstap.entrypoints.prometheus import Exposition, Requests
from overstap.errors import OverstapError

PREFIX = "/api/v1"
_ABOUT = """Carries tenants from one cloud-office subscription plan to another, durably.

Every request but those for signing in sends `Authorization: Bearer TOKEN`, or the cookie of a session; in a session,
what changes something also sends `X-CSRF-Token`, which `GET /api/v1/me` tells.

Every POST takes an `Idempotency-Key`: the same key and body get the same answer again. What fails is told as problem
details (RFC 9457), in the language of `Accept-Language` (`nl` or `en`) where people read it.
"""


def make_api(app: App, sign_in: SignIn | None = None) -> FastAPI:
    """The API over an application, which the caller closes.

    Args:
        sign_in: how people come in; None lets in nobody but programs with tokens.
    """
    api = FastAPI(
        title="Overstap",
        version=__version__,
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    api.state.gate = Gatekeeper(app, sign_in.sessions if sign_in else None)
    api.state.sign_in = sign_in
    api.state.app = app
    api.state.streams = Streams(Live(app.feed, app.listen), app.settings.api.stream_limit)
    api.state.exposition = Exposition(app.figures, app.dashboard.look)
    under = APIRouter(prefix=PREFIX)
    for router in ROUTERS:
        under.include_router(router)
    api.include_router(under)
    for router in AT_ROOT:
        api.include_router(router)
    for kind in (OverstapError, RequestValidationError, HTTPException, Exception):
        api.add_exception_handler(kind, _told)
    api.add_middleware(Surroundings, given=app.settings.api)
    api.add_middleware(Observed, requests=Requests(api.state.exposition), traces=app.traces)
    api.openapi = lambda: document(api)  # type: ignore[method-assign]
    return api


@asynccontextmanager
async def _lifespan(api: FastAPI) -> AsyncIterator[None]:
    # As many at once as there are connections to the database; others wait for their turn, not for a connection.
    threads = api.state.app.settings.worker.threads + 4
    anyio.to_thread.current_default_thread_limiter().total_tokens = threads
    yield


async def _told(request: Request, error: Exception) -> Response:
    return of_error(request, error)


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the API, made once."""
    if api.openapi_schema is None:
        made = get_openapi(
            title=api.title,
            version=api.version,
            description=api.description,
            routes=api.routes,
            separate_input_output_schemas=False,
        )
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas[Problem.__name__] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        made["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "overstap_session"},
        }
        made["security"] = [{"token": []}, {"session": []}]
        api.openapi_schema = made
    return api.openapi_schema
