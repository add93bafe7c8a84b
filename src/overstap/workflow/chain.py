"""Hash chains: each record's hash covers the record and the hash before it, so that none can change unseen (ADR 13).

The canonical form of a record is JSON in UTF-8, keys sorted, no blanks, its moments in ISO 8601 in UTC with
microseconds. A hash is SHA-256 over the hash before it, in hexadecimal, and this form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson

from overstap.workflow.run import JournalEntry

BEGINNING = ""
"""The hash before the first record of a chain."""

_LEAST_WHOLE, _MOST_WHOLE = -(2**63), 2**64 - 1


def seal(previous: str, entry: JournalEntry) -> JournalEntry:
    """A journal entry with its hash.

    Args:
        previous: the hash of the entry before it in its run, `BEGINNING` for the first.
    """
    return replace(entry, hash=link(previous, entry_record(entry)))


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
        record: its moment `at`, and JSON values.

    Returns:
        SHA-256 in hexadecimal, 64 characters.
    """
    return sha256(previous.encode() + canonical(record)).hexdigest()


def canonical(record: Mapping[str, Any]) -> bytes:
    """A record as it is hashed: the same bytes before it was stored and after, whichever database keeps it."""
    return orjson.dumps(
        {name: _told(value) if isinstance(value, datetime) else _plain(value) for name, value in record.items()},
        option=orjson.OPT_SORT_KEYS,
    )


def _told(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: Any) -> Any:
    # Only floats need a look. All else goes through the JSON writer that the database's columns use too.
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _number(value: float) -> int | float:
    """A whole float as the integer that JSONB gives back for it; 1e16 and 10000000000000000 are one number to it."""
    if not value.is_integer():
        return value
    # The digits as JSON has them, not those of the binary value: 1.2345678901234568e18 ends in 800 there, not in 768.
    whole = int(Decimal(repr(value)))
    return whole if _LEAST_WHOLE <= whole <= _MOST_WHOLE else value
