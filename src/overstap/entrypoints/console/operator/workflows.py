"""A workflow file as people read it: the chart, what is done in each state, and how long that may take."""

from __future__ import annotations

import htpy as h
from nicegui import ui

from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.pictures import places_of, runs_in, state_chart
from overstap.entrypoints.console.operator.standing import Found, age_spot, count_spot, look, place_spots
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import duration, facts, show, state, table
from overstap.entrypoints.console.visit import Visit
from overstap.errors import NotFound
from overstap.language import Language, lazy_gettext
from overstap.workflow.definition import Definition
from overstap.workflow.spec import RetryPolicy, StateSpec

_TITLE = lazy_gettext("Workflow")
_NAMED = lazy_gettext("{workflow}, version {version}")
_NONE = "—"


@page("/console/workflows/{workflow}/{version}", _TITLE, "show_workflow")
async def workflow(visit: Visit) -> None:
    """One version of a workflow."""
    definition = _asked(visit)
    title = visit.say(_NAMED, workflow=definition.name, version=definition.version)
    ui.page_title(f"{title} · Overstap")
    found = await look(visit.app)
    picture = await visit.ask(state_chart, visit.words, definition, found)
    places = places_of(definition)

    def spots(found: Found) -> dict[str, str]:
        return place_spots(found, visit.words, places)

    with frame(visit, title):
        show(
            h.p[definition.description],
            _about(visit, definition),
            picture,
            h.h2[visit.say(lazy_gettext("What is done in each state"))],
            _states(visit.words, definition, spots(found)),
            classes="stack",
        )
    Live(visit, lambda: look(visit.app), spots).knows(spots(found))


def _asked(visit: Visit) -> Definition:
    name, version = str(visit.path["workflow"]), str(visit.path["version"])
    if not (version.isascii() and version.isdigit() and len(version) <= 9):  # noqa: PLR2004 - a file's number
        raise NotFound(f"{version!r} is no version of a workflow; versions are numbers from 1 on.")
    return visit.app.library.get(name, int(version))


def _about(visit: Visit, definition: Definition) -> h.Element:
    say = visit.say
    versions = [one for one in visit.app.library.all() if one.name == definition.name]
    return facts(
        [
            (say(lazy_gettext("File")), h.code[f"{definition.name}.v{definition.version}.yaml"]),
            (say(lazy_gettext("Digest")), h.code(title=definition.digest)[definition.digest[:12]]),
            (
                say(lazy_gettext("Versions")),
                h.span(".versions")[
                    (
                        h.a(
                            href=f"/console/workflows/{one.name}/{one.version}",
                            aria_current="page" if one is definition else None,
                        )[str(one.version)]
                        for one in versions
                    )
                ],
            ),
            (say(lazy_gettext("New runs follow")), say(_NAMED, workflow=definition.name, version=versions[-1].version)),
        ]
    )


def _states(words: Language, definition: Definition, written: dict[str, str]) -> h.Node:
    say = words.say
    columns = (
        lazy_gettext("State"),
        lazy_gettext("Runs"),
        lazy_gettext("Age of the oldest"),
        lazy_gettext("Steps"),
        lazy_gettext("Deadline"),
        lazy_gettext("Tried again"),
        lazy_gettext("Locks"),
        lazy_gettext("Events"),
    )
    rows = []
    for name, spec in definition.states.items():
        where = (definition.name, definition.version, name)
        rows.append(
            [
                h.a(href=runs_in(definition, name))[state(name)],
                spot(count_spot(where), written[count_spot(where)]),
                spot(age_spot(where), written[age_spot(where)]),
                h.ol(".steps")[(h.li[h.code[step]] for step in spec.steps)] if spec.steps else _NONE,
                _deadline(words, spec),
                h.div(".retry")[_retry(words, spec.retry)] if spec.steps else _NONE,
                ", ".join(sorted(spec.locks)) or _NONE,
                _events(words, definition, spec),
            ]
        )
    caption = say(lazy_gettext("States of {workflow}"), workflow=definition.name)
    return table(caption, [say(one) for one in columns], rows, [1])


def _deadline(words: Language, spec: StateSpec) -> h.Node:
    if spec.deadline is None:
        return _NONE
    return [duration(words, spec.deadline.after), h.br, h.code[spec.deadline.event]]


def _retry(words: Language, policy: RetryPolicy) -> h.Node:
    waits = words.say(
        lazy_gettext("after {first}, then {factor} times as long each time, {most} at most"),
        first=policy.first,
        factor=f"{policy.factor:g}",
        most=policy.most,
    )
    if policy.attempts is None:
        return waits
    return [waits, h.br, words.say(lazy_gettext("up to {attempts} times"), attempts=policy.attempts)]


def _events(words: Language, definition: Definition, spec: StateSpec) -> h.Node:
    if spec.final:
        return words.say(lazy_gettext("the end"))
    return h.ul(".events")[
        (
            h.li[h.code[event], " → ", h.code[target], _sender(words, spec, event)]
            for event, target in definition.chart.moves[spec.name].items()
        )
    ]


def _sender(words: Language, spec: StateSpec, event: str) -> h.Node:
    """Who sends an event, besides the steps themselves."""
    senders = [
        words.say(name)
        for sent, name in (
            (spec.deadline is not None and event == spec.deadline.event, lazy_gettext("deadline")),
            (event == spec.on_done, lazy_gettext("last step done")),
            (event == spec.on_stop, lazy_gettext("step stopped")),
            (event in spec.signals, lazy_gettext("from outside")),
        )
        if sent
    ]
    return [" ", h.span(".faint")[words.tell(senders)]] if senders else None
