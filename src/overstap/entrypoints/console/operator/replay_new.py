"""Where the plan of a replay is made: which runs, from where on, and what becomes of their deadlines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import htpy as h
from nicegui import ui

from overstap.app.replay_planning import Wish
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints.api.routes.runs import known
from overstap.entrypoints.console.acting import Act
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.operator.filters import filter_of, in_one, in_words, query_of
from overstap.entrypoints.console.operator.replay_form import form
from overstap.entrypoints.console.operator.replay_words import wish as wish_in_words
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import (
    address,
    empty,
    link_button,
    note,
    problem,
    show,
    state,
    table,
    time,
    with_node,
)
from overstap.entrypoints.console.visit import Visit
from overstap.errors import BadInput, NotFound
from overstap.language import lazy_gettext, lazy_ngettext
from overstap.store.runs import StoredRun
from overstap.workflow.replay import DeadlinePolicy

_TITLE = lazy_gettext("Make a plan of a replay")
_WHICH = lazy_gettext("Say which runs")
_WHICH_HINT = lazy_gettext("Choose something above: a plan that says nothing of its runs would mean every run.")
_NOBODY = lazy_gettext("No run is like that")
_NOBODY_HINT = lazy_gettext("A plan is about runs that have not ended. Ask for less above, or look at the runs.")
_MATCH = lazy_ngettext("{count} run matches now", "{count} runs match now")
_FIRST = lazy_gettext(
    "The first {shown} of them, the oldest first; the plan says of each whether it runs, and why not."
)
_ALL = lazy_gettext("The plan says of each whether it runs, and why not.")
_COLUMNS = (
    lazy_gettext("Tenant"),
    lazy_gettext("Run"),
    lazy_gettext("State"),
    lazy_gettext("Status"),
    lazy_gettext("Error"),
    lazy_gettext("Created"),
)
_SAY_DEADLINE = lazy_gettext("Say what becomes of their deadlines; then the plan can be made.")
_MAKE = lazy_gettext("Make the plan")
_PROMISE = lazy_gettext("The plan is written down, and nothing else happens. It can be run within {valid_for}.")
_ABOUT = lazy_ngettext("It is about {count} run: {node}.", "It is about {count} runs: {node}.")
_CHOSEN = lazy_gettext("chosen by name")
_CHANGED = lazy_gettext("You have changed something above. Show what matches now; then the plan can be made.")
_SEE_STUCK = lazy_gettext("The stuck runs")
_SEE_ESCALATED = lazy_gettext("The escalated runs")
_SHOWN = 10


@dataclass(slots=True)
class _Asked:
    """What the address asks for.

    Attributes:
        runs: which; None when nothing says so.
        which: the same in words.
        wish: None as long as it is not complete.
        problems: what cannot be.
    """

    runs: Sequence[str] | RunFilter | None = None
    which: h.Node = None
    wish: Wish | None = None
    count: int = 0
    first: Sequence[StoredRun] = ()
    problems: list[str] = field(default_factory=list)


@page("/console/replays/new", _TITLE, "plan_replay")
async def new_replay(visit: Visit) -> None:
    """The form, what it matches now, and the act that makes the plan."""
    asked = await visit.ask(_read, visit)
    with frame(visit, visit.say(_TITLE)):
        show(form(visit), [problem(one) for one in asked.problems])
        with ui.element("div").classes("page-part asked-part"):
            if asked.runs is None:
                show(None if asked.problems else _say_which(visit))
            elif not asked.count:
                show(empty(visit.say(_NOBODY), visit.say(_NOBODY_HINT)))
            else:
                show(_matches(visit, asked))
                if asked.wish is None:
                    show(None if asked.problems else note(visit.say(_SAY_DEADLINE), "warn"))
                else:
                    _put_act(visit, asked, asked.runs, asked.wish)
        show(h.div(".note.warn.changed", hidden=True, role="status")[visit.say(_CHANGED)])


def _read(visit: Visit) -> _Asked:
    asked = _Asked()
    ids = [known(one) for one in visit.request.query_params.getlist("run") if one.strip()]
    query = query_of(visit)
    try:
        if ids:
            asked.runs, asked.which = ids, visit.say(_CHOSEN)
        elif query:
            wanted = filter_of(visit, query)
            if not wanted.is_empty:
                asked.runs, asked.which = wanted, in_one(visit.words, in_words(visit, wanted))
        if asked.runs is not None:
            asked.count, asked.first = visit.app.replays.matches(asked.runs, _SHOWN)
    except (BadInput, NotFound) as error:
        asked.problems.append(str(error))
    try:
        asked.wish = _wish(visit)
    except BadInput as error:
        asked.problems.append(str(error))
    return asked


def _wish(visit: Visit) -> Wish | None:
    kind = visit.query("deadline")
    if kind is None:
        return None
    longer = visit.query("longer")
    policy = DeadlinePolicy.parse(f"{kind}:{longer or ''}" if kind == "extend" else kind)
    return Wish(policy, visit.query("from"), resolve=visit.query("resolve") == "true")


def _say_which(visit: Visit) -> h.Node:
    ways = [
        link_button(visit.say(text), address("/console/replays/new", **query))
        for text, query in ((_SEE_STUCK, {"stuck": "true"}), (_SEE_ESCALATED, {"escalated": "true"}))
    ]
    return empty(visit.say(_WHICH), visit.say(_WHICH_HINT), h.div(".buttons.middle")[ways])


def _matches(visit: Visit, asked: _Asked) -> h.Node:
    rows = []
    for stored in asked.first:
        run = stored.run
        rows.append(
            [
                run.input.get("tenant_name") or run.tenant_id,
                h.a(".mono", href=f"/console/runs/{run.id}")[run.id],
                state(run.state),
                run.status,
                h.span(".clipped", lang="en")[run.error or ""],
                time(run.created_at, "ago"),
            ]
        )
    told = visit.say(_MATCH, count=asked.count)
    more = visit.say(_FIRST, shown=len(asked.first)) if asked.count > len(asked.first) else visit.say(_ALL)
    return [
        h.div(role="status")[h.h2[told]],
        h.p(".hint")[more],
        table(told, [visit.say(name) for name in _COLUMNS], rows),
    ]


def _put_act(visit: Visit, asked: _Asked, runs: Sequence[str] | RunFilter, wish: Wish) -> None:
    def make(_reason: str) -> str:
        return visit.app.replays.plan(runs, wish, actor=visit.call.actor)[0].id

    sentences = wish_in_words(visit, wish.deadline, wish.step, resolve=wish.resolve)
    promise = visit.say(_PROMISE, valid_for=visit.app.settings.replay.valid_for)
    with ui.element("div").classes("buttons"):
        Act(
            visit=visit,
            command="plan_replay",
            label=_MAKE,
            perform=make,
            preview=[
                h.p[with_node(visit.words, _ABOUT, asked.which, count=asked.count)],
                h.ul[(h.li[one] for one in sentences)],
                h.p(".hint")[promise],
            ],
            reason=False,
            main=True,
            then=lambda plan_id: ui.navigate.to(f"/console/replays/{plan_id}"),
        ).put()
