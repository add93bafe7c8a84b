"""A run as it was: the slider through its journal, and what is different between two entries."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import htpy as h

from overstap.app.look import Compared, Look
from overstap.entrypoints.console.operator.run import told
from overstap.entrypoints.console.parts import address, phrase, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext
from overstap.workflow.difference import ABSENT


def strip(visit: Visit, look: Look) -> h.Node:
    """That this is the past, and the way to now."""
    return h.div(".note.warn", role="status")[
        phrase(
            visit.words,
            lazy_gettext("This is how the run was after entry #{seq}, at {at}. Nothing can be done in the past."),
            seq=str(look.run.seq),
            at=time(look.at, "second"),
        ),
        " ",
        h.a(href=f"/console/runs/{look.run.id}")[visit.say(lazy_gettext("To the run as it is now"))],
    ]


def slider(visit: Visit, run_id: str, seq: int, last: int) -> h.Node:
    """The way through a run's earlier states.

    Args:
        seq: the entry that the page shows the run after.
        last: the last entry there is.
    """
    say = visit.say
    here = f"/console/runs/{run_id}"
    return h.form(".slider", method="get", action=here, data_slider=True)[
        h.label(for_="seq")[say(lazy_gettext("How it was after entry"))],
        _step(here, seq - 1, "←", say(lazy_gettext("One entry earlier")), possible=seq > 1),
        h.input("#seq", type="range", name="seq", min="1", max=str(last), value=str(seq), step="1"),
        _step(here, seq + 1, "→", say(lazy_gettext("One entry later")), possible=seq < last),
        h.output(for_="seq")[f"#{seq}"],
    ]


def _step(here: str, seq: int, sign: str, label: str, *, possible: bool) -> h.Node:
    if not possible:
        return h.span(".button.off", aria_hidden="true")[sign]
    return h.a(".button", href=address(here, seq=seq), aria_label=label, title=label)[sign]


def asked_difference(visit: Visit, run_id: str, first: int | None, last: int | None, seq: int) -> h.Node:
    """The form that asks what is different."""
    say = visit.say

    def field(name: str, label: str, value: int) -> h.Element:
        return h.label(".field")[
            h.span[label], h.input(type="number", name=name, min="0", max=str(seq), value=str(value), required=True)
        ]

    return h.form(".compare", method="get", action=f"/console/runs/{run_id}")[
        field("from", say(lazy_gettext("After entry")), max(0, seq - 1) if first is None else first),
        field("to", say(lazy_gettext("and after entry")), seq if last is None else last),
        h.button(".button", type="submit")[say(lazy_gettext("Compare"))],
    ]


def difference(visit: Visit, compared: Compared) -> h.Node:
    """What is different between two entries, and the entries by which it came."""
    say = visit.say
    columns = [
        say(lazy_gettext("What")),
        say(lazy_gettext("After #{seq}"), seq=str(compared.first)),
        say(lazy_gettext("After #{seq}"), seq=str(compared.last)),
    ]
    rows = [
        [h.span(".mono")[".".join(one.path)], _value(one.before), h.b[_value(one.after)]] for one in compared.changes
    ]
    return [
        table(say(lazy_gettext("What changed")), columns, rows)
        if rows
        else h.p(".hint")[say(lazy_gettext("Nothing is different."))],
        h.details[
            h.summary[say(lazy_gettext("The entries by which it came"))],
            h.ol(".between")[
                (
                    h.li(value=str(one.seq))[told.entry(visit, one), " ", h.span(".hint")[time(one.at)]]
                    for one in compared.entries
                )
            ],
        ]
        if compared.entries
        else None,
    ]


def _value(value: Any) -> h.Node:
    if value is ABSENT:
        return h.span(".faint")["—"]
    if isinstance(value, datetime):
        return time(value, "second")
    return str(value) if isinstance(value, (str, int)) else json.dumps(value, ensure_ascii=False, default=str)
