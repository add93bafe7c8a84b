"""`overstap tokens …`: who may call the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from overstap.app.principals import Role
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, ReasonOption, command, find_tenant
from overstap.entrypoints.cli.filters import duration
from overstap.entrypoints.cli.orders import operator

group = typer.Typer(help="Tokens: who may call the HTTP API.", no_args_is_help=True)


def create(
    face: Face,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As journals name who comes with it.")],
    role: Annotated[list[Role], typer.Option(help="What it may do; again for several.")],
    reason: ReasonOption,
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="The only tenant it opens, for tenant_admin.")
    ] = None,
    acting_upn: Annotated[
        str | None, typer.Option("--as", metavar="UPN", help="In the name of which of its admins it acts.")
    ] = None,
    valid_for: Annotated[
        timedelta | None, typer.Option(parser=duration, metavar="DURATION", help="Such as 90d; for ever if left out.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token and show it, this once."""
    with face.app() as app:
        made, text = app.tokens.create(
            name,
            set(role),
            actor=operator(),
            reason=reason,
            tenant_id=None if tenant is None else find_tenant(app.service, tenant).id,
            upn=acting_upn,
            valid_for=valid_for,
        )
        now = app.tokens.now()
    if as_json:
        face.json({**shapes.token(made, now), "token": text})
        return
    until = "until it is revoked" if made.expires_at is None else f"until {words.when(made.expires_at)}"
    face.tell(text)
    face.tell(f"This is {made.name}'s token, {until}. It is kept nowhere: nobody can show it again.")


def list_(face: Face, as_json: JsonFlag = False) -> None:
    """List the tokens, the newest first; what they open, and when they last did."""
    with face.app() as app:
        found, now = app.tokens.all(), app.tokens.now()
    if as_json:
        face.json([shapes.token(one, now) for one in found])
        return
    if not found:
        face.tell("There are no tokens; `overstap tokens create` makes one.")
        return
    table = words.table("token", "name", "roles", "tenant", "as", "made", "by", "valid", "last used")
    for one in found:
        valid = "revoked" if one.revoked_at else words.when(one.expires_at) or "until it is revoked"
        expired = not one.valid(now)
        table.add_row(
            one.id, one.name, ", ".join(one.roles), one.tenant_id or "", one.upn or "", words.when(one.created_at),
            one.created_by, valid, words.when(one.last_used_at) or "never", style="bright_black" if expired else None,
        )  # fmt: skip
    face.print(table)


def revoke(
    face: Face,
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="Its id or its name.")],
    reason: ReasonOption,
    as_json: JsonFlag = False,
) -> None:
    """Let a token open nothing any more, from this moment on."""
    with face.app() as app:
        revoked = app.tokens.revoke(token.strip(), actor=operator(), reason=reason)
        now = app.tokens.now()
    if as_json:
        face.json(shapes.token(revoked, now))
        return
    face.tell(f"The token {revoked.name} opens nothing any more.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "create")(create)
    command(group, "list")(list_)
    command(group, "revoke")(revoke)
    app.add_typer(group, name="tokens")
