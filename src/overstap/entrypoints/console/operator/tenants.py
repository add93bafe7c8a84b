"""The tenants, by name, a page at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy as h

from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import Tenant
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.tenant_parts import conflict, locks, plan_of, under_way
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, empty, link_button, show, table
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import BadInput
from overstap.language import lazy_gettext

TITLE = lazy_gettext("Tenants")
_PATH = "/console/tenants"
_AT_ONCE = 25
_COLUMNS = (
    lazy_gettext("tenant"),
    lazy_gettext("users"),
    lazy_gettext("subscriptions"),
    lazy_gettext("under way"),
    lazy_gettext("locks"),
)

Locked = Mapping[str, tuple[ActiveRun, frozenset[str]]]


@page(_PATH, TITLE, "count_runs")
async def tenants(visit: Visit) -> None:
    """The tenants that have a text in their name, id or a domain; all of them without one."""
    text, after = visit.query("q"), _after(visit.query("cursor"))
    found = await visit.ask(visit.app.service.tenants, after, _AT_ONCE + 1, text)
    more, found = len(found) > _AT_ONCE, found[:_AT_ONCE]
    ids = tuple(one.id for one in found)

    def look() -> Locked:
        return visit.app.portal.locked(ids)

    def spots(locked: Locked) -> dict[str, h.Node]:
        shown: dict[str, h.Node] = {}
        for one in ids:
            active, held = locked.get(one, (None, frozenset()))
            shown[f"run-{one}"], shown[f"locks-{one}"] = under_way(visit.words, active), locks(visit.words, held)
        return shown

    first = spots(await visit.ask(look)) if ids else {}
    with frame(visit, visit.say(TITLE)):
        show(_search(visit, text))
        show(_listing(visit, found, first) if found else _nothing(visit, text))
        show(_paging(visit, text, found, more=more))
    if ids:
        live = Live(visit, lambda: desk().looks.look(("tenants", ids), look), spots)
        live.knows(first)


def _after(cursor: str | None) -> tuple[str, str]:
    """The place behind which a page begins.

    Raises:
        BadInput: when the cursor is none.
    """
    if cursor is None:
        return "", ""
    name, mark, tenant_id = cursor.rpartition("|")
    if not mark:
        raise BadInput(f"cursor: {cursor[:80]!r} is none; begin at the first page again.")
    return name, tenant_id


def _search(visit: Visit, text: str | None) -> h.Element:
    say = visit.say
    return h.form(".asking", method="get", action=_PATH, role="search")[
        h.label(".field")[
            h.span[say(lazy_gettext("Name, id or domain"))],
            h.input(type="search", name="q", value=text, maxlength="200"),
        ],
        h.button(".button", type="submit")[say(lazy_gettext("Search"))],
        link_button(say(lazy_gettext("All tenants")), _PATH) if text else None,
    ]


def _listing(visit: Visit, found: Sequence[Tenant], spots: Mapping[str, h.Node]) -> h.Node:
    words, catalog = visit.words, visit.app.catalog
    return table(
        visit.say(TITLE),
        [visit.say(one) for one in _COLUMNS],
        [
            [
                [h.a(".strong", href=f"{_PATH}/{one.id}")[one.name], h.br, h.code(".faint")[one.id]],
                words.tell(one.users),
                h.ul(".bare")[
                    (
                        h.li[plan_of(words, held, catalog), f" {held.assigned}/{held.seats} ", conflict(words, held)]
                        for held in one.subscriptions
                    )
                ],
                spot(f"run-{one.id}", spots[f"run-{one.id}"]),
                spot(f"locks-{one.id}", spots[f"locks-{one.id}"]),
            ]
            for one in found
        ],
        [1],
    )


def _nothing(visit: Visit, text: str | None) -> h.Node:
    say = visit.say
    if text is not None:
        title = lazy_gettext("No tenant has {text} in its name, its id or a domain.")
        return empty(say(title, text=text), say(lazy_gettext("Try a part of it, or look at all of them.")))
    command = lazy_gettext("The platform's people bring them in: overstap tenants import PATH…")
    return empty(say(lazy_gettext("There are no tenants yet.")), say(command))


def _paging(visit: Visit, text: str | None, found: Sequence[Tenant], *, more: bool) -> h.Node:
    say, cursor = visit.say, visit.query("cursor")
    if not more and cursor is None:
        return None
    following = address(_PATH, q=text, cursor=f"{found[-1].name}|{found[-1].id}") if more else None
    return h.nav(".buttons", aria_label=say(lazy_gettext("Pages of the list")))[
        link_button(say(lazy_gettext("First page")), address(_PATH, q=text)) if cursor else None,
        link_button(say(lazy_gettext("Next page")), following) if following else None,
    ]
