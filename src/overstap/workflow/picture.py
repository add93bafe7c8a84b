"""Where the states and transitions of a workflow's chart lie in a picture: Graphviz lays them out, others draw them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from overstap.workflow.definition import Definition

_POINTS_OF_AN_INCH = 72.0
_LETTER = 7.4
"""Points that a letter of a state's name takes at most, whatever the reader's font is."""
_HEIGHT = 46.0
_START = "*"
_layout = Lock()
"""Graphviz has one memory for all threads."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrawnState:
    """A state's box: its centre and its size, in points."""

    name: str
    x: float
    y: float
    width: float
    height: float
    final: bool


@dataclass(frozen=True, slots=True)
class DrawnMove:
    """The line from one state to another, which all events share that lead this way.

    Attributes:
        source: None for the line into the initial state.
        curve: a start, and then three points for each Bézier piece.
        tip: where the arrow's point is.
        at: the centre of the events' names.
    """

    source: str | None
    target: str
    events: tuple[str, ...]
    curve: tuple[Point, ...]
    tip: Point
    at: Point | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart laid out, in points; y grows downwards."""

    width: float
    height: float
    start: Point
    states: tuple[DrawnState, ...]
    moves: tuple[DrawnMove, ...]


@lru_cache(maxsize=64)
def picture(definition: Definition) -> Picture:
    """Lay out a chart; the same definition always gives the same. The first time takes a tenth of a second."""
    import pygraphviz  # noqa: PLC0415 - loads Graphviz itself: only for a picture

    with _layout:
        graph = pygraphviz.AGraph(directed=True, strict=False, rankdir="TB", nodesep="0.35", ranksep="0.38")
        graph.node_attr.update(shape="box", fixedsize="true", height=_inches(_HEIGHT), label="")
        graph.edge_attr.update(fontname="Helvetica", fontsize="11", arrowsize="0.8")
        graph.add_node(_START, shape="circle", width="0.15", height="0.15")
        for name in definition.states:
            graph.add_node(name, width=_inches(max(86.0, 20 + _LETTER * len(name))))
        graph.add_edge(_START, definition.initial, weight="10")
        ways = _ways(definition)
        for (source, target), events in ways.items():
            graph.add_edge(source, target, label="\n".join(f" {event} " for event in events))
        graph.layout(prog="dot")
        return _read(graph, definition, ways)


def _ways(definition: Definition) -> dict[tuple[str, str], list[str]]:
    ways: dict[tuple[str, str], list[str]] = {}
    for source, moves in definition.chart.moves.items():
        for event, target in moves.items():
            ways.setdefault((source, target), []).append(event)
    return ways


def _read(graph: Any, definition: Definition, ways: dict[tuple[str, str], list[str]]) -> Picture:
    _, _, width, height = (float(one) for one in graph.graph_attr["bb"].split(","))

    def point(text: str) -> Point:
        x, y = text.split(",")
        return round(float(x), 1), round(height - float(y), 1)

    def state(name: str) -> DrawnState:
        attributes = graph.get_node(name).attr
        x, y = point(attributes["pos"])
        width, tall = (float(attributes[one]) * _POINTS_OF_AN_INCH for one in ("width", "height"))
        return DrawnState(name, x, y, width, tall, final=name in definition.chart.finals)

    def move(source: str, target: str, events: list[str]) -> DrawnMove:
        attributes = graph.get_edge(source, target).attr
        tip, *curve = attributes["pos"].removeprefix("e,").split()
        at = attributes["lp"]
        return DrawnMove(
            None if source == _START else source,
            target,
            tuple(events),
            tuple(point(one) for one in curve),
            point(tip),
            point(at) if at else None,
        )

    return Picture(
        width,
        height,
        point(graph.get_node(_START).attr["pos"]),
        tuple(state(name) for name in definition.states),
        (move(_START, definition.initial, []), *(move(*way, events) for way, events in ways.items())),
    )


def _inches(points: float) -> str:
    return f"{points / _POINTS_OF_AN_INCH:.3f}"
