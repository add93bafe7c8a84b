"""What was done to a chain that does not hold: the first record of it that was changed, removed, inserted or moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from overstap.workflow.chain import BEGINNING, link

_MOST_GONE = 32
"""How many removed records a renumbered rest is tried for."""


class What(StrEnum):
    """What was done to a record, or to the rest from it on."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True)
class Link:
    """A record of a chain as it is stored.

    Attributes:
        record: what its hash covers, with its number under `seq`; None when that cannot be read.
    """

    seq: int
    record: Mapping[str, Any] | None
    hash: str


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a chain is known to have been.

    Attributes:
        source: who knows it, for people, such as `checkpoint 3`.
        newest: it is where the chain is now, so that nothing comes after it.
    """

    seq: int
    hash: str
    source: str
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """The first thing that is wrong with a chain.

    Attributes:
        seq: the number of the record.
        why: what was found.
    """

    what: What
    seq: int
    why: str

    def sentence(self, name: str) -> str:
        """All of it, for people.

        Args:
            name: of the record, such as `run R, entry 5`.
        """
        done = "and what follows it was cut off" if self.what is What.TRUNCATED else f"was {self.what}"
        return f"{name} {done}: {self.why}."


def first_breach(links: Sequence[Link], tips: Sequence[Tip]) -> Breach | None:
    """The first breach of a chain; None when it holds.

    Args:
        links: all of its records that are there, by their numbers.
        tips: all that is known of where it was; at most one of them `newest`.
    """
    found = _in_itself(links, tips)
    by_seq = {one.seq: one.hash for one in links}
    for tip in sorted(tips, key=lambda tip: tip.seq):
        if found is not None and found.seq <= tip.seq:
            break
        if tip.seq > len(links):
            why = f"{_gone(len(links) + 1, tip.seq)} gone, and {tip.source} has number {tip.seq}"
            return Breach(What.TRUNCATED, len(links) + 1, why)
        if tip.seq > 0 and by_seq.get(tip.seq) != tip.hash:
            why = f"{tip.source} has another hash of it: it or one before it was changed, with new hashes from there on"
            return Breach(What.CHANGED, tip.seq, why)
    newest = _newest(tips)
    if found is None and newest is not None and len(links) > newest.seq:
        return Breach(What.INSERTED, newest.seq + 1, f"{newest.source} ends with number {newest.seq}")
    return found


def _in_itself(links: Sequence[Link], tips: Sequence[Tip]) -> Breach | None:
    previous = BEGINNING
    for expected, one in enumerate(links, start=1):
        if one.seq < expected:
            return Breach(What.INSERTED, one.seq, "numbers begin with 1")
        if one.seq > expected:
            why = f"{_gone(expected, one.seq - 1)} gone, and number {one.seq} is there"
            return Breach(What.REMOVED, expected, why)
        if not _follows(previous, one):
            return _look_closer(links, expected, previous, tips)
        previous = one.hash
    return None


def _look_closer(links: Sequence[Link], seq: int, previous: str, tips: Sequence[Tip]) -> Breach:
    """What was done to the record that does not follow on the one before it, or around it."""
    one, rest = links[seq - 1], links[seq:]
    if one.record is None:
        return Breach(What.CHANGED, seq, "what it holds now cannot be read")
    for other in rest:
        if _follows(previous, other, seq):
            return _displaced(links, one, other)
    newest = _newest(tips)
    if newest is not None and seq > newest.seq:
        return Breach(What.INSERTED, seq, f"{newest.source} ends with number {newest.seq}")
    for gone in range(1, _MOST_GONE + 1):
        if rest and _follows(one.hash, rest[0], rest[0].seq + gone):
            return Breach(What.REMOVED, seq, f"{_gone(seq, seq + gone - 1)} gone, and the rest got lower numbers")
    if newest is not None and not rest and newest.seq > seq and newest.hash == one.hash:
        return Breach(What.REMOVED, seq, f"{_gone(seq, newest.seq - 1)} gone, and the rest got lower numbers")
    return Breach(What.CHANGED, seq, _how_changed(links, seq, previous, tips))


def _displaced(links: Sequence[Link], one: Link, other: Link) -> Breach:
    """A later record belongs where this one is: either this one was put in before it, or they were moved."""
    seq = one.seq
    places = {seq + 1, other.seq, len(links)} - {seq}
    known = any(_follows(before.hash, one, place) for place in places for before in links)
    belongs = f"what belongs there has number {other.seq} now"
    if known:
        return Breach(What.REORDERED, seq, belongs)
    return Breach(What.INSERTED, seq, f"{belongs}, and nothing else of the chain knows what is there")


def _how_changed(links: Sequence[Link], seq: int, previous: str, tips: Sequence[Tip]) -> str:
    true = _hash(previous, links[seq - 1])
    after = links[seq : seq + 1]
    if true and (any(_follows(true, each) for each in after) or any((t.seq, t.hash) == (seq, true) for t in tips)):
        return "its hash is not that of what it holds, which is untouched"
    why = "its hash is not that of what it holds"
    if seq == 1 or any((tip.seq, tip.hash) == (seq - 1, previous) for tip in tips):
        return why
    return f"{why}; or else number {seq - 1} was changed and got a new hash"


def _follows(previous: str, one: Link, seq: int | None = None) -> bool:
    """Whether a record follows on a hash, where it stands or under another number."""
    return _hash(previous, one, seq) == one.hash


def _hash(previous: str, one: Link, seq: int | None = None) -> str | None:
    if one.record is None:
        return None
    try:
        return link(previous, one.record if seq is None else {**one.record, "seq": seq})
    except (TypeError, ValueError):  # something in it was never JSON
        return None


def _newest(tips: Sequence[Tip]) -> Tip | None:
    return next((tip for tip in tips if tip.newest), None)


def _gone(first: int, last: int) -> str:
    return f"number {first} is" if first == last else f"numbers {first} to {last} are"
