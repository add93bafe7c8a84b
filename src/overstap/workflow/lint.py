"""Finds workflows that can be read but would leave a run hanging (design §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from overstap.workflow.spec import Chart, Path, Problem, StateSpec

Steps = Mapping[str, frozenset[str]]
"""The registered steps and the events that each may emit."""


class Linted(Protocol):
    """What is looked at: a definition, or what was read for one."""

    @property
    def chart(self) -> Chart: ...
    @property
    def states(self) -> Mapping[str, StateSpec]: ...


def lint(definition: Linted, steps: Steps | None) -> list[Problem]:
    """Everything by which a run of this workflow could hang or get lost.

    Args:
        definition: states of the chart and what is done in them.
        steps: the registered steps; None does not look at steps and their events.

    Returns:
        The problems with their places in the file; none for a sound workflow.
    """
    chart = definition.chart
    found = list(_graph(chart))
    for name, spec in definition.states.items():
        if not spec.final:
            found += _events(chart, spec)
            found += _rest(spec)
            found += _work(chart, spec, steps) if steps is not None else ()
        elif spec != StateSpec(name, final=True):
            reason = f"the final state {name!r} does nothing: it has no steps, events, deadline or locks"
            found.append(Problem(("states", name), reason))
    return found


def _graph(chart: Chart) -> Iterator[Problem]:
    seen = chart.reachable(chart.initial)
    for state, moves in chart.moves.items():
        at = ("chart", "states", state)
        if state not in seen:
            yield Problem(at, f"the state {state!r} is unreachable: no transitions lead to it from {chart.initial!r}")
        if state in chart.finals:
            continue
        if not moves:
            yield Problem(at, f"the state {state!r} is a trap: it has no transitions and is not final")
        elif not chart.reachable(state) & chart.finals:
            yield Problem(at, f"the state {state!r} never reaches an end: no final state can be reached from it")


def _events(chart: Chart, spec: StateSpec) -> Iterator[Problem]:
    moves = chart.moves[spec.name]
    named: list[tuple[Path, str | None]] = [(("on_done",), spec.on_done), (("on_stop",), spec.on_stop)]
    named += [(("await",), event) for event in sorted(spec.signals)]
    if spec.deadline:
        named.append((("deadline", "event"), spec.deadline.event))
        if moves.get(spec.deadline.event) == spec.name:
            reason = f"the deadline of {spec.name!r} leads back to {spec.name!r}; let it lead to another state"
            yield Problem(("states", spec.name, "deadline", "event"), reason)
    for key, event in named:
        if event is not None and event not in moves:
            reason = f"the event {event!r} is unknown: the state {spec.name!r} has {_transitions(moves)}"
            yield Problem(("states", spec.name, *key), reason)


def _rest(spec: StateSpec) -> Iterator[Problem]:
    at = ("states", spec.name)
    if not spec.steps and not spec.signals:
        yield Problem(at, f"the state {spec.name!r} does nothing: give it `steps`, or `await` and a `deadline`")
    elif spec.signals and not spec.deadline:
        reason = f"the state {spec.name!r} waits without a deadline: add `deadline: {{after: …, event: …}}`"
        yield Problem((*at, "await"), reason)
    if not spec.steps and spec.on_done:
        yield Problem((*at, "on_done"), f"the state {spec.name!r} has no steps, so `on_done` is never sent")
    if not spec.steps and spec.on_stop:
        yield Problem((*at, "on_stop"), f"the state {spec.name!r} has no steps, so `on_stop` is never sent")
    for index, step in enumerate(spec.steps):
        # An effect's idempotency key holds the step's name: twice in one visit would be one effect.
        if step in spec.steps[:index]:
            yield Problem((*at, "steps", index), f"the step {step!r} is twice in the state {spec.name!r}")


def _work(chart: Chart, spec: StateSpec, steps: Steps) -> Iterator[Problem]:
    at = ("states", spec.name, "steps")
    moves = chart.moves[spec.name]
    emitted: set[str] = set()
    for index, step in enumerate(spec.steps):
        if step not in steps:
            known = ", ".join(sorted(steps)) or "none"
            yield Problem((*at, index), f"the step {step!r} is unknown; registered are: {known}")
            return
        emitted |= steps[step]
        for event in sorted(steps[step] - moves.keys()):
            reason = f"the event {event!r} of the step {step!r} is unknown: the state {spec.name!r} has"
            yield Problem((*at, index), f"{reason} {_transitions(moves)}")
    if spec.steps and not spec.on_done and not emitted:
        reason = f"the state {spec.name!r} is a dead end: its steps emit no event, and `on_done` is missing"
        yield Problem(at, reason)
    sent = emitted | spec.signals | {spec.on_done, spec.on_stop, spec.deadline.event if spec.deadline else None}
    for event in moves.keys() - sent:
        reason = (
            f"nobody sends {event!r} in the state {spec.name!r}: no step, `await`, `deadline`, `on_done`, `on_stop`"
        )
        yield Problem(("chart", "states", spec.name, "transitions"), reason)


def _transitions(moves: Mapping[str, str]) -> str:
    return f"transitions for {', '.join(moves)} only" if moves else "no transitions"
