"""One plan of a replay: what it will do, what is done with it, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.app.replay_receipt import Line
from overstap.app.replay_views import PlanTotals, PlanView, Verdict
from overstap.entrypoints.api.routes.runs import known
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.replay_acts import broke_off, put_acts
from overstap.entrypoints.console.operator.replay_facts import facts_of, figures, live_facts, told
from overstap.entrypoints.console.operator.replay_rehearsal import rehearsal
from overstap.entrypoints.console.operator.replay_runs import Shown, choices, chosen_runs, counted, live_runs, planned
from overstap.entrypoints.console.operator.replay_words import plan_chip, selected
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import note, show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import lazy_gettext
from overstap.workflow.pauses import Pause

_TITLE = lazy_gettext("Plan of a replay")
_AGAIN = lazy_gettext("This plan was run before: nothing is done again. This is its receipt.")
_PAUSED = lazy_gettext("Paused by {actor}, so runs may not get on: {what}. Reason: {reason}")
_NO_WORKER = lazy_gettext("No worker is running, so nothing moves: overstap worker starts one.")
_PRINT = lazy_gettext("Print")


@dataclass(frozen=True, slots=True)
class Now:
    """How a plan stands now.

    Attributes:
        lines: of the runs that the page shows.
        workers: how many live.
    """

    view: PlanView
    lines: Sequence[Line]
    pauses: Sequence[Pause]
    workers: int


@page("/console/replays/{plan_id}", _TITLE, "show_replay")
async def plan_of_replay(visit: Visit) -> None:
    """What a plan will do, the acts that it takes, and its receipt."""
    plan_id = known(visit.path["plan_id"])
    views = visit.app.replay_views

    def first() -> tuple[Now, PlanTotals, Shown, h.Node]:
        view, totals = views.look(plan_id), views.totals(plan_id)
        shown = chosen_runs(visit, view)
        return _now(visit, view, totals, shown), totals, shown, selected(visit, view.plan)

    now, totals, shown, which = await visit.ask(first)
    ui.page_title(f"{visit.say(_TITLE)} {plan_id} · Overstap")

    async def look() -> Now:
        view = await desk().looks.look(("replay", plan_id), lambda: views.look(plan_id))
        key = ("replay-lines", plan_id, shown.run_ids)
        return await desk().looks.look(key, lambda: _now(visit, view, totals, shown))

    def spots(now: Now) -> dict[str, h.Node]:
        return {
            "state": plan_chip(visit, now.view.state),
            "told": told(visit, now.view),
            "stops": _stops(visit, now),
            "rehearsal": rehearsal(visit, plan_id),
            **live_facts(visit, now.view.plan),
            **counted(visit, now.view),
            **live_runs(visit, now.view, now.lines),
        }

    with frame(visit, visit.say(_TITLE), lead=spot("state", plan_chip(visit, now.view.state))):
        if visit.query("again") is not None and now.view.plan.executed_at is not None:
            show(h.div(role="status")[note(visit.say(_AGAIN))])
        show(
            h.div(role="status")[spot("told", told(visit, now.view))],
            spot("stops", _stops(visit, now)),
            classes="notes-part",
        )
        acts = put_acts(visit, now.view, totals)
        show(facts_of(visit, now.view, totals, which))
        show(figures(visit, now.view, totals))
        show(spot("rehearsal", rehearsal(visit, plan_id), h.section))
        show(choices(visit, now.view, shown))
        show(planned(visit, now.view, shown, now.lines))
        show(h.div(".buttons")[h.button(".button", type="button", data_act="print")[visit.say(_PRINT)]])
    live = Live(visit, look, spots, then=lambda now: acts.follow(now.view))
    live.knows(spots(now))


def _now(visit: Visit, view: PlanView, totals: PlanTotals, shown: Shown) -> Now:
    waits = view.plan.executed_at is not None and not view.settled
    pauses = visit.app.operators.pauses_in(totals.workflows) if not view.settled else []
    lines = visit.app.replay_views.lines(view.plan.id, shown.run_ids)
    return Now(view, lines, pauses, visit.app.dashboard.alive() if waits else 1)


def _stops(visit: Visit, now: Now) -> h.Node:
    """What keeps the plan's runs from getting on."""
    found = [note(visit.say(_PAUSED, actor=one.actor, what=one.what, reason=one.reason), "warn") for one in now.pauses]
    if not now.workers and now.view.counts.get(Verdict.UNDER_WAY):
        found.append(note(visit.say(_NO_WORKER), "warn"))
    return [broke_off(visit, now.view), found]
