"""The overview: how everything stands, live, and what of it needs somebody first."""

from __future__ import annotations

import htpy as h

from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.operator.concerns import figures, first_spots
from overstap.entrypoints.console.operator.pausing import Pausing
from overstap.entrypoints.console.operator.pictures import (
    active_runs,
    active_spot,
    places_of,
    places_table,
    state_chart,
)
from overstap.entrypoints.console.operator.standing import EMPTY, Found, look, place_spots
from overstap.entrypoints.console.operator.trend_charts import TrendCharts, window_of
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import show
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library

_TITLE = lazy_gettext("Overview")


@page("/console", _TITLE, "count_runs")
async def overview(visit: Visit) -> None:
    """How everything stands."""
    say, words = visit.say, visit.words
    window = window_of(visit)
    found = await look(visit.app)
    trends = await TrendCharts.ask(visit, window)
    shown = _shown(visit.app.library, found)
    pictures = await visit.ask(lambda: [(one, state_chart(words, one, found)) for one in shown])
    places = [where for one in shown for where in places_of(one)]

    busy = [one for one in shown if any(found.places.get(where, EMPTY).runs for where in places_of(one))]

    def spots(found: Found) -> dict[str, str]:
        active = {active_spot(one): active_runs(words, one, found) for one in shown}
        return {**first_spots(found, words), **place_spots(found, words, places), **active}

    with frame(visit, say(_TITLE), lead=spot("ready", first_spots(found, words)["ready"])):
        show(
            h.div(".figures.wide")[(one.shown(words) for one in figures(found))],
            h.h2[say(lazy_gettext("Look here first"))],
            spot("concerns", first_spots(found, words)["concerns"], h.div),
            classes="stack",
        )
        pausing = Pausing(visit, found)
        for one, picture in pictures:
            name = say(lazy_gettext("{workflow}, version {version}"), workflow=one.name, version=one.version)
            show(
                h.details(".workflow", open=one in busy or not busy)[
                    h.summary[
                        h.h2[name],
                        spot(active_spot(one), active_runs(words, one, found)),
                        h.span(".hint")[one.description],
                    ],
                    picture,
                    h.p[
                        h.a(href=f"/console/workflows/{one.name}/{one.version}")[
                            say(lazy_gettext("What is done in each state of {workflow}"), workflow=one.name)
                        ]
                    ],
                    places_table(words, one, found),
                ]
            )
        trends.put()
    live = Live(visit, lambda: look(visit.app), spots, then=pausing.renew)
    live.knows(spots(found))


def _shown(library: Library, found: Found) -> list[Definition]:
    """The newest version of each workflow, and older ones that have runs which have not ended; small charts first."""
    newest = {one.name: one.version for one in library.all()}
    live = {(name, version) for (name, version, _), place in found.places.items() if place.oldest is not None}
    shown = [one for one in library.all() if newest[one.name] == one.version or (one.name, one.version) in live]
    return sorted(shown, key=lambda one: (len(one.states), one.name, -one.version))
