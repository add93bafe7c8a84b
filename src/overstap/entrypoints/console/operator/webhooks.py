"""The webhooks: who is told of journal entries over HTTP."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h
from nicegui import ui

from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.operator.fields import put, text_field, ticks
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, chip, empty, note, show, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext
from overstap.store.webhooks import StoredWebhook
from overstap.workflow.run import Kind

TITLE = lazy_gettext("Webhooks")
PATH = "/console/webhooks"
_COLUMNS = (
    lazy_gettext("told at"),
    lazy_gettext("of whose runs"),
    lazy_gettext("of which entries"),
    lazy_gettext("created"),
    lazy_gettext("by"),
    lazy_gettext("now"),
)


@page(PATH, TITLE, "list_webhooks")
async def webhooks(visit: Visit) -> None:
    """The webhooks that exist for whoever looks, without their secrets."""
    ended = visit.query("ended") == "yes"
    found = await visit.ask(visit.app.webhooks.all, visit.principal.tenant_id, ended=ended)
    with frame(visit, visit.say(TITLE)):
        _create(visit)
        show(_ways(visit, ended=ended), _listing(visit, found))


def whose(visit: Visit, one: StoredWebhook) -> h.Node:
    """The tenant of whose runs a webhook tells."""
    if one.tenant_id is None:
        return visit.say(lazy_gettext("of all tenants"))
    return h.a(href=f"/console/tenants/{one.tenant_id}")[h.code[one.tenant_id]]


def of_kinds(visit: Visit, one: StoredWebhook) -> h.Node:
    """The kinds of entries that a webhook tells of."""
    return ", ".join(one.kinds) or visit.say(lazy_gettext("of all kinds"))


def standing(visit: Visit, one: StoredWebhook) -> h.Node:
    """Whether a webhook is told of anything."""
    if one.ended_at is None:
        return chip(visit.say(lazy_gettext("in force")), "good")
    return [chip(visit.say(lazy_gettext("ended"))), " ", time(one.ended_at)]


def _create(visit: Visit) -> None:
    say, own = visit.say, visit.principal.tenant_id
    given: dict[str, ui.input] = {}
    kinds: dict[str, ui.checkbox] = {}

    def fields() -> None:
        given["url"] = text_field(say(lazy_gettext("URL")), "https://…")
        if own is None:
            given["tenant"] = text_field(say(lazy_gettext("Tenant's id")), say(lazy_gettext("Left empty: of all.")))
        kinds.update(ticks(say(lazy_gettext("Of which entries; none ticked: of all")), [(one, one) for one in Kind]))

    def perform(reason: str) -> tuple[StoredWebhook, str]:
        wanted = (given["tenant"].value or "").strip().lower() if own is None else own
        return visit.app.webhooks.create(
            given["url"].value or "",
            kinds=[name for name, box in kinds.items() if box.value],
            tenant_id=wanted or None,
            actor=visit.call.actor,
            reason=reason,
        )

    def shown(done: tuple[StoredWebhook, str]) -> None:
        made, secret = done
        told = lazy_gettext("{url} is told from now on. This is the secret of its signatures, shown this once:")
        place.set_content(
            str(
                h.div(role="status")[
                    note([h.p[say(told, url=made.url)], h.pre(".kept.secret", tabindex="0")[secret]], "good"),
                    h.p[h.a(href=f"{PATH}/{made.id}")[say(lazy_gettext("I have copied it; to the webhook"))]],
                ]
            )
        )

    label = lazy_gettext("Make a webhook")
    put(Act(visit=visit, command="create_webhook", label=label, perform=perform, fields=fields, then=shown))
    place = show()


def _ways(visit: Visit, *, ended: bool) -> h.Node:
    say = visit.say
    ways = ((False, lazy_gettext("In force")), (True, lazy_gettext("Ended too")))
    return h.nav(".tabs", aria_label=say(lazy_gettext("Which webhooks")))[
        (
            h.a(href=address(PATH, ended="yes" if whole else None), aria_current="true" if whole == ended else None)[
                say(name)
            ]
            for whole, name in ways
        )
    ]


def _listing(visit: Visit, found: Sequence[StoredWebhook]) -> h.Node:
    say = visit.say
    if not found:
        hint = lazy_gettext("Make one, and its target is told of what happens from then on, signed.")
        return empty(say(lazy_gettext("Nobody is told over HTTP.")), say(hint))
    return table(
        say(TITLE),
        [say(one) for one in _COLUMNS],
        [
            [
                h.a(href=f"{PATH}/{one.id}")[one.url],
                whose(visit, one),
                of_kinds(visit, one),
                time(one.created_at),
                one.created_by,
                standing(visit, one),
            ]
            for one in found
        ],
    )
