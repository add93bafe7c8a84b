"""Which journal entries operators are told of, judged by the workflow's own structure and by no state's name.

A *failure move* is what a stopped step or a passed deadline sends where it loses an end that the run could have reached
before. The ends that no failure move leads to are the good ones. From this follows everything else: a run that can
reach a good end may still succeed, and one that cannot, and has not ended, is being compensated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

from overstap.workflow.definition import Definition
from overstap.workflow.run import JournalEntry, Kind

DEADLINE = "deadline"
"""The actor of what a passed deadline does."""


_TRANSITION = Kind.TRANSITION  # to look it up takes longer than the rest of what is asked of most entries
_TOLD = frozenset({Kind.TRANSITION, Kind.STUCK, Kind.RETRY})
"""Kinds of entries of which some are told."""


class Topic(StrEnum):
    """What operators are told about."""

    ESCALATED = "escalated"
    """A deadline passed; the work goes on and can still get where it could get before."""
    EXPIRED = "expired"
    """A deadline passed and ended the run, or took away the good ends it could have reached."""
    PARKED = "parked"
    """A step stopped for good, or failed so often that somebody should look."""
    COMPENSATION_FAILED = "compensation_failed"
    """The same, while the run undoes what it did."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One journal entry that operators are told of."""

    run_id: str
    seq: int
    topic: Topic
    at: datetime


def notices_of(definition: Definition, entries: Iterable[JournalEntry], stuck_after: int) -> list[Notice]:
    """What of some new journal entries of one run operators are told of; most often nothing.

    Args:
        stuck_after: which failed try in a row of a step is told as a run that is parked.
    """
    return [
        Notice(entry.run_id, entry.seq, topic, entry.at)
        for entry in entries
        if (topic := topic_of(definition, entry, stuck_after)) is not None
    ]


def topic_of(definition: Definition, entry: JournalEntry, stuck_after: int) -> Topic | None:
    """What an entry is told as; None for one that is not told."""
    if entry.kind not in _TOLD or (entry.actor != DEADLINE and entry.kind is _TRANSITION):
        return None
    match entry.kind:
        case Kind.TRANSITION if entry.actor == DEADLINE:
            return _after_deadline(definition, str(entry.from_state), str(entry.to_state))
        case Kind.STUCK:
            return _held_up(definition, str(entry.from_state))
        # Only this one of the tries: a provider that is away for a night is told once, not at each of its failures.
        case Kind.RETRY if entry.data["attempt"] == stuck_after:
            return _held_up(definition, str(entry.from_state))
        case _:
            return None


def _after_deadline(definition: Definition, before: str, after: str) -> Topic:
    lost = _may_succeed(definition, before) and not _may_succeed(definition, after)
    return Topic.EXPIRED if lost or after in definition.chart.finals else Topic.ESCALATED


def _held_up(definition: Definition, state: str) -> Topic:
    return Topic.PARKED if _may_succeed(definition, state) else Topic.COMPENSATION_FAILED


def _may_succeed(definition: Definition, state: str) -> bool:
    return state in _hopeful(definition)


@lru_cache(maxsize=64)
def good_ends(definition: Definition) -> frozenset[str]:
    """The final states that no failure move leads to; all of them where each is reached by one."""
    failed = {end for target in _failure_moves(definition) for end in definition.ends(target)}
    return (definition.chart.finals - failed) or definition.chart.finals


@lru_cache(maxsize=64)
def _hopeful(definition: Definition) -> frozenset[str]:
    # Remembered, because it is asked in the worker's loop, for hundreds of runs at once when a provider is away.
    good = good_ends(definition)
    return frozenset(state for state in definition.states if definition.ends(state) & good)


def _failure_moves(definition: Definition) -> Iterator[str]:
    for state, spec in definition.states.items():
        for event in (spec.on_stop, spec.deadline and spec.deadline.event):
            target = definition.chart.moves[state].get(event) if event else None
            if target is not None and definition.ends(state) - definition.ends(target):
                yield target
