"""A workflow's states on a page: its chart with numbers of runs in it, and the same as a table."""

from __future__ import annotations

import htpy as h

from overstap.app.overview import Where
from overstap.entrypoints.console.charts import chart
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.operator.standing import EMPTY, RUNS, Found, age_spot, count_spot, place_spots, told
from overstap.entrypoints.console.parts import address, chip, state, table, tone
from overstap.language import Language, lazy_gettext, lazy_ngettext
from overstap.workflow.definition import Definition

_ACTIVE = lazy_ngettext("{count} active run", "{count} active runs")


def runs_in(definition: Definition, name: str) -> str:
    """Where the runs in a state are listed."""
    return address(RUNS, workflow=definition.name, version=definition.version, state=name)


def places_of(definition: Definition) -> list[Where]:
    """The states of a workflow version."""
    return [(definition.name, definition.version, state) for state in definition.states]


def active_spot(definition: Definition) -> str:
    """The name of the spot with the number of a workflow's runs that have not ended."""
    return f"active-{definition.name}-{definition.version}"


def active_runs(words: Language, definition: Definition, found: Found) -> str:
    """How many runs of a workflow have not ended."""
    places = [found.places.get(where, EMPTY) for where in places_of(definition)]
    runs = sum(one.runs for one in places if one.oldest is not None)
    return told(chip(words.say(_ACTIVE, count=runs), "info" if runs else "plain"))


def state_chart(words: Language, definition: Definition, found: Found) -> h.Element:
    """The chart of a workflow with the number of runs in each state, which leads to them; make it in a thread."""
    places = {name: (definition.name, definition.version, name) for name in definition.states}
    written = place_spots(found, words, places.values())
    return chart(
        definition,
        words.say(
            lazy_gettext("The chart of {workflow}, version {version}, with the number of runs in each state"),
            workflow=definition.name,
            version=definition.version,
        ),
        links={name: runs_in(definition, name) for name in places},
        marks={name: tone(name) for name in places if tone(name) != "plain"},
        spots={name: spot(count_spot(where), written[count_spot(where)]) for name, where in places.items()},
    )


def places_table(words: Language, definition: Definition, found: Found) -> h.Element:
    """The numbers of a workflow's chart as a table, with the age of the oldest run in each state."""
    say = words.say
    places = {name: (definition.name, definition.version, name) for name in definition.states}
    written = place_spots(found, words, places.values())
    return h.details(".as-table")[
        h.summary[say(lazy_gettext("As a table, with the age of the oldest run in each state"))],
        table(
            say(lazy_gettext("Runs of {workflow} in each state"), workflow=definition.name),
            [say(lazy_gettext("State")), say(lazy_gettext("Runs")), say(lazy_gettext("Age of the oldest"))],
            [
                [
                    h.a(href=runs_in(definition, name))[state(name)],
                    spot(count_spot(where), written[count_spot(where)]),
                    spot(age_spot(where), written[age_spot(where)]),
                ]
                for name, where in places.items()
            ],
            [1],
        ),
    ]
