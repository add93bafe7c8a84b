"""What happens to each request around its route's function: let in, limited, made idempotent, answered.

A route is a plain function that answers JSON values (a `TypedDict` of the shapes), or a response:

    router = Router(tags=["runs"])

    @router.get("/runs/{run_id}")
    def show_run(call: Called, run_id: RunId) -> RunWhole: ...

Its name is its operation id, and finds its line in `access.ACCESS`. What is raised becomes problem details.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Generic, ParamSpec, TypeVar, get_args, get_origin

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool

from overstap.entrypoints.api.access import ACCESS, Access
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.errors import BadRequest
from overstap.entrypoints.api.idempotency import Handler, once
from overstap.entrypoints.api.problems import MEDIA_TYPE, Problem, of_error

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_DEPTH = 50
"""Levels of a body that anybody reads are a handful."""


class JsonAnswer(Response):
    """JSON values, quickly."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The values as UTF-8."""
        return orjson.dumps(content, default=str)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """JSON values with headers of their own."""

    value: T
    headers: Mapping[str, str]


def _model_of(function: Callable[..., Any]) -> Any:
    """What a route's function says that it answers, for the OpenAPI document; None for a response of its own."""
    told = inspect.signature(function, eval_str=True).return_annotation
    if get_origin(told) is Answer:
        return get_args(told)[0]
    return None if inspect.isclass(told) and issubclass(told, Response) else told


def _answering(function: Callable[P, R], status: int) -> Callable[P, Response]:
    """The same function with its JSON values made a response, which nobody looks through again: mypy has."""

    @functools.wraps(function)
    def answer(*arguments: P.args, **named: P.kwargs) -> Response:
        value = function(*arguments, **named)
        if isinstance(value, Answer):
            return JsonAnswer(value.value, status, dict(value.headers))
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
            named.setdefault("response_model", _model_of(function))
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
                # Where everybody may come in nobody is looked up, so a health check waits for no thread.
                admit = partial(gate.admit, request, access)
                call = await run_in_threadpool(admit) if access.roles else admit()
                request.state.call = call
                _ensure_plain(request.path_params, "path")
                _ensure_plain(dict(request.query_params), "query")
                if request.method not in {"GET", "HEAD"}:
                    await _read_body(request, takes_body=takes_body)
                key = request.headers.get("idempotency-key")
                # Where nobody signs in, a key would give one's answers to another.
                if request.method != "POST" or key is None or not access.roles:
                    return _conditional(request, await handle(request))
                return await once(request, call, access, key, handle)
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
