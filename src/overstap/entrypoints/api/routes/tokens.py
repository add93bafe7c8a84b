"""Tokens, and who one is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from pydantic import Field
from typing_extensions import TypedDict

from overstap.app.principals import Role
from overstap.entrypoints import token_shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import Body, Duration, Reason, Reasoned, Text
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.api.sign_in import SignIn
from overstap.entrypoints.token_shapes import ApiToken, NewApiToken

router = Router(tags=["tokens"])


class NewToken(Body):
    """A token to be made."""

    name: Text
    roles: Annotated[list[Role], Field(min_length=1, max_length=len(Role))]
    tenant_id: Annotated[Text | None, Field(description="The only tenant it opens, for tenant_admin.")] = None
    upn: Annotated[Text | None, Field(description="In the name of which of its admins it acts.")] = None
    valid_for: Annotated[Duration | None, Field(description="Such as 90d; for ever if left out.")] = None
    reason: Reason


class Me(TypedDict):
    """Who asks."""

    name: str
    actor: str
    roles: list[Role]
    tenant_id: str | None
    upn: str | None
    csrf_token: str | None


@router.get("/me")
def show_me(call: Called, request: Request) -> Me:
    """Who the token or session is, and what it may do; a session is told what to send as `X-CSRF-Token`."""
    principal = call.principal
    sign_in: SignIn | None = request.app.state.sign_in
    return {
        "name": principal.name,
        "actor": principal.actor,
        "roles": sorted(principal.roles),
        "tenant_id": principal.tenant_id,
        "upn": principal.upn,
        "csrf_token": sign_in.sessions.csrf_token(request) if sign_in and principal.in_session else None,
    }


@router.get("/tokens")
def list_tokens(call: Called) -> Items[ApiToken]:
    """All tokens, the newest first, without their secrets."""
    return {"items": [token_shapes.token(one, call.app.tokens.now()) for one in call.app.tokens.all()]}


@router.post("/tokens", status_code=201)
def create_token(call: Called, body: NewToken) -> NewApiToken:
    """Make a token; its text is shown this once."""
    made, text = call.app.tokens.create(
        body.name,
        set(body.roles),
        actor=call.actor,
        reason=body.reason,
        tenant_id=body.tenant_id,
        upn=body.upn,
        valid_for=body.valid_for,
    )
    return {**token_shapes.token(made, call.app.tokens.now()), "token": text}


@router.post("/tokens/{token_id}/revoke")
def revoke_token(
    call: Called, token_id: Annotated[str, Path(min_length=1, max_length=200)], body: Reasoned
) -> ApiToken:
    """Let a token open nothing any more, from this moment on."""
    revoked = call.app.tokens.revoke(token_id, actor=call.actor, reason=body.reason)
    return token_shapes.token(revoked, call.app.tokens.now())
