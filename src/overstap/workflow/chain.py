"""Hash chains: each record's hash covers the record and the hash before it, so that none can change unseen (ADR 13).

The canonical form of a record is JSON in UTF-8, keys sorted, no blanks, moments in ISO 8601 in UTC with microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import orjson

BEGINNING = ""
"""The hash before the first record of a chain."""

_LEAST_WHOLE, _MOST_WHOLE = -(2**63), 2**64 - 1


def link(previous: str, record: Mapping[str, Any]) -> str:
    """The hash of a record that follows on another one.

    Args:
        previous: the hash of the record before it, `BEGINNING` for the first.
        record: moments, JSON values, and JSON values within them.

    Returns:
        SHA-256 in hexadecimal, 64 characters.
    """
    return sha256(previous.encode() + canonical(record)).hexdigest()


def canonical(record: Mapping[str, Any]) -> bytes:
    """A record as it is hashed: the same bytes before it was stored and after, whatever database keeps it."""
    return orjson.dumps(
        {name: _plain(value) for name, value in record.items()},
        option=orjson.OPT_SORT_KEYS,
    )


def told(moment: datetime) -> str:
    """A moment as the canonical form has it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: Any) -> Any:
    match value:
        case str() | int() | None:
            return value
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float():
            return _number(value)
        case datetime():
            return told(value)
        case _:
            return value


def _number(value: float) -> int | float:
    """A whole float as the integer that JSONB gives back for it; 1e16 and 10000000000000000 are one number to it."""
    if not value.is_integer():
        return value
    # The digits as JSON has them, not those of the binary value: 1.2345678901234568e18 ends in 800 there, not in 768.
    whole = int(Decimal(repr(value)))
    return whole if _LEAST_WHOLE <= whole <= _MOST_WHOLE else value
