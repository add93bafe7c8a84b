"""How people read replays: where a plan stands, what is known of a run, what becomes of an effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import htpy as h

from overstap.app.replay_receipt import Line
from overstap.app.replay_views import PlanState, Verdict
from overstap.entrypoints.console.operator.filters import SEVERAL, Query, filter_of, in_one, in_words
from overstap.entrypoints.console.parts import Tone, address, chip
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, NotFound
from overstap.language import Message, lazy_gettext, lazy_ngettext
from overstap.store.replay_pages import Tally
from overstap.store.replays import ReplayPlan
from overstap.workflow.replay import DeadlinePolicy, Result

STATES: Mapping[PlanState, tuple[Message, Tone]] = {
    PlanState.OPEN: (lazy_gettext("open"), "info"),
    PlanState.NEEDS_APPROVAL: (lazy_gettext("needs approval"), "warn"),
    PlanState.APPROVED: (lazy_gettext("approved"), "info"),
    PlanState.BEING_RUN: (lazy_gettext("being run"), "info"),
    PlanState.DONE: (lazy_gettext("done"), "good"),
    PlanState.EXPIRED: (lazy_gettext("expired"), "plain"),
}
VERDICTS: Mapping[Verdict, tuple[Message, Tone]] = {
    Verdict.WILL_RUN: (lazy_gettext("will run"), "info"),
    Verdict.SKIPPED: (lazy_gettext("skipped"), "plain"),
    Verdict.NOT_YET: (lazy_gettext("not run yet"), "plain"),
    Verdict.UNDER_WAY: (lazy_gettext("under way"), "info"),
    Verdict.PASSED: (lazy_gettext("passed"), "good"),
    Verdict.NOT_PASSED: (lazy_gettext("not passed"), "bad"),
}
RESULTS: Mapping[Result, Message] = {
    Result.SAME_ERROR: lazy_gettext("It is stuck again, with the same error: {why}"),
    Result.NEW_ERROR: lazy_gettext("It is stuck again, with another error: {why}"),
    Result.LEFT: lazy_gettext("Something else took it away from that step: {why}"),
    Result.UNDER_WAY: lazy_gettext("It has not got beyond that step yet."),
}
FATES: Mapping[str, Message] = {
    "done": lazy_gettext("confirmed, and not asked for again"),
    "answered": lazy_gettext("confirmed: answered from the ledger"),
    "refused": lazy_gettext("refused, and not asked for again"),
    "asked_again": lazy_gettext("refused before: asked again"),
    "done_there": lazy_gettext("unknown, and done there: not repeated"),
    "not_there": lazy_gettext("unknown, and not there: repeated under its key"),
    "left": lazy_gettext("unknown, and not there: not asked for again"),
    "unknown": lazy_gettext("unknown: it may have been done"),
}
NOBODY = lazy_gettext("nobody yet")
_DEADLINES: Mapping[str, Message] = {
    "keep": lazy_gettext("Deadlines are kept as they are."),
    "reset": lazy_gettext("Deadlines begin anew at the moment of the replay."),
    "extend": lazy_gettext("Deadlines are extended by {longer}."),
}
_FROM = lazy_gettext("Runs go back to the step {step}.")
_HERE = lazy_gettext("Runs go on at the step that they stick on.")
_RESOLVE = lazy_gettext("Unknown effects are looked up at the provider.")
_DONT_RESOLVE = lazy_gettext("Unknown effects are not looked up; runs that have any are skipped.")
_UNKNOWN = lazy_ngettext(
    "Of {count} effect nobody knows whether it was done. A plan that has unknown effects looked up can run it.",
    "Of {count} effects nobody knows whether they were done. A plan that has unknown effects looked up can run it.",
)
_SELECTED = lazy_ngettext("{count} run, chosen by name", "{count} runs, chosen by name")
_TALLY_RUN = lazy_ngettext("{count} run will run", "{count} runs will run")
_TALLY_SKIPPED = lazy_ngettext("{count} is skipped", "{count} are skipped")
_TALLY_REPLAYED = lazy_ngettext("{count} run was replayed", "{count} runs were replayed")
_TALLY_OUT = lazy_ngettext("{count} was skipped", "{count} were skipped")
_TALLY_LEFT = lazy_ngettext("{count} is left", "{count} are left")


def plan_chip(visit: Visit, state: PlanState) -> h.Element:
    """Where a plan stands."""
    message, tone = STATES[state]
    return chip(visit.say(message), tone)


def verdict_chip(visit: Visit, verdict: Verdict) -> h.Element:
    """What is known of a run."""
    message, tone = VERDICTS[verdict]
    return chip(visit.say(message), tone)


def tallied(visit: Visit, plan: ReplayPlan, tally: Tally) -> h.Node:
    """How many runs of a plan are what, in short."""
    if plan.executed_at is None:
        counted = [(_TALLY_RUN, tally.will_run), (_TALLY_SKIPPED, tally.skipped)]
    else:
        out = tally.skipped + tally.left_out
        counted = [(_TALLY_REPLAYED, tally.replayed), (_TALLY_OUT, out), (_TALLY_LEFT, tally.to_do)]
    told = [visit.say(message, count=number) for message, number in counted if number or message is counted[0][0]]
    return [told[0], (h.div(".hint")[one] for one in told[1:])]


def wish(visit: Visit, deadline: DeadlinePolicy, step: str | None, *, resolve: bool) -> list[str]:
    """What is asked for all runs of a plan, in sentences."""
    return [
        visit.say(_HERE) if step is None else visit.say(_FROM, step=step),
        visit.say(_DEADLINES[deadline.kind], longer=deadline.longer),
        visit.say(_RESOLVE if resolve else _DONT_RESOLVE),
    ]


def asked(visit: Visit, plan: ReplayPlan) -> list[str]:
    """What was asked for all runs of a plan, in sentences."""
    options = plan.options
    policy = DeadlinePolicy.parse(options["deadline"])
    return wish(visit, policy, options["from"], resolve=options["resolve"] is not None)


def selected(visit: Visit, plan: ReplayPlan) -> h.Node:
    """Which runs were asked for, leading to those that are like that now; asks the database, so in a thread."""
    given: dict[str, Any] = dict(plan.options["selected"])
    if "ids" in given:
        return visit.say(_SELECTED, count=len(given["ids"]))
    query: Query = {
        name: [str(one) for one in value] if name in SEVERAL else ("true" if value is True else str(value))
        for name, value in given.items()
    }
    try:
        told = in_one(visit.words, in_words(visit, filter_of(visit, query)))
    except (BadInput, NotFound):
        told = ", ".join(f"{name}={value}" for name, value in query.items())
    return h.a(href=address("/console/runs", **query))[told]


def became(visit: Visit, line: Line, verdict: Verdict) -> h.Node:
    """What is known of a run, and why."""
    if line.outcome is not None and line.outcome.result is Result.PASSED:
        return verdict_chip(visit, verdict)
    if line.outcome is not None:
        why: h.Node = visit.say(RESULTS[line.outcome.result], why=line.outcome.why or "")
    else:
        unknown = sum(effect["fate"] == "unknown" for effect in line.item.detail["effects"])
        why = _skipped(visit, line, unknown)
    return [verdict_chip(visit, verdict), None if why is None else h.div(".hint")[why]]


def _skipped(visit: Visit, line: Line, unknown: int) -> h.Node:
    if line.item.why is not None and unknown:
        return visit.say(_UNKNOWN, count=unknown)
    return h.span(lang="en")[line.skipped] if line.skipped else None


def moment(text: str | None) -> datetime | None:
    """A moment of a plan's details."""
    return None if text is None else datetime.fromisoformat(text)
