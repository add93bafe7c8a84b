"""The plans of replays."""

from __future__ import annotations

from collections.abc import Sequence

import htpy as h

from overstap.app.replay_views import Listed
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.replay_words import NOBODY, plan_chip, selected, tallied
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, empty, link_button, show, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import lazy_gettext, lazy_ngettext

_TITLE = lazy_gettext("Replays")
_NEW = lazy_gettext("Make a plan")
_NONE = lazy_gettext("No plans yet")
_HINT = lazy_gettext(
    "A plan says which stuck runs go on, from which step and with which deadline. Nothing is done before it is run."
)
_NO_OLDER = lazy_gettext("There are no older plans")
_NO_OLDER_HINT = lazy_gettext("The newest ones are on the first page.")
_OLDER = lazy_gettext("Older plans")
_NEWEST = lazy_gettext("The newest plans")
_COLUMNS = (
    lazy_gettext("Plan of the replay"),
    lazy_gettext("State"),
    lazy_gettext("Runs"),
    lazy_gettext("Asked for"),
    lazy_gettext("Made by"),
    lazy_gettext("Approved by"),
    lazy_gettext("Run by"),
)
_ARRIVED = lazy_ngettext("{count} new plan · show", "{count} new plans · show")
_NOT_NEEDED = lazy_gettext("not needed")
_PAGES = lazy_gettext("Pages")
_SIZE = 25


@page("/console/replays", _TITLE, "list_replays")
async def replays(visit: Visit) -> None:
    """The plans, the newest first."""
    views, before = visit.app.replay_views, visit.query("before")

    def ask() -> tuple[Sequence[Listed], list[h.Node]]:
        found = views.plans(_SIZE, before)
        return found, [selected(visit, one.plan) for one in found]

    found, asked_for = await visit.ask(ask)
    newest = found[0].plan.id if found else ""

    def spots(plans: Sequence[Listed]) -> dict[str, h.Node]:
        made = {name: cell for one in plans for name, cell in _cells(visit, one).items()}
        new = 0 if before else sum(one.plan.id > newest for one in plans)
        here = h.a(href="/console/replays")[visit.say(_ARRIVED, count=new)] if new else None
        return {"new": here, **made}

    lead = link_button(visit.say(_NEW), "/console/replays/new", main=True) if visit.may("plan_replay") else None
    with frame(visit, visit.say(_TITLE), lead=lead):
        show(h.div(role="status")[spot("new")], _listing(visit, found, asked_for), _pages(visit, found, before))
    live = Live(visit, lambda: desk().looks.look(("replays", before), lambda: views.plans(_SIZE, before)), spots)
    live.knows(spots(found))


def _listing(visit: Visit, found: Sequence[Listed], asked_for: Sequence[h.Node]) -> h.Node:
    if not found:
        if visit.query("before"):
            return empty(visit.say(_NO_OLDER), visit.say(_NO_OLDER_HINT))
        more = [h.p[h.a(href=address("/console/runs", stuck="true"))[visit.say(lazy_gettext("See the stuck runs"))]]]
        return empty(visit.say(_NONE), visit.say(_HINT), *more)
    rows: list[list[h.Node]] = []
    for one, told in zip(found, asked_for, strict=True):
        cells = {name: spot(name, cell) for name, cell in _cells(visit, one).items()}
        state, runs, approved, run = cells.values()
        plan = one.plan
        link = h.a(".mono", href=f"/console/replays/{plan.id}")[plan.id]
        rows.append(
            [
                [link, h.div(".hint")[time(plan.at, "ago")]],
                state,
                runs,
                h.div(".asked")[told],
                plan.actor,
                approved,
                run,
            ]
        )
    return table(visit.say(_TITLE), [visit.say(name) for name in _COLUMNS], rows)


def _cells(visit: Visit, one: Listed) -> dict[str, h.Node]:
    """What changes of a plan in the listing, by the name of its spot."""
    plan = one.plan
    approved = plan.approved_by or visit.say(NOBODY if plan.needs_approval else _NOT_NEEDED)
    return {
        f"state-{plan.id}": plan_chip(visit, one.state),
        f"runs-{plan.id}": tallied(visit, plan, one.tally),
        f"approved-{plan.id}": approved,
        f"run-{plan.id}": plan.executed_by or visit.say(NOBODY),
    }


def _pages(visit: Visit, found: Sequence[Listed], before: str | None) -> h.Node:
    links = []
    if before:
        links.append(link_button(visit.say(_NEWEST), "/console/replays"))
    if len(found) == _SIZE:
        links.append(link_button(visit.say(_OLDER), address("/console/replays", before=found[-1].plan.id)))
    return h.nav(".buttons", aria_label=visit.say(_PAGES))[links] if links else None
