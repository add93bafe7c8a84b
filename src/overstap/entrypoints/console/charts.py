"""A workflow's chart as a picture in the house's look, with what a page has to say about its states and transitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import htpy as h

from overstap.workflow.definition import Definition
from overstap.workflow.picture import DrawnMove, DrawnState, Point, picture

_LINE = 13.0
"""Points between the names of two events of one arrow."""
_EDGE = 6.0
"""Points around the picture."""
_SPOT = 18.0
_LEAST = 900
"""Pixels; what is wider is made smaller down to this where there is no room, and scrolls then."""
_FOREIGN = h.Element("foreignObject", "", None)
"""Made by hand, for htpy knows names in lower case only."""
_NO: Mapping[str, str] = {}


def chart(
    definition: Definition,
    alternative: str,
    *,
    links: Mapping[str, str] = _NO,
    marks: Mapping[str, str] = _NO,
    spots: Mapping[str, h.Node] = _NO,
    name: str | None = None,
) -> h.Element:
    """The chart of a definition in its frame, in which it scrolls where it is too wide.

    Args:
        alternative: what the picture shows, for who cannot see it.
        links, marks, spots: see `drawing`.
        name: of the spot that the drawing is in, for `Live` to renew it whole; None where it stays as it is.
    """
    return h.div(".chart.scrolls", tabindex="0", role="region", aria_label=alternative, data_live=name)[
        drawing(definition, alternative, links=links, marks=marks, spots=spots)
    ]


def drawing(
    definition: Definition,
    alternative: str,
    *,
    links: Mapping[str, str] = _NO,
    marks: Mapping[str, str] = _NO,
    spots: Mapping[str, h.Node] = _NO,
) -> h.Element:
    """The chart of a definition as SVG; chart.css says how its classes look.

    States are named as in the definition, transitions `STATE/EVENT`. The first chart of a definition takes a tenth of
    a second, later ones take none: make the first one in a thread.

    Args:
        links: where a click on a state or an event's name leads.
        marks: classes of states and transitions, such as `here`, `past` or `warn`; an arrow has those of its events.
        spots: what stands under the names of states: HTML in one line; may hold spots that `Live` renews.
    """
    drawn = picture(definition)
    width, height = round(drawn.width + 2 * _EDGE), round(drawn.height + 2 * _EDGE)
    # A picture's links would be hidden from who cannot see it, so with links it is a group.
    return h.svg(
        viewBox=f"{-_EDGE} {-_EDGE} {width} {height}",
        style=f"width:{width}px;min-width:{min(width, _LEAST)}px",
        role="group" if links else "img",
        aria_label=alternative,
    )[
        h.circle(class_="start", cx=f"{drawn.start[0]}", cy=f"{drawn.start[1]}", r="5"),
        # What is marked is drawn last, over what is not.
        [_arrow(move, marks) for move in sorted(drawn.moves, key=lambda one: bool(_marked(one, marks)))],
        [_events(move, marks, links) for move in drawn.moves],
        [_state(state, marks, links, spots.get(state.name)) for state in drawn.states],
    ]


def _marked(move: DrawnMove, marks: Mapping[str, str]) -> str:
    return " ".join(sorted({marks[key] for event in move.events if (key := f"{move.source}/{event}") in marks}))


def _arrow(move: DrawnMove, marks: Mapping[str, str]) -> h.Element:
    first, *rest = move.curve
    curve = f"M{_told(first)}C{' '.join(_told(one) for one in rest)}"
    return h.g(class_=f"arrow {_marked(move, marks)}".strip())[
        h.path(d=curve), h.polygon(points=" ".join(_told(one) for one in _head(rest[-1], move.tip)))
    ]


def _head(end: Point, tip: Point) -> Iterator[Point]:
    dx, dy = tip[0] - end[0], tip[1] - end[1]
    yield tip
    yield end[0] - 0.42 * dy, end[1] + 0.42 * dx
    yield end[0] + 0.42 * dy, end[1] - 0.42 * dx


def _events(move: DrawnMove, marks: Mapping[str, str], links: Mapping[str, str]) -> Iterator[h.Node]:
    if move.at is None:
        return
    top = move.at[1] - _LINE * (len(move.events) - 1) / 2
    for number, event in enumerate(move.events):
        key = f"{move.source}/{event}"
        text = h.text(
            class_=f"event {marks.get(key, '')}".strip(), x=f"{move.at[0]}", y=f"{top + _LINE * number + 4:.1f}"
        )[event]
        yield _linked(text, links.get(key))


def _state(state: DrawnState, marks: Mapping[str, str], links: Mapping[str, str], spot: h.Node) -> h.Node:
    left, top = state.x - state.width / 2, state.y - state.height / 2
    box = {"x": f"{left:.1f}", "y": f"{top:.1f}", "width": f"{state.width:.1f}", "height": f"{state.height:.1f}"}
    inner = {
        "x": f"{left + 3:.1f}",
        "y": f"{top + 3:.1f}",
        "width": f"{state.width - 6:.1f}",
        "height": f"{state.height - 6:.1f}",
    }
    name_at = state.y + 4 if spot is None else state.y - 5
    return _linked(
        h.g(class_=f"state {'final ' if state.final else ''}{marks.get(state.name, '')}".strip())[
            h.rect(rx="9", **box),
            h.rect(class_="inner", rx="6", **inner) if state.final else None,
            h.text(x=f"{state.x}", y=f"{name_at:.1f}")[state.name],
            None
            if spot is None
            else _FOREIGN(x=f"{left:.1f}", y=f"{state.y:.1f}", width=f"{state.width:.1f}", height=f"{_SPOT}")[
                h.div(".spot")[spot]
            ],
        ],
        links.get(state.name),
    )


def _linked(piece: h.Element, href: str | None) -> h.Node:
    return piece if href is None else h.a(href=href)[piece]


def _told(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"
