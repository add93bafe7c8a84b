"""The ledger of effects: intended before the call goes out, settled with the step (rules.md J7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import DataError, ProgrammingError

from overstap.errors import BadInput
from overstap.store.batch import Intent
from overstap.store.bulk import BulkInsert, BulkUpdate, among
from overstap.store.rows import EFFECT, EffectRecord, to_effect

settle_effects = BulkUpdate(EFFECT, ("status", "response", "error", "settled_at"), ("key",))
"""Writes down how effects turned out; takes `outcome_row`s."""
_record = BulkInsert(EFFECT, ("key", "run_id", "operation", "status", "request", "at"))


def outcome_row(effect: EffectRecord, now: datetime) -> tuple[Any, ...]:
    """How an effect turned out."""
    return (effect.status, effect.response, effect.error, now, effect.key)


def record_intents(connection: Connection, intents: Sequence[Intent], now: datetime) -> dict[str, EffectRecord]:
    """Write effects down before their calls go out; one that is known already is answered as it is.

    Raises:
        BadInput: when the database cannot hold one, such as a request that is no JSON; it names the effects.
    """
    if not intents:
        return {}
    query = select(EFFECT).where(among(connection, EFFECT.c.key, [one.key for one in intents]))
    known = {row.key: to_effect(row) for row in connection.execute(query)}
    fresh = {
        one.key: EffectRecord(
            key=one.key,
            run_id=one.claim.run.id,
            operation=one.operation,
            status="intended",
            request=one.request,
            response=None,
            error=None,
            at=now,
            fresh=True,
        )
        for one in intents
        if one.key not in known
    }
    rows = [(one.key, one.run_id, one.operation, one.status, one.request, now) for one in fresh.values()]
    try:
        _record(connection, rows)
    except (TypeError, ValueError, DataError, ProgrammingError) as error:
        named = ", ".join(f"{one.key} ({one.operation!r})" for one in fresh.values())
        why = " ".join(str(getattr(error, "orig", error)).split())  # not the statement, nor what else is in it
        raise BadInput(f"effect {named} cannot be written down: {why}") from error
    return known | fresh
