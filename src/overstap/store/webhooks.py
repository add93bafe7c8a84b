"""Webhooks as they are stored, and what became of their deliveries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Row, Table, func, insert, literal_column, select, update

from overstap.errors import Conflict, NotFound
from overstap.store.acts_log import record_act
from overstap.store.api_tables import DeliveryRow, WebhookRow
from overstap.store.database import Database
from overstap.store.feed import Feed, Position

WEBHOOK: Table = WebhookRow.__table__  # type: ignore[attr-defined]
DELIVERY: Table = DeliveryRow.__table__  # type: ignore[attr-defined]

MOST_WEBHOOKS = 50
"""How many one tenant can have at a time, and the staff of those that tell of all tenants."""
ENDED = "the webhook has ended"


class DeliveryStatus(StrEnum):
    """What became of a delivery."""

    WAITING = "waiting"
    """It is to be delivered, for the first time or again."""
    DELIVERED = "delivered"
    """Its target has taken it."""
    DEAD = "dead"
    """It was tried as often as it may be, or its webhook ended; only a replay delivers it."""


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """Who is told of journal entries.

    Attributes:
        tenant_id: of whose runs alone it tells; None for all.
        secret: signs what is delivered; shown to nobody after the webhook was made.
        kinds: the kinds of entries that it tells of; empty for all.
    """

    id: str
    tenant_id: str | None
    url: str
    secret: str = field(repr=False)
    kinds: list[str]
    created_at: datetime
    created_by: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """One journal entry on its way to a webhook.

    Attributes:
        next_at: when it is tried next, as long as it waits.
        answer: what the last try came to.
    """

    id: str
    webhook_id: str
    run_id: str
    seq: int
    at: datetime
    status: str
    attempts: int
    next_at: datetime
    settled_at: datetime | None
    answer: str | None


ALIVE = WEBHOOK.c.ended_at.is_(None)
_AS_WRITTEN: ColumnElement[str] = literal_column(f"'{DeliveryStatus.WAITING.value}'")
"""Not a parameter: SQLite uses an index of a part of the rows only where the statement says so itself."""


def waiting(delivery: FromClause = DELIVERY) -> ColumnElement[bool]:
    """Whether a delivery waits, so that the indexes of those that do are used."""
    return delivery.c.status == _AS_WRITTEN


_SHOWN = [WEBHOOK.c[name] for name in StoredWebhook.__dataclass_fields__]
_TOLD = [DELIVERY.c[name] for name in StoredDelivery.__dataclass_fields__]


class WebhookBook:
    """The webhooks of one database.

    Wherever a `tenant_id` is taken, only that tenant's webhooks exist; with None all do.
    """

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def add(self, webhook: StoredWebhook, reason: str, host: str) -> None:
        """Write a new webhook down, and who made it; it is told of what is committed from now on.

        Args:
            host: of the target, for the audit; the rest of the URL may hold secrets.

        Raises:
            Conflict: when its tenant has too many.
        """
        values = {name: getattr(webhook, name) for name in StoredWebhook.__dataclass_fields__}
        with self._database.write() as connection:
            alive = select(func.count()).select_from(WEBHOOK).where(ALIVE)
            count = connection.execute(alive.where(WEBHOOK.c.tenant_id.is_not_distinct_from(webhook.tenant_id)))
            if count.scalar_one() >= MOST_WEBHOOKS:
                raise Conflict(f"There are {MOST_WEBHOOKS} webhooks already; end one that is of no use any more.")
            connection.execute(insert(WEBHOOK), values | place_values(self._feed.end()))
            record_act(
                connection,
                at=webhook.created_at,
                actor=webhook.created_by,
                kind="webhook_created",
                subject=webhook.id,
                reason=reason,
                data={"tenant_id": webhook.tenant_id, "host": host, "kinds": webhook.kinds},
            )

    def all(self, tenant_id: str | None = None, *, ended: bool = False) -> list[StoredWebhook]:
        """The webhooks, the newest first.

        Args:
            ended: also those that have ended, as long as they are kept.
        """
        query = select(*_SHOWN).order_by(WEBHOOK.c.id.desc())
        if tenant_id is not None:
            query = query.where(WEBHOOK.c.tenant_id == tenant_id)
        if not ended:
            query = query.where(ALIVE)
        with self._database.read() as connection:
            return [_webhook(row) for row in connection.execute(query)]

    def get(self, webhook_id: str, tenant_id: str | None = None) -> StoredWebhook:
        """One webhook.

        Raises:
            NotFound: when there is none.
        """
        with self._database.read() as connection:
            return _find(connection, webhook_id, tenant_id)

    def end(
        self, webhook_id: str, *, actor: str, reason: str, now: datetime, tenant_id: str | None = None
    ) -> StoredWebhook:
        """Tell it nothing any more: what waits is dead. One that has ended before stays as it is.

        Raises:
            NotFound: when there is none.
        """
        with self._database.write() as connection:
            _find(connection, webhook_id, tenant_id)
            end_webhook(connection, webhook_id, actor=actor, reason=reason, now=now)
            return _find(connection, webhook_id, tenant_id)

    def deliveries(
        self, webhook_id: str, *, status: DeliveryStatus | None, before: str | None, limit: int
    ) -> list[StoredDelivery]:
        """Deliveries of a webhook, the newest first.

        Args:
            before: only those behind this one, by its id.
        """
        query = select(*_TOLD).where(DELIVERY.c.webhook_id == webhook_id)
        if status is not None:
            query = query.where(DELIVERY.c.status == status.value)
        if before is not None:
            query = query.where(DELIVERY.c.id < before)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(DELIVERY.c.id.desc()).limit(limit))
            return [StoredDelivery(*row) for row in rows]

    def counts(self, webhook_id: str) -> dict[str, int]:
        """How many deliveries of a webhook there are of each status."""
        query = select(DELIVERY.c.status, func.count()).where(DELIVERY.c.webhook_id == webhook_id)
        with self._database.read() as connection:
            found = {row[0]: row[1] for row in connection.execute(query.group_by(DELIVERY.c.status))}
        return {one.value: found.get(one.value, 0) for one in DeliveryStatus}

    def replay(
        self, webhook_id: str, deliveries: Collection[str] | None, *, actor: str, reason: str, now: datetime
    ) -> int:
        """Deliver again from the first attempt on.

        Args:
            deliveries: which ones, whatever became of them; None for all that are dead.

        Returns:
            How many those are.

        Raises:
            NotFound: when one of the deliveries is none of this webhook.
            Conflict: when the webhook has ended.
        """
        mine = DELIVERY.c.webhook_id == webhook_id
        with self._database.write() as connection:
            hold = select(WEBHOOK.c.ended_at).where(WEBHOOK.c.id == webhook_id).with_for_update()
            if connection.execute(hold).scalar() is not None:
                raise Conflict(f"Webhook {webhook_id} has ended: nothing can be delivered to it. Make a new one.")
            if deliveries is None:
                mine &= DELIVERY.c.status == DeliveryStatus.DEAD.value
            else:
                mine &= DELIVERY.c.id.in_(sorted(deliveries))
                found = set(connection.execute(select(DELIVERY.c.id).where(mine)).scalars())
                if missing := sorted(set(deliveries) - found):
                    raise NotFound(f"Webhook {webhook_id} has no delivery {missing[0]!r}, or it is not kept any more.")
            anew: dict[str, Any] = {
                "status": DeliveryStatus.WAITING.value,
                "attempts": 0,
                "next_at": now,
                "claim_token": None,
                "claim_until": None,
                "settled_at": None,
                "answer": None,
            }
            count = connection.execute(update(DELIVERY).where(mine).values(anew)).rowcount
            if count:
                record_act(
                    connection,
                    at=now,
                    actor=actor,
                    kind="webhook_replayed",
                    subject=webhook_id,
                    reason=reason,
                    data={"deliveries": count},
                )
        return count


def place_values(place: Position) -> dict[str, int]:
    """A place between two rows of the feed, as a webhook's row holds it."""
    return {"place_xid": place.xid, "place_id": place.id}


