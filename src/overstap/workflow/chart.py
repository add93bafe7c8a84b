"""Reads the chart of a workflow file as a graph, and refuses what would make it more than a table."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from overstap.workflow.document import as_mapping
from overstap.workflow.spec import Chart, Path, Problem

_ALLOWED = {
    "chart": ("name", "description", "states"),
    "state": ("initial", "final", "transitions"),
    "transition": ("event", "target"),
}
_WHY_NOT = {
    "datamodel": "a datamodel; a run keeps its data itself",
    "enter": "a callback; work is done by steps",
    "exit": "a callback; work is done by steps",
    "on": "a callback; work is done by steps",
    "before": "a callback; work is done by steps",
    "after": "a callback; work is done by steps",
    "cond": "a guard; let a step choose the event",
    "unless": "a guard; let a step choose the event",
    "invoke": "an invocation; work is done by steps",
    "states": "nested states; a run is in one state at a time",
    "parallel": "parallel states; a run is in one state at a time",
    "history": "a history state; a run is in one state at a time",
    "donedata": "data of an end; a run keeps its data itself",
    "internal": "an internal transition; every transition enters its target",
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The library calls attributes with such names by itself: an event named so would fire on its own.
_CONVENTIONS = re.compile(r"(on|before|after|done_state|done_invoke|error)_.*|prepare_event")


def check_keys(chart: Mapping[str, Any]) -> Iterator[Problem]:
    """Every key that a chart cannot have here, with the reason."""
    yield from _keys(chart, "chart", ("chart",))
    for name, state in as_mapping(chart.get("states")).items():
        at: Path = ("chart", "states", name)
        yield from _keys(as_mapping(state), "state", at)
        transitions = as_mapping(state).get("transitions")
        for index, transition in enumerate(transitions if isinstance(transitions, list) else []):
            yield from _keys(as_mapping(transition), "transition", (*at, "transitions", index))


def _keys(node: Mapping[str, Any], kind: str, at: Path) -> Iterator[Problem]:
    for key in node:
        if key not in _ALLOWED[kind]:
            allowed = f"allowed here: {', '.join(_ALLOWED[kind])}"
            why = f"{key!r} is {_WHY_NOT[key]}" if key in _WHY_NOT else f"unknown key {key!r}"
            yield Problem((*at, key), f"{why}; {allowed}")


def check_names(chart: Mapping[str, Any], reserved: Container[str]) -> Iterator[Problem]:
    """Every state and event whose name cannot be used, and every transition that leads nowhere.

    Args:
        chart: a chart of the right form.
        reserved: names that mean something to the library.
    """
    states = chart["states"]
    initials = [name for name, state in states.items() if _flag(state, "initial")]
    if len(initials) != 1:
        shown = f"these have it: {', '.join(initials)}" if initials else "none has it"
        yield Problem(("chart", "states"), f"exactly one state has `initial: true`; {shown}")
    if not any(_flag(state, "final") for state in states.values()):
        yield Problem(("chart", "states"), "no state has `final: true`: a run could never end")
    for name, state in states.items():
        at = ("chart", "states", name)
        yield from _name(name, "state", reserved, at)
        transitions = state.get("transitions", [])
        if _flag(state, "final") and transitions:
            yield Problem((*at, "transitions"), f"the state {name!r} is final: it has no transitions")
        seen: set[str] = set()
        for index, transition in enumerate(transitions):
            place = (*at, "transitions", index)
            yield from _transition(transition, states, reserved, place)
            event = transition.get("event")
            if event in seen:
                yield Problem(
                    place, f"the event {event!r} is twice in the state {name!r}; only one of them could happen"
                )
            seen.add(event)


def _transition(
    transition: Mapping[str, Any], states: Mapping[str, Any], reserved: Container[str], at: Path
) -> Iterator[Problem]:
    event, target = transition.get("event"), transition.get("target")
    if event is None:
        yield Problem(at, "the transition has no `event`: it would happen by itself")
    else:
        yield from _name(event, "event", reserved, (*at, "event"))
        if event in states:
            yield Problem((*at, "event"), f"{event!r} is an event and a state; name them differently")
    if target is None:
        yield Problem(at, "the transition has no `target`")
    elif target not in states:
        yield Problem((*at, "target"), f"the state {target!r} is unknown; the chart has: {', '.join(states)}")


def _name(name: str, kind: str, reserved: Container[str], at: Path) -> Iterator[Problem]:
    if not _NAME.fullmatch(name):
        reason = f"{name!r} is no name for {'an' if kind == 'event' else 'a'} {kind}"
        yield Problem(at, f"{reason}; write lower-case letters, digits and underscores, a letter first")
    elif name in reserved or _CONVENTIONS.fullmatch(name):
        yield Problem(at, f"the {kind} {name!r} has a name that the statechart library uses itself; choose another")


def as_graph(chart: Mapping[str, Any]) -> Chart:
    """The chart as a graph; it was checked before."""
    states = chart["states"]
    return Chart(
        initial=next(name for name, state in states.items() if _flag(state, "initial")),
        finals=frozenset(name for name, state in states.items() if _flag(state, "final")),
        moves={
            name: {move["event"]: move["target"] for move in state.get("transitions", [])}
            for name, state in states.items()
        },
    )


def _flag(state: Mapping[str, Any], key: str) -> bool:
    return state.get(key) in {True, "true", "yes", "on"}
