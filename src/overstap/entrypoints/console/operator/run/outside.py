"""What a run asked of the outside world, and what came to it from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import htpy as h

from overstap.app.look import Look, SentSignal
from overstap.entrypoints.console.live import spot
from overstap.entrypoints.console.parts import Tone, address, chip, duration, note, table, time
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext, lazy_ngettext
from overstap.store.rows import EffectRecord

_STATUS: Mapping[str, tuple[Message, Tone]] = {
    "intended": (lazy_gettext("under way"), "info"),
    "confirmed": (lazy_gettext("confirmed"), "good"),
    "unknown": (lazy_gettext("unknown"), "bad"),
    "refused": (lazy_gettext("refused"), "bad"),
}


def effects(visit: Visit, look: Look) -> h.Node:
    """The calls to the provider, the last ones first."""
    say, many = visit.say, sum(look.effect_counts.values())
    if not look.effects:
        return h.p(".hint")[say(lazy_gettext("It has asked nothing of the provider yet."))]
    columns = [
        say(lazy_gettext("When")),
        say(lazy_gettext("Call")),
        say(lazy_gettext("Status")),
        say(lazy_gettext("Took")),
        say(lazy_gettext("Request and response")),
    ]
    live = {} if look.past else effect_spots(visit, look)
    rows = [
        [
            time(one.at, "second"),
            one.operation,
            spot(f"effect-{one.key}", live.get(f"effect-{one.key}", _status(visit, one))),
            "" if one.settled_at is None else duration(visit.words, max(one.settled_at - one.at, timedelta())),
            _exchange(visit, one),
        ]
        for one in reversed(look.effects)
    ]
    left = many - len(look.effects)
    return [
        note(
            [
                say(lazy_gettext("The last {shown} of {many} calls."), shown=len(look.effects), many=many),
                " ",
                h.a(href=address(f"/console/runs/{look.run.id}", effects="all"))[say(lazy_gettext("Show more"))],
            ],
            "plain",
        )
        if left > 0
        else None,
        table(say(lazy_gettext("Calls to the provider")), columns, rows, [3]),
    ]


def effect_spots(visit: Visit, look: Look) -> dict[str, h.Node]:
    """How each call turned out, by the names of their spots."""
    return {f"effect-{one.key}": _status(visit, one) for one in look.effects}


def _status(visit: Visit, one: EffectRecord) -> h.Node:
    words, tone = _STATUS.get(one.status, (Message(one.status), "plain"))
    return chip(visit.say(words), tone)


def _exchange(visit: Visit, one: EffectRecord) -> h.Node:
    parts = [(lazy_gettext("Request"), one.request), (lazy_gettext("Response"), one.response)]
    return h.details[
        h.summary[h.span(".mono")[one.key.partition(":")[2]]],
        h.p(".hint")[one.error] if one.error else None,
        ([h.p(".hint")[visit.say(label)], h.pre(tabindex="0")[_json(given)]] for label, given in parts if given),
    ]


def news(visit: Visit, many: int) -> str:
    """That there are new calls; empty where there are none."""
    return visit.say(lazy_ngettext("{count} new call", "{count} new calls"), count=many) if many > 0 else ""


def signals(visit: Visit, look: Look) -> h.Node:
    """What came from outside, and what became of it."""
    say = visit.say
    if not look.signals:
        return h.p(".hint")[say(lazy_gettext("Nothing came from outside."))]
    columns = [
        say(lazy_gettext("When")),
        say(lazy_gettext("Signal")),
        say(lazy_gettext("From")),
        say(lazy_gettext("Reason")),
        say(lazy_gettext("What became of it")),
    ]
    rows = [
        [time(one.signal.at, "second"), one.signal.event, one.signal.actor, one.signal.reason, _settled(visit, one)]
        for one in look.signals
    ]
    return table(say(lazy_gettext("Signals")), columns, rows)


def _settled(visit: Visit, one: SentSignal) -> h.Node:
    if one.settled_at is None:
        return chip(visit.say(lazy_gettext("waits for its time")), "info")
    words: tuple[Message, Tone] = (
        (lazy_gettext("applied"), "good") if one.applied else (lazy_gettext("came to nothing"), "warn")
    )
    return [chip(visit.say(words[0]), words[1]), " ", time(one.settled_at)]


def _json(given: object) -> str:
    return json.dumps(given, indent=1, ensure_ascii=False, default=str)
