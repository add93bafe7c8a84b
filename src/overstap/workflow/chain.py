"""Hash chains: each record's hash covers the record and the hash before it, so that none can change unseen (ADR 13).

The canonical form of a record is JSON in UTF-8, keys sorted, no blanks, its moments in ISO 8601 in UTC with
microseconds. A hash is SHA-256 over the hash before it, in hexadecimal, and this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from types import NoneType
from typing import Any

import orjson

from overstap.workflow.run import JournalEntry, Kind

BEGINNING = ""
"""The hash before the first record of a chain."""

_LEAST_WHOLE, _MOST_WHOLE = -(2**63), 2**64 - 1


def sealed(
    previous: str,
    run_id: str,
    seq: int,
    at: datetime,
    kind: Kind,
    event: str | None,
    from_state: str | None,
    to_state: str | None,
    step: str | None,
    actor: str,
    data: Mapping[str, Any],
    told: bytes | None = None,
) -> JournalEntry:
    """A new journal entry with its hash.

    Args:
        previous: the hash of the entry before it in its run, `BEGINNING` for the first.
        told: what `canonical_data` makes of `data`, where that is known already.
    """
    before, between, after = _around(actor, at, event, from_state, kind, step, to_state)
    told = told or canonical_data(data)
    run = orjson.dumps(run_id)
    covered = b'%b%b%b%b%b,"seq":%d%b' % (previous.encode(), before, told, between, run, seq, after)
    return JournalEntry(
        run_id, seq, at, kind, event, from_state, to_state, step, actor, data, sha256(covered).hexdigest()
    )


@lru_cache(maxsize=256)  # the entries of a batch are alike but for what stands between these
def _around(
    actor: str,
    at: datetime,
    event: str | None,
    from_state: str | None,
    kind: Kind,
    step: str | None,
    to_state: str | None,
) -> tuple[bytes, bytes, bytes]:
    """The canonical form of an entry before its data, from there to its run, and behind its number."""
    before = orjson.dumps({"actor": actor, "at": _told(at), "data": None})
    between = orjson.dumps({"event": event, "from_state": from_state, "kind": kind, "run_id": None})
    after = orjson.dumps({"step": step, "to_state": to_state})
    none = b"null}"
    return before.removesuffix(none), b"," + between[1:].removesuffix(none), b"," + after[1:]


def entry_record(entry: JournalEntry) -> dict[str, Any]:
    """What a journal entry's hash covers: all of it."""
    return {
        "run_id": entry.run_id,
        "seq": entry.seq,
        "at": entry.at,
        "kind": entry.kind.value,
        "event": entry.event,
        "from_state": entry.from_state,
        "to_state": entry.to_state,
        "step": entry.step,
        "actor": entry.actor,
        "data": dict(entry.data),
    }


def link(previous: str, record: Mapping[str, Any]) -> str:
    """The hash of a record that follows on another one.

    Args:
        previous: the hash of the record before it, `BEGINNING` for the first.
        record: its moment under `at`, JSON values under `data`, all else text and integers.

    Returns:
        SHA-256 in hexadecimal, 64 characters.
    """
    return _link(previous, {**record, "at": _told(record["at"])})


def _link(previous: str, told: Mapping[str, Any]) -> str:
    return sha256(previous.encode() + _canonical(told)).hexdigest()


def canonical(record: Mapping[str, Any]) -> bytes:
    """A record as it is hashed: the same bytes before it was stored and after, whichever database keeps it."""
    return _canonical({**record, "at": _told(record["at"])})


def canonical_data(data: Mapping[str, Any]) -> bytes:
    """The canonical form of JSON values alone."""
    return _sorted(data, data)


def _canonical(told: Mapping[str, Any]) -> bytes:
    """The canonical form of a record whose moment is told already."""
    return _sorted(told, told.get("data"))


def _sorted(told: Mapping[str, Any], values: Any) -> bytes:
    """The canonical form; floats can be in `values` only."""
    canonical = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    if not _may_hold_floats(values):
        return canonical
    return orjson.dumps(_plain(orjson.loads(canonical)), option=orjson.OPT_SORT_KEYS)


@lru_cache(maxsize=256)  # the moments of a batch are the same few
def _told(moment: datetime) -> str:
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")


def _may_hold_floats(value: Any) -> bool:
    """Whether the long way is needed; looking is a good deal cheaper than going it."""
    kind = type(value)
    if kind in _NO_FLOATS:
        return False
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return True
    return not _NO_FLOATS.issuperset(map(type, value)) and any(map(_may_hold_floats, value))


_NO_FLOATS = frozenset({str, int, bool, NoneType})


def _plain(value: Any) -> Any:
    match value:
        case float():
            return _number(value)
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case _:
            return value


def _number(value: float) -> int | orjson.Fragment:
    """A float as Python writes it, and a whole one as an integer.

    To JSONB, 1e16 and 10000000000000000 are one number: it gives back either as the integer.
    """
    told = repr(value)
    if value.is_integer():
        # The digits of the text, not of the binary value: 1.2345678901234568e18 ends in 800 in JSON, not in 768.
        whole = int(Decimal(told))
        if _LEAST_WHOLE <= whole <= _MOST_WHOLE:
            return whole
    return orjson.Fragment(told)
