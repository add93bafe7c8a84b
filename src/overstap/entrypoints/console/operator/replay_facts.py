"""What a plan of a replay says in all, and how far its execution is."""

from __future__ import annotations

import htpy as h

from overstap.app.replay_views import PlanState, PlanTotals, PlanView, Verdict
from overstap.app.replaying import TooMuch
from overstap.entrypoints.console.operator.replay_words import NOBODY, asked
from overstap.entrypoints.console.parts import facts, note, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import Money, lazy_gettext, lazy_ngettext
from overstap.store.replays import ReplayPlan

_PLAN = lazy_gettext("Plan of the replay")
_MADE = lazy_gettext("Made")
_VALID = lazy_gettext("Can be run until")
_ASKED = lazy_gettext("Asked for")
_HOW = lazy_gettext("How they go on")
_APPROVAL = lazy_gettext("A second person")
_RUN = lazy_gettext("Executed")
_DIGEST = lazy_gettext("Digest of the plan")
_NOT_NEEDED = lazy_gettext("not needed")
_BY = lazy_gettext("by {actor}")
_TOO_MUCH = {
    TooMuch.RUNS: lazy_ngettext(
        "It replays more than {count} run, so a second person approves it.",
        "It replays more than {count} runs, so a second person approves it.",
    ),
    TooMuch.AMOUNT: lazy_gettext("It is about more than {amount} a month, so a second person approves it."),
}
_NEEDS = lazy_gettext("A second person approves it.")
_FIGURES = (
    (Verdict.WILL_RUN, lazy_gettext("runs will run")),
    (Verdict.SKIPPED, lazy_gettext("runs are skipped")),
)
_USERS = lazy_gettext("users")
_SEATS = lazy_gettext("seats")
_MONTHLY = lazy_gettext("a month")
_REPEATED = lazy_gettext("effects are repeated")
_NOT_REPEATED = lazy_gettext("effects are not repeated")
_NOTHING = lazy_gettext("Nothing of it would run; the verdicts below say why, and what to do instead.")
_EXPIRED = lazy_gettext("The plan has expired: runs may be elsewhere by now. Make a new one.")
_PUTTING = lazy_gettext("{done} of {total} runs were put back to where they go on.")
_KNOWN = lazy_gettext("Of {total} runs it is known what came of {done}. A run passes when it gets beyond its step.")
_WAITING = lazy_ngettext(
    "{count} run waits for its time, a signal or an answer.", "{count} runs wait for their time, a signal or an answer."
)
_PASSED = lazy_gettext("Passed: each run got beyond the step that it stuck on.")
_NOT_PASSED = lazy_gettext("Not passed: {passed} of {total} runs got beyond the step that they stuck on.")
_NOTHING_RUN = lazy_gettext("Nothing was replayed; the lines below say why.")


def facts_of(visit: Visit, view: PlanView, totals: PlanTotals, which: h.Node) -> h.Element:
    """Who made it, what was asked for, how long it can be run, and who else has to do with it."""
    plan, say = view.plan, visit.say
    sentences = h.ul(".sentences")[(h.li[one] for one in asked(visit, plan))]
    told = live_facts(visit, plan)
    return h.div(".card")[
        facts(
            [
                (say(_PLAN), h.span(".mono")[plan.id]),
                (say(_MADE), [time(plan.at), h.div(".hint")[say(_BY, actor=plan.actor)]]),
                (say(_VALID), [time(plan.valid_until), h.div(".hint")[_left(view)]]),
                (say(_ASKED), which),
                (say(_HOW), sentences),
                (say(_APPROVAL), [h.span(data_live="approved")[told["approved"]], _why(visit, plan, totals)]),
                (say(_RUN), h.span(data_live="executed")[told["executed"]]),
                (say(_DIGEST), h.span(".mono")[plan.digest]),
            ]
        )
    ]


def _left(view: PlanView) -> h.Node:
    return time(view.plan.valid_until, "left") if view.plan.executed_at is None else None


def live_facts(visit: Visit, plan: ReplayPlan) -> dict[str, h.Node]:
    """Who approved it, and who ran it."""
    approved: h.Node = visit.say(NOBODY if plan.needs_approval else _NOT_NEEDED)
    executed: h.Node = visit.say(NOBODY)
    if plan.approved_by is not None:
        approved = [plan.approved_by, ", ", time(plan.approved_at), h.div(".hint")[plan.approved_why]]
    if plan.executed_by is not None:
        executed = [plan.executed_by, ", ", time(plan.executed_at), h.div(".hint")[plan.executed_why]]
    return {"approved": approved, "executed": executed}


def _why(visit: Visit, plan: ReplayPlan, totals: PlanTotals) -> h.Node:
    """Why a second person has to approve it."""
    if not plan.needs_approval:
        return None
    settings = visit.app.settings.replay
    why = visit.app.replays.why_approval(totals.runs, totals.monthly_cents)
    amount = Money(settings.approve_cents, visit.app.catalog.currency)
    sentences = [visit.say(_TOO_MUCH[one], count=settings.approve_runs, amount=amount) for one in why]
    return (h.div(".hint")[one] for one in sentences or [visit.say(_NEEDS)])


def figures(visit: Visit, view: PlanView, totals: PlanTotals) -> h.Element:
    """What the plan says in all."""
    say = visit.words.tell
    planned = {Verdict.WILL_RUN: totals.runs, Verdict.SKIPPED: len(view.verdicts) - totals.runs}
    told = [(say(planned[one]), visit.say(text)) for one, text in _FIGURES]
    told += [
        (say(totals.users), visit.say(_USERS)),
        (say(totals.seats), visit.say(_SEATS)),
        (say(Money(totals.monthly_cents, visit.app.catalog.currency)), visit.say(_MONTHLY)),
        (say(totals.repeated), visit.say(_REPEATED)),
        (say(totals.not_repeated), visit.say(_NOT_REPEATED)),
    ]
    return h.div(".figures")[(h.div(".figure")[h.b[number], h.span[name]] for number, name in told)]


def told(visit: Visit, view: PlanView) -> h.Node:
    """How far the plan is, in a sentence."""
    counts, say = view.counts, visit.say
    if view.plan.executed_at is None:
        if not counts.get(Verdict.WILL_RUN):
            return note(say(_NOTHING), "warn")
        return note(say(_EXPIRED), "warn") if view.state is PlanState.EXPIRED else None
    total = sum(counts.values()) - counts.get(Verdict.SKIPPED, 0)
    if view.to_do:
        done = total - view.to_do
        return note([h.p[say(_PUTTING, done=done, total=total)], _bar(done, total, say(_RUN))])
    under_way = counts.get(Verdict.UNDER_WAY, 0)
    if under_way:
        text = say(_KNOWN, done=total - under_way, total=total)
        waits = h.p[say(_WAITING, count=view.parked)] if view.parked else None
        return note([h.p[text], _bar(total - under_way, total, text), waits])
    if view.passed:
        return note(say(_PASSED), "good")
    if not total:
        return note(say(_NOTHING_RUN), "warn")
    return note(say(_NOT_PASSED, passed=counts.get(Verdict.PASSED, 0), total=total), "bad")


def _bar(done: int, total: int, name: str) -> h.Element:
    return h.progress(value=str(done), max=str(max(total, 1)), aria_label=name)
