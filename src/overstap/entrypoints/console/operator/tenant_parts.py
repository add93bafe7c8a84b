"""What pages show of tenants: their plans, and what is under way and locked."""

from __future__ import annotations

from collections.abc import Mapping

import htpy as h

from overstap.domain.case import plan_name
from overstap.domain.catalog import Catalog
from overstap.domain.locks import COMMERCE, LICENCE, PORTAL, ActiveRun
from overstap.domain.tenant import Subscription
from overstap.entrypoints.console.parts import NOTHING, chip, state
from overstap.language import Language, Message, lazy_gettext

LOCKS: Mapping[str, Message] = {
    COMMERCE: lazy_gettext("commerce locked"),
    PORTAL: lazy_gettext("portal locked"),
    LICENCE: lazy_gettext("licences locked"),
}
_CONFLICT = lazy_gettext("licence conflict")


def plan_of(words: Language, held: Subscription, catalog: Catalog) -> str:
    """What a subscription is called: its plan, or the SKU that the catalog does not know."""
    plan = catalog.plans.get(held.plan or "")
    return words.tell(plan_name(plan)) if plan else held.sku_part_number


def under_way(words: Language, active: ActiveRun | None) -> h.Node:
    """The run that a tenant has under way, with the way to it."""
    if active is None:
        return h.span(".faint")[words.say(NOTHING)]
    return [state(active.state), " ", h.a(href=f"/console/runs/{active.run_id}")[h.code[active.run_id]]]


def locks(words: Language, held: frozenset[str]) -> h.Node:
    """What is locked."""
    if not held:
        return h.span(".faint")[words.say(NOTHING)]
    return h.span(".chips")[[chip(words.say(LOCKS[one]) if one in LOCKS else one, "warn") for one in sorted(held)]]


def conflict(words: Language, held: Subscription) -> h.Node:
    """A chip where more licences are assigned than were bought."""
    return chip(words.say(_CONFLICT), "bad") if held.assigned > held.seats else None
