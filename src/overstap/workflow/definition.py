"""A workflow definition: the only place where the statechart library is used.

The library validates and draws the chart, and decides every transition. A chart here has no guards and no callbacks, so
its answer depends on (state, event) alone: it is asked once for each pair, and remembered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, assert_never

import jsonschema  # type: ignore[import-untyped]  # it carries no types
from statemachine import StateChart
from statemachine.contrib.diagram.extract import extract
from statemachine.contrib.diagram.model import DiagramGraph
from statemachine.contrib.diagram.renderers.dot import DotRenderer, DotRendererConfig
from statemachine.contrib.diagram.renderers.mermaid import MermaidRenderer
from statemachine.exceptions import InvalidDefinition, TransitionNotAllowed
from statemachine.io import create_machine_class_from_definition
from statemachine.io.validation import load_schema

from overstap.clock import format_duration
from overstap.workflow.chart import as_graph, check_keys, check_names
from overstap.workflow.document import Document, read_document
from overstap.workflow.envelope import Envelope, read_envelope
from overstap.workflow.lint import Steps, lint
from overstap.workflow.spec import Chart, Deadline, Problem, RetryPolicy, StateSpec, WorkflowError

__all__ = ["Deadline", "Definition", "RetryPolicy", "StateSpec", "WorkflowError", "load_definition"]

Format = Literal["mermaid", "svg", "table", "dot"]
_RESERVED = frozenset(dir(StateChart)) | {"model", "state", "states", "state_field", "start_value"}


class _Model:
    """What the library reads the state from and writes it to."""

    def __init__(self, state: str) -> None:
        self.state = state


class Definition:
    """One version of a workflow, as its file says it; never changes.

    Attributes:
        name, version: as in the file and its name.
        digest: SHA-256 of the file's bytes, in hex.
        path: the file, None when it came from elsewhere.
        description: one sentence for people.
        states: what is done in each state, in the file's order.
        chart: the transitions as a graph.
        initial: where a run begins.
        events: every event of the chart.
    """

    def __init__(self, envelope: Envelope, chart: Chart, digest: str, path: Path | None) -> None:
        self.name = envelope.workflow
        self.version = envelope.version
        self.description = envelope.description
        self.digest = digest
        self.path = path
        self.states: Mapping[str, StateSpec] = MappingProxyType(envelope.specs(chart))
        self.chart = chart
        self.initial = chart.initial
        self.events = frozenset(event for moves in chart.moves.values() for event in moves)
        self._machine = _machine_class(self.name, envelope.chart)
        self._answers: dict[tuple[str, str], str | None] = {}

    def __repr__(self) -> str:
        return f"<Definition {self.name} v{self.version} {self.digest[:12]}>"

    def next_state(self, state: str, event: str) -> str | None:
        """The state that an event leads to.

        Args:
            state: where the run is.
            event: any word; it need not be an event of the chart.

        Returns:
            The target; None when the chart has no such transition.
        """
        # Words from outside are not remembered: the memory would grow with every wrong one.
        if event not in self.events or state not in self.states:
            return None
        pair = (state, event)
        try:
            return self._answers[pair]
        except KeyError:
            # Two threads may both ask; they get the same answer.
            return self._answers.setdefault(pair, self.ask_library(state, event))

    def ask_library(self, state: str, event: str) -> str | None:
        """The same answer as `next_state`, asked of the library anew."""
        model = _Model(state)
        # A machine that reached a final state is spent, so each question gets a fresh one.
        # The state is given by the model: `start_value` would enter it again.
        try:
            self._machine(model).send(event)
        except TransitionNotAllowed:
            return None
        return model.state

    def reachable(self, state: str) -> frozenset[str]:
        """The states a run in `state` may still see, itself included."""
        return self.chart.reachable(state)

    def ends(self, state: str) -> frozenset[str]:
        """The final states that a run in `state` may still end in."""
        return self.reachable(state) & self.chart.finals

    @cached_property
    def escalations(self) -> frozenset[str]:
        """The states that a deadline leads into while the work goes on: a run there can still end in every way."""
        late = (
            (name, self.chart.moves[name][spec.deadline.event])
            for name, spec in self.states.items()
            if spec.deadline is not None
        )
        return frozenset(
            target for name, target in late if target not in self.chart.finals and self.ends(target) == self.ends(name)
        )

    def draw(self, fmt: Format) -> str:
        """The chart for people: Mermaid source, an SVG picture, Graphviz source, or a table in plain text."""
        match fmt:
            case "mermaid":
                return str(MermaidRenderer().render(self._diagram()))
            case "dot":
                return self._dot()
            case "svg":
                return _svg(self._dot())
            case "table":
                return "\n".join(_table(self))
            case _:
                assert_never(fmt)

    def _diagram(self) -> DiagramGraph:
        graph = extract(self._machine)
        words = {getattr(self._machine, event).name: event for event in self.events}  # it prints a title for each
        for state in graph.states:
            state.name = state.id
        for transition in graph.transitions:
            transition.event = words.get(transition.event, transition.event)
        return graph

    def _dot(self) -> str:
        config = DotRendererConfig(graph_rankdir="TB", state_font_size="12", transition_font_size="10")
        source = str(DotRenderer(config).render(self._diagram()).to_string())
        # The library puts memory addresses into node names: the same chart would never give the same text.
        return re.sub(r"_\d{6,}", "", source)


def load_definition(path: Path, steps: Steps | None) -> Definition:
    """Read a workflow file and check everything about it.

    Args:
        path: the YAML file.
        steps: registered step name -> the events it may emit; None does not check steps.

    Raises:
        WorkflowError: with every problem found, each as `FILE:LINE: reason`.
    """
    document = read_document(path)
    envelope, problems = read_envelope(document.data)
    chart_problems = list(_chart(document))
    document.refuse([*document.problems, *problems, *chart_problems])
    if envelope is None:  # cannot be: its problems were refused
        raise WorkflowError([f"{path}:1: the file cannot be read"])
    chart = as_graph(envelope.chart)
    document.refuse(_entries(envelope, chart))
    document.refuse(lint(_Draft(chart, envelope.specs(chart)), steps))
    try:
        return Definition(envelope, chart, hashlib.sha256(document.content).hexdigest(), path)
    except InvalidDefinition as error:
        document.refuse([Problem(("chart",), f"the statechart library refuses the chart: {error}")])
        raise


class _Draft:
    """What the lint looks at before there is a definition."""

    def __init__(self, chart: Chart, states: Mapping[str, StateSpec]) -> None:
        self.chart = chart
        self.states = states


def _machine_class(name: str, chart: Mapping[str, Any]) -> type[StateChart[_Model]]:
    states = {
        state: {key: [dict(move) for move in value] if key == "transitions" else value for key, value in spec.items()}
        for state, spec in chart["states"].items()
    }
    return create_machine_class_from_definition(
        name,
        states,  # type: ignore[arg-type]  # a plain dict of the form that `_chart` checked
        allow_event_without_transition=False,
        catch_errors_as_events=False,
        validate_disconnected_states=True,
        validate_trap_states=True,
        validate_final_reachability=True,
    )


def _chart(document: Document) -> Iterator[Problem]:
    chart = document.data.get("chart") if isinstance(document.data, dict) else None
    if not isinstance(chart, dict):
        return
    yield from check_keys(chart)
    sound = True
    for error in jsonschema.Draft202012Validator(load_schema()).iter_errors(chart):
        sound = False
        if error.validator != "additionalProperties":  # `check_keys` says it better
            yield Problem(("chart", *error.absolute_path), f"not a statechart: {error.message}")
    if sound:
        yield from check_names(chart, _RESERVED)


def _entries(envelope: Envelope, chart: Chart) -> Iterator[Problem]:
    for name in envelope.states:
        if name not in chart.moves:
            yield Problem(("states", name), f"the state {name!r} is unknown; the chart has: {', '.join(chart.moves)}")
    for name in chart.moves:
        if name not in envelope.states and name not in chart.finals:
            yield Problem(("chart", "states", name), f"the state {name!r} has no entry under the file's own `states`")


def _svg(dot: str) -> str:
    import pygraphviz  # noqa: PLC0415 - loads Graphviz itself: only for a picture

    drawn = pygraphviz.AGraph(string=dot).draw(format="svg", prog="dot")
    return drawn.decode("utf-8") if isinstance(drawn, bytes) else str(drawn)


def _table(definition: Definition) -> Iterator[str]:
    rows = [("STATE", "EVENT", "NEXT", "SENT BY")]
    for state, spec in definition.states.items():
        for event, target in definition.chart.moves[state].items():
            rows.append((state, event, target, _sender(spec, event)))
        if spec.final:
            rows.append((state, "", "(end)", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield "  ".join([*cells, row[3]]).rstrip()


def _sender(spec: StateSpec, event: str) -> str:
    senders = []
    if spec.deadline and event == spec.deadline.event:
        senders.append(f"deadline after {format_duration(spec.deadline.after)}")
    if event == spec.on_done:
        senders.append("last step done")
    if event == spec.on_stop:
        senders.append("step stopped")
    if event in spec.signals:
        senders.append("signal")
    return ", ".join(senders) or "step"
