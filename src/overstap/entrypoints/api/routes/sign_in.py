"""Signing in and out, for people in browsers."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request
from fastapi.responses import Response

from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.door import Gatekeeper
from overstap.entrypoints.api.routing import Router, problems
from overstap.entrypoints.api.sign_in import SignIn
from overstap.errors import NotFound, Refused

router = Router(tags=["sign-in"])

HOME = "/"
"""Where the console leads everybody to their page."""
_OPEN: dict[str, list[str]] = {"security": []}  # as OpenAPI says that nobody has to be signed in
# One `/`, no backslash, nothing that browsers leave out: it cannot name another host.
_OWN_PATH = r"^/([!-.0-\[\]-~][!-\[\]-~]*)?$"

To = Annotated[
    str, Query(max_length=500, pattern=_OWN_PATH, description="The path to come to, once signed in; of this server.")
]
Given = Annotated[str | None, Query(max_length=4000)]


def _sign_in(request: Request, *, attempt: bool = True) -> SignIn:
    gate: Gatekeeper = request.app.state.gate
    found: SignIn | None = request.app.state.sign_in
    if attempt:
        gate.count_attempt(request)
    if found is None:
        raise NotFound("People cannot sign in here; programs send a token.")
    return found


@router.get("/sign-in", status_code=303, responses=problems(404, 502), openapi_extra=_OPEN)
def start_sign_in(request: Request, to: To = HOME) -> Response:
    """Sign in: sends the browser to the provider."""
    return _sign_in(request).start(to)


@router.get("/sign-in/back", status_code=303, responses=problems(401, 403, 404, 502), openapi_extra=_OPEN)
def finish_sign_in(request: Request, state: Given = None, code: Given = None, error: Given = None) -> Response:
    """Where the provider sends the browser back to; begins the session."""
    return _sign_in(request).finish(request, state, code, error)


@router.get("/sign-in/{secret}", status_code=303, responses=problems(401), openapi_extra=_OPEN)
def use_sign_in_link(
    request: Request, secret: Annotated[str, Path(min_length=1, max_length=200)], to: To = HOME
) -> Response:
    """The one-time link that a first local start prints; begins the session of whoever started the server."""
    return _sign_in(request).by_link(request, secret, to)


@router.post("/sign-out", status_code=204)
def sign_out(call: Called, request: Request) -> Response:
    """End the session: its cookie opens nothing any more."""
    if not call.principal.in_session:
        raise Refused("A token is not signed in: `overstap tokens revoke` ends one.")
    response = Response(status_code=204)
    _sign_in(request, attempt=False).sessions.end(request, response)
    return response
