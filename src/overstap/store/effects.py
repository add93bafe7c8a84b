"""The ledger of effects: intended before the call goes out, settled with the step (rules.md J7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from overstap.store.batch import Intent
from overstap.store.rows import EFFECT, EffectRecord, to_effect

_SETTLE_EFFECT = (
    update(EFFECT)
    .where(EFFECT.c.key == bindparam("b_key"))
    .values({name: bindparam(f"b_{name}") for name in ("status", "response", "error", "settled_at")})
)


def settle_effects(connection: Connection, effects: Sequence[EffectRecord], now: datetime) -> None:
    """Write down how effects turned out."""
    if effects:
        values = [
            {
                "b_key": one.key,
                "b_status": one.status,
                "b_response": one.response,
                "b_error": one.error,
                "b_settled_at": now,
            }
            for one in effects
        ]
        connection.execute(_SETTLE_EFFECT, values)


def record_intents(connection: Connection, intents: Sequence[Intent], now: datetime) -> dict[str, EffectRecord]:
    """Write effects down before their calls go out; one that is known already is answered as it is."""
    if not intents:
        return {}
    rows = connection.execute(select(EFFECT).where(EFFECT.c.key.in_([one.key for one in intents])))
    known = {row.key: to_effect(row) for row in rows}
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
    if fresh:
        values = [
            {
                "key": one.key,
                "run_id": one.run_id,
                "operation": one.operation,
                "status": one.status,
                "request": one.request,
                "at": now,
            }
            for one in fresh.values()
        ]
        connection.execute(insert(EFFECT), values)
    return known | fresh
