"""What people do with a plan of a replay: rehearse it, approve it, run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import htpy as h
from nicegui import ui

from overstap.app.replay_views import PlanState, PlanTotals, PlanView
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.jobs import Kind
from overstap.entrypoints.console.operator.long_work import failure
from overstap.entrypoints.console.operator.replay_rehearsal import start_rehearsal
from overstap.entrypoints.console.parts import address, note, show
from overstap.entrypoints.console.visit import Visit, desk
from overstap.language import lazy_gettext, lazy_ngettext

_CARRYING_OUT = Kind("replay")
"""The job that does what a plan says."""
_APPROVE = lazy_gettext("Approve")
_APPROVES = lazy_gettext("After that it can be run, by whoever may run replays, exactly as it is.")
_REHEARSE = lazy_gettext("Rehearse")
_REHEARSES = lazy_gettext("The plan is played on a copy, for an hour of its own time at most. Nothing real is touched.")
_NO_FAULTS = lazy_gettext(
    "Effects that the ledger knows are answered from it; new ones are played against a copy of the provider's books, "
    "so the real provider may answer otherwise. On the copy nothing is paused."
)
_RUN = lazy_gettext("Run the plan")
_RUNS = lazy_ngettext(
    "{count} run goes on as the plan says, and nothing else is done.",
    "{count} runs go on as the plan says, and nothing else is done.",
)
_EFFECTS = lazy_ngettext(
    "The provider is asked again for {count} effect.", "The provider is asked again for {count} effects."
)
_CHANGED = lazy_gettext("A run that has changed since the plan was made is skipped, and the receipt says so.")
_GO_ON = lazy_gettext("Go on with what is left")
_GOES_ON = lazy_gettext("The plan is being run. Where that broke off, this goes on with it; nothing is done twice.")
_OWN = lazy_gettext("You made this plan, so somebody else has to approve it.")
_OTHERS = lazy_gettext("Before it can be run, a second person with the role approver approves it.")
_RUNNABLE = frozenset({PlanState.OPEN, PlanState.APPROVED})
_NOT_RUN = frozenset({PlanState.OPEN, PlanState.APPROVED, PlanState.NEEDS_APPROVAL})


@dataclass(slots=True)
class Acts:
    """Buttons that are there as long as a plan allows what they do."""

    _buttons: list[tuple[ui.element, Callable[[PlanView], bool]]] = field(default_factory=list)

    def add(self, button: ui.element | None, allowed: Callable[[PlanView], bool]) -> None:
        """Add one."""
        if button is not None:
            self._buttons.append((button, allowed))

    def follow(self, view: PlanView) -> None:
        """Show those that the plan allows now."""
        for button, allowed in self._buttons:
            button.set_visibility(allowed(view))


def put_acts(visit: Visit, view: PlanView, totals: PlanTotals) -> Acts:
    """Put the acts on the page that whoever looks may do."""
    plan, acts = view.plan, Acts()
    own = plan.actor == visit.call.actor
    runs = totals.runs > 0
    waits = show(note(visit.say(_OWN if own else _OTHERS), "warn"))
    shows_why = own or not visit.may("approve_replay")
    acts.add(waits, lambda now: shows_why and now.state is PlanState.NEEDS_APPROVAL)
    with ui.element("div").classes("buttons acts-part"):
        if not own:
            acts.add(_approve(visit, plan.id).put(), lambda now: now.state is PlanState.NEEDS_APPROVAL)
        acts.add(_run(visit, plan.id, totals).put(), lambda now: runs and now.state in _RUNNABLE)
        acts.add(_go_on(visit, plan.id).put(), lambda now: now.state is PlanState.BEING_RUN and not _at_it(plan.id))
        acts.add(_rehearse(visit, plan.id).put(), lambda now: runs and now.state in _NOT_RUN)
    acts.follow(view)
    return acts


def _approve(visit: Visit, plan_id: str) -> Act:
    def approve(reason: str) -> object:
        return visit.app.replays.approve(plan_id, actor=visit.call.actor, reason=reason)

    return Act(
        visit=visit,
        command="approve_replay",
        label=_APPROVE,
        perform=approve,
        preview=h.p[visit.say(_APPROVES)],
        main=True,
    )


def _run(visit: Visit, plan_id: str, totals: PlanTotals) -> Act:
    preview = [
        h.p[visit.say(_RUNS, count=totals.runs)],
        h.p[visit.say(_EFFECTS, count=totals.repeated)],
        h.p(".hint")[visit.say(_CHANGED)],
    ]

    def opened(first: bool) -> None:
        ui.navigate.to(address(f"/console/replays/{plan_id}", again=None if first else "true"))

    return Act(
        visit=visit,
        command="run_replay",
        label=_RUN,
        perform=lambda reason: _begin(visit, plan_id, reason),
        preview=preview,
        main=True,
        then=opened,
    )


def _go_on(visit: Visit, plan_id: str) -> Act:
    return Act(
        visit=visit,
        command="run_replay",
        label=_GO_ON,
        perform=lambda reason: _begin(visit, plan_id, reason),
        preview=h.p[visit.say(_GOES_ON)],
    )


def _begin(visit: Visit, plan_id: str, reason: str) -> bool:
    """Begin what the plan says, and leave the rest to a job; whether this was the first time."""
    replays = visit.app.replays
    first = replays.begin(plan_id, actor=visit.call.actor, reason=reason)
    desk().jobs.start(_CARRYING_OUT, plan_id, lambda _: replays.carry_out(plan_id), by=visit.call.actor)
    return first


def _at_it(plan_id: str) -> bool:
    job = desk().jobs.get(_CARRYING_OUT, plan_id)
    return job is not None and job.ended is None


def broke_off(visit: Visit, view: PlanView) -> h.Node:
    """Why what a plan says was not done to its end; None where it is, or may yet be."""
    job = desk().jobs.get(_CARRYING_OUT, view.plan.id)
    return failure(visit.words, job) if job is not None and view.state is PlanState.BEING_RUN else None


def _rehearse(visit: Visit, plan_id: str) -> Act:
    return Act(
        visit=visit,
        command="rehearse_replay",
        label=_REHEARSE,
        perform=lambda _: start_rehearsal(visit, plan_id),
        preview=[h.p[visit.say(_REHEARSES)], h.p(".hint")[visit.say(_NO_FAULTS)]],
        reason=False,
        then=lambda _: None,
    )
