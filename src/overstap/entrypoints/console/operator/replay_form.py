"""The form that says which runs a replay is about and how they go on; the page's address is its state."""

from __future__ import annotations

from collections.abc import Iterable

import htpy as h

from overstap.entrypoints.console.operator.filters import FLAGS, NAMES, SEVERAL
from overstap.entrypoints.console.parts import choice
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext, lazy_ngettext
from overstap.workflow.run import Status

_WHICH = lazy_gettext("Which runs")
_HOW = lazy_gettext("How they go on")
_CHOSEN = lazy_ngettext("{count} run was chosen by name.", "{count} runs were chosen by name.")
_INSTEAD = lazy_gettext("Choose by what they are instead")
_SHOW = lazy_gettext("Show what matches")
_LABELS = {
    "filter": lazy_gettext("Saved filter"),
    "state": lazy_gettext("State"),
    "status": lazy_gettext("Status"),
    "plan": lazy_gettext("To the plan"),
    "workflow": lazy_gettext("Workflow"),
    "tenant": lazy_gettext("Tenant (id or name)"),
    "error": lazy_gettext("Text in the error"),
    "older_than": lazy_gettext("Older than"),
    "stuck": lazy_gettext("Stuck"),
    "escalated": lazy_gettext("Escalated"),
    "overdue": lazy_gettext("Overdue"),
    "held": lazy_gettext("On hold"),
}
_TEXTS = {"tenant": "", "error": "", "older_than": "30m, 2h, 1d"}
"""Fields that are typed into, each with an example."""
_FROM = lazy_gettext("From the step")
_HERE = lazy_gettext("where each one sticks")
_DEADLINE = lazy_gettext("Their deadlines")
_SAY = lazy_gettext("choose …")
_DEADLINES = {
    "keep": lazy_gettext("stay as they are"),
    "reset": lazy_gettext("begin anew from the replay on"),
    "extend": lazy_gettext("are extended by …"),
}
_LONGER = lazy_gettext("Extended by")
_RESOLVE = lazy_gettext("Look unknown effects up at the provider")
_RESOLVE_HINT = lazy_gettext(
    "Without that, runs with effects of which nobody knows whether they were done are skipped."
)


def form(visit: Visit) -> h.Element:
    """The form."""
    ids = [one for one in visit.request.query_params.getlist("run") if one.strip()]
    return h.form(".card.replay-form", method="get", action="/console/replays/new", data_tells_changes=True)[
        h.fieldset[h.legend[visit.say(_WHICH)], _selection(visit, ids) if ids else _filter(visit)],
        h.fieldset[h.legend[visit.say(_HOW)], _wish(visit)],
        h.div(".buttons")[h.button(".button", type="submit")[visit.say(_SHOW)]],
    ]


def _selection(visit: Visit, ids: list[str]) -> h.Node:
    return [
        h.p[
            visit.say(_CHOSEN, count=len(set(ids))),
            " ",
            h.a(href="/console/replays/new")[visit.say(_INSTEAD)],
        ],
        (h.input(type="hidden", name="run", value=one) for one in ids),
    ]


def _filter(visit: Visit) -> h.Node:
    definitions = visit.app.library.all()
    options: dict[str, Iterable[str]] = {
        "filter": sorted(visit.app.settings.filters),
        "state": sorted({name for one in definitions for name in one.states}),
        "status": [str(one) for one in Status if one is not Status.ENDED],
        "plan": sorted(visit.app.catalog.plans),
        "workflow": sorted({one.name for one in definitions}),
    }
    shown = {*options, *_TEXTS, *FLAGS}
    return [
        h.div(".filters")[
            (_select(visit, name, list(of)) for name, of in options.items() if of),
            (_text(visit, name, example) for name, example in _TEXTS.items()),
        ],
        h.div(".checks")[(_check(visit, name, _LABELS[name]) for name in FLAGS)],
        (
            h.input(type="hidden", name=name, value=value)
            for name in NAMES
            if name not in shown
            for value in visit.request.query_params.getlist(name)
            if value.strip()
        ),
    ]


def _select(visit: Visit, name: str, options: list[str]) -> h.Element:
    given = [one.strip() for one in visit.request.query_params.getlist(name) if one.strip()]
    label = visit.say(_LABELS[name])
    if name not in SEVERAL or len(given) < 2:  # noqa: PLR2004 - one is chosen from a list
        unknown = [one for one in given[-1:] if one not in options]
        return choice(
            visit.words, name, label, ((one, one) for one in (*options, *unknown)), given[-1] if given else None
        )
    return h.label(".field")[
        h.span[label],
        h.select(name=name, multiple=True, size="4")[
            (h.option(value=one, selected=one in given)[one] for one in sorted({*options, *given}))
        ],
    ]


def _text(visit: Visit, name: str, example: str) -> h.Element:
    return h.label(".field")[
        h.span[visit.say(_LABELS[name])],
        h.input(
            name=name, value=visit.query(name) or "", placeholder=example or None, maxlength="200", autocomplete="off"
        ),
    ]


def _check(visit: Visit, name: str, label: Message) -> h.Element:
    return h.label(".check")[
        h.input(type="checkbox", name=name, value="true", checked=visit.query(name) in {"true", "1", "on"}),
        h.span[visit.say(label)],
    ]


def _wish(visit: Visit) -> h.Node:
    say = visit.say
    steps = sorted(
        {
            f"{spec.name}/{step}"
            for one in visit.app.library.all()
            for spec in one.states.values()
            for step in spec.steps
        }
    )
    chosen, deadline = visit.query("from"), visit.query("deadline")
    if chosen is not None and chosen not in steps:
        steps.append(chosen)
    return [
        h.div(".filters.wide")[
            h.label(".field")[
                h.span[say(_FROM)],
                h.select(name="from")[
                    h.option(value="")[say(_HERE)],
                    (h.option(value=one, selected=one == chosen)[one] for one in steps),
                ],
            ],
            h.label(".field")[
                h.span[say(_DEADLINE)],
                h.select(name="deadline", required=True)[
                    h.option(value="")[say(_SAY)],
                    (h.option(value=one, selected=one == deadline)[say(text)] for one, text in _DEADLINES.items()),
                ],
            ],
            h.label(".field")[
                h.span[say(_LONGER)],
                h.input(
                    name="longer",
                    value=visit.query("longer") or "",
                    placeholder="2h",
                    maxlength="20",
                    autocomplete="off",
                ),
            ],
        ],
        _check(visit, "resolve", _RESOLVE),
        h.p(".hint")[say(_RESOLVE_HINT)],
    ]
