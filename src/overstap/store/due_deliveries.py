"""Which deliveries are due: the statements by which they are found, however many wait that are not."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Update, and_, exists, func, select, update

from overstap.store.webhooks import ALIVE, DELIVERY, WEBHOOK, waiting

_before = DELIVERY.alias("before")
_stands_before = and_(
    _before.c.webhook_id == DELIVERY.c.webhook_id,
    _before.c.run_id == DELIVERY.c.run_id,
    waiting(_before),
    _before.c.seq < DELIVERY.c.seq,
)
"""An earlier entry of the same run that the same webhook has not got yet."""


def webhooks_with_due(now: datetime, full: Collection[str]) -> Select[Any]:
    """The webhooks that some delivery is due for.

    Args:
        full: webhooks that are not asked for.
    """
    # The earliest of each, by the index. With EXISTS, PostgreSQL reads all that wait.
    own = select(DELIVERY.c.next_at).where(DELIVERY.c.webhook_id == WEBHOOK.c.id, waiting())
    earliest = own.order_by(DELIVERY.c.next_at).limit(1).scalar_subquery()
    return select(WEBHOOK.c.id).where(ALIVE, WEBHOOK.c.id.not_in(full), earliest <= now)


def due_heads(webhook_id: str, now: datetime, limit: int) -> Select[Any]:
    """The ids of deliveries of a webhook that are due and that nothing stands before, held by the transaction."""
    free = ~exists().where(_stands_before)
    due = and_(DELIVERY.c.webhook_id == webhook_id, waiting(), DELIVERY.c.next_at <= now, free)
    query = select(DELIVERY.c.id).where(due).order_by(DELIVERY.c.next_at).limit(limit)
    return query.with_for_update(skip_locked=True, of=DELIVERY)


def put_back(webhook_id: str, now: datetime) -> Update:
    """Makes what came to a run whose turn is later due with what stands before it: it is looked at once, and then."""
    turn = select(func.max(_before.c.next_at)).where(_stands_before).scalar_subquery()
    waits = exists().where(_stands_before, _before.c.next_at > now, _before.c.claim_token.is_(None))
    due = and_(DELIVERY.c.webhook_id == webhook_id, waiting(), DELIVERY.c.next_at <= now, waits)
    return update(DELIVERY).where(due).values(next_at=turn)
