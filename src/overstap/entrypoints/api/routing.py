"""What happens to each request around its route's function: let in, limited, made idempotent, answered.

A route is a plain function that answers JSON values (a `TypedDict` of the shapes), or a response:

    router = Router(tags=["runs"])

    @router.get("/runs/{run_id}")
    def show_run(call: Called, run_id: RunId) -> RunWhole: ...

Its name is its operation id, and finds its line in `access.ACCESS`. What is raised becomes problem details.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import time
from collections.abc import Callable, Coroutine
from hashlib import sha256
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from overstap.entrypoints.api.access import ACCESS, Access
from overstap.entrypoints.api.call import Call
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.errors import BadRequest, KeyReused
from overstap.entrypoints.api.problems import MEDIA_TYPE, Problem, of_error
from overstap.errors import Conflict
from overstap.store.kept_answers import KeptAnswer

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_DEPTH = 50
"""Levels of a body that anybody reads are a handful."""
_PATIENCE_SECONDS = 10.0
"""How long the second of two requests with one key waits for the answer to the first."""
_LOOK_SECONDS = 0.05
_NEVER_KEPT = frozenset({401, 403, 408, 413, 415, 429})


class JsonAnswer(Response):
    """JSON values, quickly."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The values as UTF-8."""
        return orjson.dumps(content, default=str)


def _answering(function: Callable[P, R], status: int) -> Callable[P, Response]:
    """The same function with its JSON values made a response, which nobody looks through again: mypy has."""

    @functools.wraps(function)
    def answer(*arguments: P.args, **named: P.kwargs) -> Response:
        value = function(*arguments, **named)
        return value if isinstance(value, Response) else JsonAnswer(value, status)

    answer.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]
    return answer


class Router(APIRouter):
    """Routes that keep the house's rules."""

    def __init__(self, **named: Any) -> None:
        super().__init__(route_class=GuardedRoute, **named)

    def api_route(self, path: str, *, status_code: int | None = None, **named: Any) -> Callable[[Any], Any]:
        """Register a function, by its name in `ACCESS`."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            access = access_of(function.__name__)
            asynchronous = inspect.iscoroutinefunction(function)
            endpoint = function if asynchronous else _answering(function, status_code or HTTPStatus.OK)
            named.setdefault("responses", {})
            method = named.get("methods", ["GET"])[0]
            named["responses"] = {**_problems(access, method, path), **named["responses"]}
            if not access.roles:
                named["openapi_extra"] = {"security": [], **named.get("openapi_extra", {})}
            self.add_api_route(path, endpoint, status_code=status_code, operation_id=function.__name__, **named)
            return function

        return register

    def get(self, path: str, **named: Any) -> Callable[[Any], Any]:
        """A route that changes nothing."""
        return self.api_route(path, methods=["GET"], **named)

    def post(self, path: str, **named: Any) -> Callable[[Any], Any]:
        """A route that does something; it takes an idempotency key."""
        return self.api_route(path, methods=["POST"], **named)

    def delete(self, path: str, **named: Any) -> Callable[[Any], Any]:
        """A route that ends something."""
        return self.api_route(path, methods=["DELETE"], **named)


def access_of(name: str) -> Access:
    """Who may use the route of a function.

    Raises:
        LookupError: when `ACCESS` has no line for it: no route goes without.
    """
    if name not in ACCESS:
        raise LookupError(f"The route {name} states no role: give it a line in entrypoints/api/access.py.")
    return ACCESS[name]


def _problems(access: Access, method: str, path: str) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, for the OpenAPI document."""
    statuses = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE}
    statuses |= {HTTPStatus.TOO_MANY_REQUESTS}
    if access.roles:
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    if "{" in path or method != "GET":
        statuses |= {HTTPStatus.NOT_FOUND}
    if method != "GET":
        statuses |= {
            HTTPStatus.CONFLICT,
            HTTPStatus.PRECONDITION_FAILED,
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            HTTPStatus.BAD_GATEWAY,
        }
    return problems(*statuses)


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems with those statuses as an OpenAPI document tells of them, for the `responses` of a route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {int(one): {"description": HTTPStatus(one).phrase, "content": content} for one in sorted(statuses)}


class GuardedRoute(APIRoute):
    """A route that nobody reaches who may not."""

    def get_route_handler(self) -> Handler:
        """What does a request."""
        handle = super().get_route_handler()
        access = access_of(self.operation_id or self.name)
        takes_body = self.body_field is not None

        async def guarded(request: Request) -> Response:
            gate: Gatekeeper = request.app.state.gate
            try:
                call = await run_in_threadpool(gate.admit, request, access)
                request.state.call = call
                _ensure_plain(request.path_params, "path")
                _ensure_plain(dict(request.query_params), "query")
                if request.method not in {"GET", "HEAD"}:
                    await _read_body(request, takes_body=takes_body)
                key = request.headers.get("idempotency-key")
                if request.method != "POST" or key is None:
                    return _conditional(request, await handle(request))
                return await _once(request, call, access, key, handle)
            except Exception as error:  # noqa: BLE001 - whatever it is, it becomes an answer
                return of_error(request, error)

        return guarded


