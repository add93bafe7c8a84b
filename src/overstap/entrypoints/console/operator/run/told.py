"""Journal entries in sentences, with names in their places."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import htpy as h

from overstap.entrypoints.console.parts import phrase
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, lazy_gettext
from overstap.workflow.run import JournalEntry, Kind
from overstap.workflow.spells import Why

WHY: Mapping[Why, Message] = {
    Why.DUE: lazy_gettext("A worker's turn: it was at work, or nobody had taken the run"),
    Why.PAUSE: lazy_gettext("A pause before the next try"),
    Why.ANSWER: lazy_gettext("Waiting for an answer"),
    Why.OUTSIDE: lazy_gettext("Waiting for something from outside, or for the deadline"),
    Why.HELD: lazy_gettext("Held by an operator"),
    Why.STUCK: lazy_gettext("Stuck: waiting for an operator"),
}

_PLAIN: Mapping[Kind, Message] = {
    Kind.SUBMITTED: lazy_gettext("{actor} ordered it."),
    Kind.STEP_DONE: lazy_gettext("Step {step} is done."),
    Kind.PROGRESS: lazy_gettext("Step {step}: {done} of {total}."),
    Kind.RETRY: lazy_gettext("Step {step} failed, try {attempt}: {error}"),
    Kind.STUCK: lazy_gettext("Step {step} stopped for good: {error}"),
    Kind.SIGNAL_DISCARDED: lazy_gettext("{event} from {actor} came to nothing: no state that can follow awaits it."),
    Kind.HELD: lazy_gettext("{actor} held it back: {reason}"),
    Kind.RELEASED: lazy_gettext("{actor} let it go on: {reason}"),
    Kind.RETRIED: lazy_gettext("{actor} had it try step {step} at once: {reason}"),
    Kind.EXTENDED: lazy_gettext("{actor} moved its deadline to {deadline_at}: {reason}"),
    Kind.TAKEN_OVER: lazy_gettext("{actor} took it away from {held_by}: {reason}"),
    Kind.MIGRATED: lazy_gettext("{actor} carried it from version {from_version} to {version}: {reason}"),
    Kind.REPLAYED: lazy_gettext("{actor} had it done again from step {step} on: {reason}"),
}
_NAMES = ("done", "total", "attempt", "error", "reason", "held_by", "from_version", "version", "deadline_at")
"""What entries tell in their data; one of an older release may lack some of it."""
_MOMENTS = ("deadline_at", "wake_at")


def entry(visit: Visit, given: JournalEntry) -> h.Node:
    """A journal entry in one sentence, without its time."""
    data = given.data
    about: dict[str, object] = dict.fromkeys(_NAMES, "?")
    about |= {name: h.b[str(getattr(given, name) or "?")] for name in ("actor", "step", "event")}
    about |= {"before": h.b[given.from_state or ""], "after": h.b[given.to_state or ""]}
    about |= {name: value for name, value in data.items() if isinstance(value, (str, int))}
    about |= {name: datetime.fromisoformat(data[name]) for name in _MOMENTS if data.get(name)}
    return phrase(visit.words, _message(given), **about)


def _message(given: JournalEntry) -> Message:
    data = given.data
    if given.kind is Kind.TRANSITION:
        if "deadline" in data:
            return lazy_gettext("From {before} to {after}: the deadline had passed ({event}).")
        if "reason" in data:
            return lazy_gettext("From {before} to {after}: {actor} sent {event}: {reason}")
        if "error" in data:
            return lazy_gettext("From {before} to {after} ({event}): {error}")
        if given.step is not None:
            return lazy_gettext("From {before} to {after}: step {step} was done ({event}).")
        return lazy_gettext("From {before} to {after} ({event}, by {actor}).")
    if given.kind is Kind.WAIT:
        if data.get("wake_at"):
            return lazy_gettext("Step {step} waits until {wake_at}.")
        return lazy_gettext("Step {step} waits for something from outside.")
    return _PLAIN[given.kind]
