"""Deliveries to webhooks: written from the feed, claimed to be made, and settled.

At least once: a delivery stays claimable until its target has taken it or it is dead. In the order of the run: as long
as an entry waits, no later one of its run is claimed for that webhook.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    insert,
    select,
    tuple_,
    update,
)
from ulid import ULID

from overstap.store.database import Database
from overstap.store.due_deliveries import due_heads, put_back, webhooks_with_due
from overstap.store.feed import FEED, FedEntry, Feed, Position
from overstap.store.spans import Span, journals, spans_in
from overstap.store.webhooks import ALIVE, DELIVERY, WEBHOOK, DeliveryStatus, end_webhook, place_values, waiting
from overstap.workflow.run import JournalEntry

_WAITING = waiting()
_PLACE = (WEBHOOK.c.place_xid, WEBHOOK.c.place_id)
_PRUNED_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be made.

    Attributes:
        id: what a repeat is recognised by.
        attempts: how often it was tried before.
        token: of the claim, which is over at `until`.
    """

    id: str
    webhook_id: str
    url: str
    secret: str = field(repr=False)
    attempts: int
    token: str
    until: datetime
    tenant_id: str
    entry: JournalEntry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a try to deliver came to.

    Attributes:
        answer: in words.
        next_at: when it is tried again, for one that waits.
        counts: whether that was an attempt; one that was broken off is none.
        gone: the target says that it is gone for good, which ends the webhook.
    """

    claimed: Claimed
    status: DeliveryStatus
    answer: str
    next_at: datetime
    counts: bool = True
    gone: bool = False


class DeliveryBook:
    """The deliveries of one database."""

    def __init__(self, database: Database, feed: Feed) -> None:
        self._database = database
        self._feed = feed

    def enqueue(self, now: datetime, limit: int) -> bool:
        """Write down what webhooks are told of the next entries of the feed, for each group that is at one place in it.

        Args:
            limit: entries of the feed that are read for each of them, about.

        Returns:
            Whether there may be more to read.
        """
        moved = False
        for place in self._places():
            entries, on = self._feed.read(place, limit)
            while self._torn(entries, on):
                more, further = self._feed.read(on, 1)
                if further == on:
                    break  # the rest cannot be read yet: all of it waits
                entries, on = [*entries, *more], further
            else:
                if on != place:
                    self._take(place, entries, on, now)
                    moved = True
        return moved

    def _places(self) -> list[Position]:
        with self._database.read() as connection:
            return [Position(*row, 0) for row in connection.execute(select(*_PLACE).where(ALIVE).distinct())]

    def _torn(self, entries: Sequence[FedEntry], on: Position) -> bool:
        """Whether an earlier entry of one of these runs comes later in the feed.

        The feed goes by the numbers of transactions. One that holds a run first and then waits for another run has a
        lower number than the transaction that it waits for, whose row was written before its own.
        """
        if self._database.dialect == "sqlite" or not entries:
            return False
        written = max(fed.position.id for fed in entries)
        runs = {fed.entry.run_id for fed in entries}
        before = (tuple_(FEED.c.xid, FEED.c.id) >= (on.xid, on.id)) & (FEED.c.id < written)
        with self._database.read() as connection:
            rows = connection.execute(select(FEED.c.entries).where(before)).scalars().all()
        return any(span.run_id in runs for row in rows for span in spans_in(row))

    def _take(self, place: Position, entries: Sequence[FedEntry], on: Position, now: datetime) -> None:
        """Write what the webhooks at a place are told, and move them on; those that are there no more have been."""
        with self._database.write() as connection:
            here = select(WEBHOOK.c.id, WEBHOOK.c.tenant_id, WEBHOOK.c.kinds).order_by(WEBHOOK.c.id)
            here = here.where(ALIVE, WEBHOOK.c.place_xid == place.xid, WEBHOOK.c.place_id == place.id)
            hooks = connection.execute(here.with_for_update(skip_locked=True)).all()
            if not hooks:
                return
            moved = update(WEBHOOK).where(WEBHOOK.c.id.in_([hook.id for hook in hooks]))
            connection.execute(moved.values(place_values(on)))
            told: dict[str | None, list[Any]] = {}
            for hook in hooks:
                told.setdefault(hook.tenant_id, []).append(hook)
            rows = [
                {
                    "id": str(ULID.from_datetime(now)),
                    "webhook_id": hook.id,
                    "run_id": fed.entry.run_id,
                    "seq": fed.entry.seq,
                    "at": fed.entry.at,
                    "status": DeliveryStatus.WAITING.value,
                    "attempts": 0,
                    "next_at": now,
                }
                for fed in entries
                for hook in (*told.get(None, ()), *told.get(fed.tenant_id, ()))
                if not hook.kinds or fed.entry.kind.value in hook.kinds
            ]
            if rows:
                connection.execute(insert(DELIVERY), rows)

    def claim(self, now: datetime, until: datetime, *, busy: Mapping[str, int], each: int, most: int) -> list[Claimed]:
        """Take deliveries that are due, for nobody else until the claim's end: of each run and webhook the oldest.

        Args:
            busy: how many deliveries the caller is making for which webhook.
            each: how many it makes for one webhook at a time.
            most: how many it takes now.
        """
        full = [webhook_id for webhook_id, count in busy.items() if count >= each]
        with self._database.read() as connection:
            found = connection.execute(webhooks_with_due(now, full)).scalars().all()
        ready = sorted(found, key=lambda one: (busy.get(one, 0), one))
        if not ready or most <= 0:
            return []
        token = uuid4().hex
        with self._database.write() as connection:
            taken: list[str] = []
            for webhook_id in ready:
                room = min(each - busy.get(webhook_id, 0), most - len(taken))
                if room <= 0:
                    continue
                heads = connection.execute(due_heads(webhook_id, now, room)).scalars().all()
                taken += heads
                if len(heads) < room:
                    connection.execute(put_back(webhook_id, now))
            mine = update(DELIVERY).where(DELIVERY.c.id.in_(taken))
            connection.execute(mine.values(claim_token=token, claim_until=until, next_at=until))
            return _claimed(connection, token, taken, until)

    def settle(self, outcomes: Sequence[Outcome], now: datetime) -> list[Claimed]:
        """Write down what tries came to, each while its claim's token holds.

        Returns:
            Those whose token does not hold any more: somebody else has taken them, or their webhook has ended.
        """
        gone = [one for one in outcomes if one.gone]
        rest = [one for one in outcomes if not one.gone]
        lost = [one.claimed for one in gone if not self._end_of(one, now)]
        if rest:
            with self._database.write() as connection:
                # Webhooks' rows before those of deliveries, as everywhere; several settle at once, and nobody ends one.
                hooks = {one.claimed.webhook_id for one in rest}
                held = select(WEBHOOK.c.id).where(WEBHOOK.c.id.in_(hooks)).order_by(WEBHOOK.c.id)
                connection.execute(held.with_for_update(read=True)).all()
                lost += [one.claimed for one in rest if not _settle(connection, one, now)]
        return lost

    def _end_of(self, outcome: Outcome, now: datetime) -> bool:
        claimed = outcome.claimed
        with self._database.write() as connection:
            hold = select(WEBHOOK.c.id).where(WEBHOOK.c.id == claimed.webhook_id).with_for_update()
            connection.execute(hold).all()
            if connection.execute(select(DELIVERY.c.id).where(_mine(claimed))).first() is None:
                return False
            actor, reason = f"webhook:{claimed.webhook_id}", f"Its target said so: {outcome.answer}."
            end_webhook(connection, claimed.webhook_id, actor=actor, reason=reason, now=now)
            last = {"attempts": claimed.attempts + 1, "answer": outcome.answer}
            connection.execute(update(DELIVERY).where(DELIVERY.c.id == claimed.id).values(last))
        return True

    def prune(self, before: datetime) -> int:
        """Delete deliveries that were over before a moment, and webhooks that ended before it.

        Returns:
            How many deliveries were deleted; there may be more.
        """
        # What was written down later is over later: ids begin with the time.
        old = DELIVERY.c.id < str(ULID.from_datetime(before))
        over = select(DELIVERY.c.id).where(old, ~_WAITING, DELIVERY.c.settled_at < before).order_by(DELIVERY.c.id)
        ended = and_(WEBHOOK.c.ended_at < before, ~exists().where(DELIVERY.c.webhook_id == WEBHOOK.c.id))
        with self._database.read() as connection:
            ids = list(connection.execute(over.limit(_PRUNED_AT_ONCE)).scalars())
            hooks = list(connection.execute(select(WEBHOOK.c.id).where(ended)).scalars())
        if not ids and not hooks:
            return 0
        with self._database.write() as connection:
            connection.execute(delete(WEBHOOK).where(WEBHOOK.c.id.in_(hooks)))
            # Asked again: one that is replayed in this moment stays.
            again = DELIVERY.c.id.in_(ids) & ~_WAITING
            return connection.execute(delete(DELIVERY).where(again)).rowcount

    def unread(self) -> Position | None:
        """The place in the feed from which the webhook that is furthest behind goes on; None where there is none."""
        with self._database.read() as connection:
            place = connection.execute(select(*_PLACE).where(ALIVE).order_by(*_PLACE).limit(1)).first()
        return None if place is None else Position(*place, 0)


def _claimed(connection: Connection, token: str, ids: Sequence[str], until: datetime) -> list[Claimed]:
    columns = [DELIVERY.c[name] for name in ("id", "webhook_id", "attempts", "run_id", "seq")]
    query = select(*columns, WEBHOOK.c.url, WEBHOOK.c.secret).join(WEBHOOK, WEBHOOK.c.id == DELIVERY.c.webhook_id)
    rows = connection.execute(query.where(DELIVERY.c.id.in_(ids)).order_by(DELIVERY.c.id)).all()
    found = journals(connection, [Span(row.run_id, row.seq, row.seq, 1) for row in rows])
    return [
        Claimed(row.id, row.webhook_id, row.url, row.secret, row.attempts, token, until, *found[row.run_id, row.seq])
        for row in rows
    ]


def _mine(claimed: Claimed) -> ColumnElement[bool]:
    return and_(DELIVERY.c.id == claimed.id, DELIVERY.c.claim_token == claimed.token)


def _settle(connection: Connection, outcome: Outcome, now: datetime) -> bool:
    claimed, entry = outcome.claimed, outcome.claimed.entry
    waits = outcome.status is DeliveryStatus.WAITING
    next_at = outcome.next_at if waits else now
    values: dict[str, Any] = {
        "status": outcome.status.value,
        "attempts": claimed.attempts + outcome.counts,
        "answer": outcome.answer,
        "next_at": next_at,
        "claim_token": None,
        "claim_until": None,
        "settled_at": None if waits else now,
    }
    if connection.execute(update(DELIVERY).where(_mine(claimed)).values(values)).rowcount == 0:
        return False
    # What stands behind it is due with it or at once: nobody has to look at what cannot go yet, again and again.
    behind = (DELIVERY.c.webhook_id == claimed.webhook_id) & (DELIVERY.c.run_id == entry.run_id) & _WAITING
    behind &= (DELIVERY.c.seq > entry.seq) & DELIVERY.c.claim_token.is_(None)
    behind &= DELIVERY.c.next_at != next_at if waits else DELIVERY.c.next_at > next_at
    connection.execute(update(DELIVERY).where(behind).values(next_at=next_at))
    return True