def end_webhook(connection: Connection, webhook_id: str, *, actor: str, reason: str, now: datetime) -> bool:
    """End a webhook within a write transaction; answers whether it had not ended before.

    The row of the webhook is held first, then its deliveries: in this order everywhere.
    """
    alive = (WEBHOOK.c.id == webhook_id) & ALIVE
    if connection.execute(update(WEBHOOK).where(alive).values(ended_at=now)).rowcount == 0:
        return False
    left = (DELIVERY.c.webhook_id == webhook_id) & waiting()
    over: dict[str, Any] = {
        "status": DeliveryStatus.DEAD.value,
        "claim_token": None,
        "claim_until": None,
        "settled_at": now,
        "answer": ENDED,
    }
    dead = connection.execute(update(DELIVERY).where(left).values(over)).rowcount
    record_act(
        connection,
        at=now,
        actor=actor,
        kind="webhook_ended",
        subject=webhook_id,
        reason=reason,
        data={"waiting": dead},
    )
    return True


def _find(connection: Connection, webhook_id: str, tenant_id: str | None) -> StoredWebhook:
    query = select(*_SHOWN).where(WEBHOOK.c.id == webhook_id)
    if tenant_id is not None:
        query = query.where(WEBHOOK.c.tenant_id == tenant_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"There is no webhook {webhook_id!r}; `overstap webhooks list` shows those there are.")
    return _webhook(row)


def _webhook(row: Row[Any]) -> StoredWebhook:
    return StoredWebhook(**row._mapping)  # noqa: SLF001
