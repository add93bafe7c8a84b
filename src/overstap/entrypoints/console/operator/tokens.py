"""The tokens: who may come in, made and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import htpy as h
from nicegui import ui

from overstap.app.principals import STAFF, Role
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.operator.fields import days, put, text_field, ticks
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import Tone, address, chip, empty, facts, note, show, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.errors import NotFound
from overstap.language import Message, lazy_gettext
from overstap.store.tokens import StoredToken

TITLE = lazy_gettext("Tokens")
_PATH = "/console/tokens"
_COLUMNS = (
    lazy_gettext("name"),
    lazy_gettext("roles"),
    lazy_gettext("tenant"),
    lazy_gettext("now"),
    lazy_gettext("created"),
    lazy_gettext("expires"),
    lazy_gettext("last used"),
)


@page(_PATH, TITLE, "list_tokens")
async def tokens(visit: Visit) -> None:
    """Every token that lets somebody in, without its secret."""
    found = await visit.ask(visit.app.tokens.all)
    now, every = visit.app.tokens.now(), visit.query("all") == "yes"
    chosen = _chosen(found, visit.query("token"))
    with frame(visit, visit.say(TITLE)):
        if chosen is not None:
            _one(visit, chosen, now)
        _create(visit)
        shown = [one for one in found if every or one.valid(now)]
        show(_ways(visit, every=every), _listing(visit, shown, now))


def _chosen(found: Sequence[StoredToken], wanted: str | None) -> StoredToken | None:
    if wanted is None:
        return None
    for one in found:
        if one.id == wanted.upper():
            return one
    raise NotFound(f"There is no token {wanted[:80]!r}; the list has those that there are.")


def _standing(visit: Visit, one: StoredToken, now: datetime) -> h.Node:
    told: tuple[Message, Tone] = (lazy_gettext("valid"), "good")
    if one.revoked_at is not None:
        told = lazy_gettext("revoked"), "plain"
    elif not one.valid(now):
        told = lazy_gettext("expired"), "plain"
    return chip(visit.say(told[0]), told[1])


def _one(visit: Visit, one: StoredToken, now: datetime) -> None:
    say = visit.say
    with ui.element("section").classes("card"):
        show(
            h.div(".heading")[h.h2[one.name], h.a(href=_PATH)[say(lazy_gettext("Close"))]],
            facts(
                [
                    (say(lazy_gettext("Id")), h.code[one.id]),
                    (say(lazy_gettext("Roles")), ", ".join(one.roles)),
                    (say(lazy_gettext("Acts in the name of")), one.upn or "—"),
                    (say(lazy_gettext("Now")), _standing(visit, one, now)),
                    (say(lazy_gettext("Created")), [time(one.created_at), ", ", one.created_by]),
                    (say(lazy_gettext("Expires")), time(one.expires_at)),
                    (say(lazy_gettext("Last used")), time(one.last_used_at)),
                    (say(lazy_gettext("Revoked")), time(one.revoked_at)),
                ]
            ),
        )
        if one.revoked_at is None:
            told = lazy_gettext("{name} lets nobody in any more from this moment on. It cannot be taken back.")
            put(
                Act(
                    visit=visit,
                    command="revoke_token",
                    label=lazy_gettext("Revoke"),
                    perform=lambda reason: visit.app.tokens.revoke(one.id, actor=visit.call.actor, reason=reason),
                    preview=h.p[say(told, name=one.name)],
                    danger=True,
                )
            )


def _create(visit: Visit) -> None:
    say = visit.say
    given: dict[str, ui.input] = {}
    roles: dict[str, ui.checkbox] = {}

    def fields() -> None:
        given["name"] = text_field(say(lazy_gettext("Name")), say(lazy_gettext("As journals name who comes with it.")))
        roles.update(ticks(say(lazy_gettext("Roles")), [(str(one), str(one)) for one in Role]))
        only = lazy_gettext("For tenant_admin only: the one tenant that it opens.")
        given["tenant"] = text_field(say(lazy_gettext("Tenant's id")), say(only))
        whose = lazy_gettext("For tenant_admin only: in whose name it acts.")
        given["upn"] = text_field(say(lazy_gettext("Administrator's UPN")), say(whose))
        ever = lazy_gettext("Left empty, it is valid until it is revoked.")
        given["days"] = text_field(say(lazy_gettext("Valid for so many days")), say(ever))

    def perform(reason: str) -> tuple[StoredToken, str]:
        valid = days(given["days"].value)
        return visit.app.tokens.create(
            given["name"].value or "",
            [Role(name) for name, box in roles.items() if box.value],
            actor=visit.call.actor,
            reason=reason,
            tenant_id=(given["tenant"].value or "").strip().lower() or None,
            upn=(given["upn"].value or "").strip() or None,
            valid_for=None if valid is None else timedelta(days=valid),
        )

    def shown(done: tuple[StoredToken, str]) -> None:
        made, text = done
        told = lazy_gettext("This is the token {name}. It is shown this once, and kept nowhere: copy it now.")
        place.set_content(
            str(
                h.div(role="status")[
                    note([h.p[say(told, name=made.name)], h.pre(".kept.secret", tabindex="0")[text]], "good"),
                    h.p[h.a(href=_PATH)[say(lazy_gettext("I have copied it; show the list again"))]],
                ]
            )
        )

    put(
        Act(
            visit=visit,
            command="create_token",
            label=lazy_gettext("Make a token"),
            perform=perform,
            fields=fields,
            then=shown,
        )
    )
    place = show()


def _ways(visit: Visit, *, every: bool) -> h.Node:
    say = visit.say
    ways = ((False, lazy_gettext("Valid")), (True, lazy_gettext("All")))
    return h.nav(".tabs", aria_label=say(lazy_gettext("Which tokens")))[
        (
            h.a(href=address(_PATH, all="yes" if whole else None), aria_current="true" if whole == every else None)[
                say(name)
            ]
            for whole, name in ways
        )
    ]


def _listing(visit: Visit, found: Sequence[StoredToken], now: datetime) -> h.Node:
    say = visit.say
    if not found:
        hint = lazy_gettext("Make one here, or with overstap tokens create; people sign in with their organisation.")
        return empty(say(lazy_gettext("There is no such token.")), say(hint))
    return table(
        say(TITLE),
        [say(one) for one in _COLUMNS],
        [
            [
                h.a(href=address(_PATH, token=one.id))[one.name],
                h.span(".chips")[(chip(role, "plain" if role in STAFF else "info") for role in one.roles)],
                h.a(href=f"/console/tenants/{one.tenant_id}")[one.upn or one.tenant_id] if one.tenant_id else "—",
                _standing(visit, one, now),
                time(one.created_at),
                time(one.expires_at),
                time(one.last_used_at),
            ]
            for one in found
        ],
    )
