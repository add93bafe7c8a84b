"""Errors as problem details (RFC 9457): what was wrong, where, and what programs need to know beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import compile_path

from overstap.app.principals import NotAllowed, NotAuthenticated
from overstap.domain.findings import NotEligible
from overstap.entrypoints.api.asgi import logged_path
from overstap.entrypoints.api.errors import BadRequest, KeyReused, TooMany, Unavailable
from overstap.errors import (
    BadInput,
    Changed,
    Conflict,
    DatabaseUnavailable,
    NotFound,
    OverstapError,
    ProviderError,
    Refused,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
_RETRY_SECONDS = 2
_STATUS: Sequence[tuple[type[OverstapError], HTTPStatus]] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (Changed, HTTPStatus.PRECONDITION_FAILED),
    (KeyReused, HTTPStatus.UNPROCESSABLE_ENTITY),
    (TooMany, HTTPStatus.TOO_MANY_REQUESTS),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (BadInput, HTTPStatus.UNPROCESSABLE_ENTITY),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.CONFLICT),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (ProviderError, HTTPStatus.BAD_GATEWAY),
    (Refused, HTTPStatus.UNPROCESSABLE_ENTITY),
)
"""The first one that an error is decides its status."""


class Problem(BaseModel):
    """What went wrong, as `application/problem+json` (RFC 9457).

    Attributes:
        type: tells problems apart for programs, `urn:overstap:problem:CODE`.
        code: the last part of `type`.
        request_id: under which the server's log tells more.
        errors: what is wrong with which part of the request.
        findings: what the rules say of a change that is not allowed.
        run_id: the run that stands in the way.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] | None = None
    findings: list[dict[str, Any]] | None = None
    run_id: str | None = None


def problem(
    request: Request, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The answer to a request that failed."""
    body = {**problem_body(status, code, detail, request.scope.get("request_id", "")), **more}
    return Response(orjson.dumps(body, default=str), status, dict(headers or {}), MEDIA_TYPE)


def problem_body(status: int, code: str, detail: str, request_id: str) -> dict[str, Any]:
    """What every problem says."""
    return {
        "type": f"urn:overstap:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def of_error(request: Request, error: Exception) -> Response:
    """The answer to what was raised; what nobody expected is logged, and told without its words."""
    match error:
        case BadRequest():
            return problem(request, error.status, error.code, str(error), error.headers)
        case OverstapError():
            return _of_ours(request, error)
        case RequestValidationError():
            return _of_validation(request, error)
        case ClientDisconnect():
            return problem(
                request, HTTPStatus.BAD_REQUEST, "client_gone", "The client hung up before its request ended."
            )
        case HTTPException():
            code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
            told = {
                HTTPStatus.NOT_FOUND: f"There is nothing at {request.url.path}.",
                HTTPStatus.METHOD_NOT_ALLOWED: f"{request.method} does not go with {request.url.path}.",
            }
            headers = error.headers
            if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
                headers = {"Allow": allowed_at(request)}
            detail = told.get(HTTPStatus(error.status_code), str(error.detail))
            return problem(request, error.status_code, code, detail, headers)
        case _:
            log.error("request_failed", path=logged_path(request.url.path), method=request.method, exc_info=error)
            return problem(
                request,
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal_error",
                "Something went wrong here; the log of the server tells what, under this request's id.",
            )


def allowed_at(request: Request) -> str:
    """The methods of a path, for `Allow`: of all routes with the most particular of the paths that match."""
    methods: dict[str, set[str]] = {}
    for one in iter_route_contexts(request.app.routes):
        if one.path and compile_path(one.path)[0].match(request.url.path):
            methods.setdefault(one.path, set()).update(one.methods or ())
    most_particular = min(methods, key=lambda path: path.count("{"))
    allowed = methods[most_particular]
    return ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))


def _of_ours(request: Request, error: OverstapError) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.UNPROCESSABLE_ENTITY)
    headers: dict[str, str] = {}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooMany | Unavailable):
        headers["Retry-After"] = str(error.seconds)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(_RETRY_SECONDS)
    detail = str(error)
    if isinstance(error, DatabaseUnavailable):
        log.warning("database_away", error=detail)
        detail = "The database does not answer in time; nothing was done. Try again."
    if isinstance(error, NotEligible):
        headers["Content-Language"] = error.language.locale
    code = re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
    return problem(request, status, code, detail, headers, **error.evidence)


def _of_validation(request: Request, error: RequestValidationError) -> Response:
    errors = [
        {"where": ".".join(str(part) for part in one["loc"]), "message": one["msg"].removeprefix("Value error, ")}
        for one in error.errors()
    ]
    told = "; ".join(f"{one['where']}: {one['message']}" for one in errors[:5])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_input", told, errors=errors)