def _ensure_plain(given: Any, where: str, depth: int = 0) -> None:
    """Refuse text that no database can keep, and what is nested too deeply to be looked through.

    Raises:
        BadRequest: when there is a control character or half a surrogate pair in it, or it is too deep.
    """
    if depth > _DEPTH:
        raise BadRequest(400, "bad_json", f"{where[:100]}…: this is nested more than {_DEPTH} levels deep.")
    match given:
        case str():
            if _UNSTORABLE.search(given):
                raise BadRequest(400, "bad_text", f"{where}: there is a control character in the text.")
        case dict():
            for name, value in given.items():
                _ensure_plain(name, where, depth)
                _ensure_plain(value, f"{where}.{name}", depth + 1)
        case list():
            for value in given:
                _ensure_plain(value, where, depth + 1)


async def _read_body(request: Request, *, takes_body: bool) -> None:
    """Read the body, and see that it is JSON that can be kept, before anybody looks at what it says.

    Raises:
        BadRequest: when it is no JSON, or not said to be.
    """
    body = await request.body()
    if not takes_body:
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest(415, "unsupported_media_type", f"Send application/json, not {kind or 'nothing'}.")
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(400, "bad_json", f"The body is no JSON in UTF-8: {error}.") from None
    _ensure_plain(given, "body")


async def _once(request: Request, call: Call, access: Access, key: str, handle: Handler) -> Response:
    """Do a request with an idempotency key, or give the answer again that it got before.

    Raises:
        BadRequest: when the key is no key.
        KeyReused: when it was used for another request.
        Conflict: when another request with this key is still being done.
    """
    if not _KEY.fullmatch(key):
        raise BadRequest(400, "bad_idempotency_key", "An Idempotency-Key has 1 to 200 visible ASCII characters.")
    answers, scope = call.app.kept_answers, scope_of(call)
    told = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    digest = sha256(told).hexdigest()
    known = await _known(call, access, scope, key, digest)
    if known is not None:
        return _again(known, key, digest)
    try:
        response = await handle(request)
    except Exception as error:  # noqa: BLE001 - kept as the answer, or told
        response = of_error(request, error)
    except BaseException:
        await asyncio.shield(run_in_threadpool(answers.forget, scope, key))
        raise
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR or response.status_code in _NEVER_KEPT:
        await run_in_threadpool(answers.forget, scope, key)
        return response
    headers = [[name, value] for name, value in response.headers.items() if name != "content-length"]
    answer = KeptAnswer(digest, response.status_code, headers, _without(access.secret, bytes(response.body)))
    first = await run_in_threadpool(answers.keep, scope, key, answer)
    return response if first == answer else _again(first, key, digest)


def _without(secret: str | None, body: bytes) -> bytes:
    """An answer as it is kept: what is told once is not in it."""
    told = None if secret is None else orjson.loads(body)
    return orjson.dumps({**told, secret: None}) if isinstance(told, dict) and secret in told else body


async def _known(call: Call, access: Access, scope: str, key: str, digest: str) -> KeptAnswer | None:
    """The answer that is kept, once there is one; None when it is the caller's to do."""
    limit = time.monotonic() + _PATIENCE_SECONDS
    while True:
        kept = await run_in_threadpool(call.app.kept_answers.begin, scope, key, digest, repeatable=access.repeatable)
        if kept is None or kept.status is not None or kept.request != digest:
            return kept
        if time.monotonic() > limit:
            raise Conflict(
                f"A request with the Idempotency-Key {key!r} is still being done, or the server ended while it was. "
                "Look whether it was done; if it was not, send it with a new key."
            )
        await asyncio.sleep(_LOOK_SECONDS)


def _again(kept: KeptAnswer, key: str, digest: str) -> Response:
    if kept.request != digest:
        raise KeyReused(f"The Idempotency-Key {key!r} was used for another request; take a new one.")
    return Response(kept.body, kept.status or HTTPStatus.OK, {**dict(kept.headers), "Idempotent-Replayed": "true"})


def scope_of(call: Call) -> str:
    """Whose idempotency keys are one namespace: a tenant's, or one person's of the staff."""
    principal = call.principal
    return principal.actor if principal.tenant_id is None else f"tenant:{principal.tenant_id}"


def _conditional(request: Request, response: Response) -> Response:
    """The response with its ETag, or 304 where the client has it already."""
    body = getattr(response, "body", None)
    if request.method != "GET" or response.status_code != HTTPStatus.OK or body is None:
        return response
    etag = response.headers.get("etag") or f'W/"{sha256(body).hexdigest()[:32]}"'
    response.headers["etag"] = etag
    known = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if etag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": etag})
    return response
