"""How everything stands, as all open overviews show it: asked once, and written once in each language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field

import htpy as h

from overstap.app.gauges import Gauges
from overstap.app.overview import Concerns, Place, Where
from overstap.app.readiness import LIMIT_SECONDS, NOT_READY, Ready
from overstap.bootstrap import App
from overstap.entrypoints.console.parts import time
from overstap.entrypoints.console.visit import desk
from overstap.language import Language
from overstap.workflow.pauses import Pause

EMPTY = Place(0)
RUNS = "/console/runs"


@dataclass(frozen=True, slots=True)
class Found:
    """One look at how everything stands.

    Attributes:
        written: what the spots of pages hold, by language and name, as far as somebody has asked for it.
    """

    gauges: Gauges
    places: Mapping[Where, Place]
    concerns: Concerns
    pauses: tuple[Pause, ...]
    ready: Ready
    written: dict[str, dict[str, str]] = field(default_factory=dict)


async def look(app: App) -> Found:
    """How everything stands, the same for all who ask within a second.

    Raises:
        DatabaseUnavailable: when the database does not answer.
    """
    return await desk().looks.look("overview", lambda: _gather(app))


def _gather(app: App) -> Found:
    try:
        ready = app.readiness.look().result(LIMIT_SECONDS)
    except NotYet:
        ready = NOT_READY
    return Found(
        gauges=app.dashboard.look(),
        places=app.overview.places(),
        concerns=app.overview.concerns(),
        pauses=tuple(app.operators.pauses()),
        ready=ready,
    )


def told(content: h.Node) -> str:
    """Content as text that is HTML already."""
    return str(h.fragment[content])


def count_spot(where: Where) -> str:
    """The name of the spot with the number of runs in a state."""
    return f"count-{where[0]}-{where[1]}-{where[2]}"


def age_spot(where: Where) -> str:
    """The name of the spot with the age of the oldest run in a state."""
    return f"age-{where[0]}-{where[1]}-{where[2]}"


def place_spots(found: Found, words: Language, shown: Iterable[Where]) -> dict[str, str]:
    """The number of runs in states, and how old the oldest of each are; written once for a look and a language."""
    written = found.written.setdefault(words.locale, {})
    names: dict[str, str] = {}
    for where in shown:
        count, age = count_spot(where), age_spot(where)
        if count not in written:
            place = found.places.get(where, EMPTY)
            number = words.tell(place.runs)
            written[count] = told(h.b[number] if place.runs else h.span(".none")[number])
            written[age] = told(_oldest(place))
        names |= {count: written[count], age: written[age]}
    return names


def _oldest(place: Place) -> h.Node:
    return (
        h.span(".faint")["—"] if place.oldest is None else h.a(href=f"{RUNS}/{place.oldest}")[time(place.since, "age")]
    )
