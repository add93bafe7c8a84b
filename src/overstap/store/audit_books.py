"""What `verify` reads of the embedded provider's books (rules.md J1, J2, J4, J7).

Each look reads everything at one moment, then yields None for a thing that holds, and a sentence for one that does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, Table, and_, exists, func, or_, select

from overstap.domain.books import IMPORT, OUTSIDE, from_outside
from overstap.domain.locks import LOCK_OF_OPERATION, LocksOf
from overstap.store.audit_closing import Held, Subscriptions, order_as_it_ended
from overstap.store.audit_outside import done_while_locked
from overstap.store.audit_time import Mark, Marks, Span
from overstap.store.books import ASSIGNMENT, BILLING, MOVE, OPERATION, ORDER, PURCHASE
from overstap.store.database import Database
from overstap.store.rows import EFFECT, RUN


class BooksAudit:
    """Reads of the embedded provider's books beside the runs they belong to; an order's reference is its run's id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def billing(self) -> Iterator[str | None]:
        """Never both billings on; from the end on only the one that belongs there (rules.md J1)."""
        billed: dict[Held, list[Span]] = defaultdict(list)
        with self._database.snapshot() as connection:
            marks = Marks.read(connection)
            for row in connection.execute(select(BILLING).order_by(BILLING.c.id)):
                one = marks.span(row.started_at, row.started_by, row.ended_at, row.ended_by)
                billed[row.tenant_id, row.subscription_id].append(one)
            orders = _orders(connection)
            restored = select(OPERATION.c.key).where(OPERATION.c.operation == "restore_billing")
            restorers = {key.split(":")[0] for key in connection.execute(restored).scalars()}
        sourced: dict[Held, set[str]] = defaultdict(set)
        for order in orders:
            sourced[order.tenant_id, order.source_subscription_id].add(order.reference)
        for order in orders:
            source = (order.tenant_id, order.source_subscription_id)
            target = (order.tenant_id, order.target_subscription_id)
            old, new = billed[source], billed[target]
            both = _both_on(old, new)
            yield f"run {order.reference}: both subscriptions are billed at {both}" if both else None
            if order.ended_at is None:
                continue
            end = marks.mark(order.ended_at, f"{order.reference}:{order.state}:{order.visit}:end")
            name = f"run {order.reference} is {order.state}:"
            right, wrong, right_id, wrong_id = old, new, source, target
            if order.state == "completed":
                right, wrong, right_id, wrong_id = new, old, target, source
            still = any(not _ended(wrong[i:], end) for i in range(len(wrong)))
            yield f"{name} {wrong_id[1]} is still billed after its end" if still else None
            placing = marks.mark(order.placed_at, order.key)
            if order.state == "completed" or order.reference in restorers or _was_billed(placing, old):
                others = sourced[right_id] - {order.reference}
                yield _stays_billed(f"{name} {right_id[1]}", right, end, others)

    def licences(self) -> Iterator[str | None]:
        """Enough seats; whoever loses a licence by a change has that change's other one at that moment (J2)."""
        moved = select(ORDER.c.tenant_id)
        held = select(ASSIGNMENT).where(ASSIGNMENT.c.tenant_id.in_(moved))
        with self._database.snapshot() as connection:
            orders = {order.reference: order for order in _orders(connection)}
            seats = {(row.tenant_id, row.id): row.seats for row in connection.execute(select(PURCHASE))}
            rows = connection.execute(held.order_by(ASSIGNMENT.c.tenant_id, ASSIGNMENT.c.user_id)).all()
            marks = Marks.read(connection)
        for order in orders.values():
            yield _seats(order, seats)
        for (tenant_id, user_id), own in groupby(rows, key=lambda row: (row.tenant_id, row.user_id)):
            spans: dict[str, list[Span]] = defaultdict(list)
            for row in own:
                one = marks.span(row.assigned_at, row.assigned_by, row.removed_at, row.removed_by)
                spans[row.subscription_id].append(one)
            for subscription_id, licences in spans.items():
                lost = [one.end for one in licences if one.end is not None and not from_outside(one.end.by)]
                for mark in lost:
                    reason = _unreplaced(orders.get(mark.run or ""), tenant_id, subscription_id, mark, spans)
                    what = f"user {user_id} of tenant {tenant_id} lost {subscription_id} at {mark.at}"
                    yield None if reason is None else f"{what} {reason}"

    def closing(self) -> Iterator[str | None]:
        """The source is closed last, by a completed change only; a change undone leaves nothing of the new (J4)."""
        ended = select(RUN.c.id, RUN.c.tenant_id, RUN.c.state).where(RUN.c.ended_at.is_not(None))
        with self._database.snapshot() as connection:
            runs = connection.execute(ended.order_by(RUN.c.id)).all()
            orders = {order.reference: order for order in _orders(connection)}
            books = Subscriptions(connection)
        for run in runs:
            yield order_as_it_ended(run, orders.get(run.id))
        for order in orders.values():
            if order.state is None:
                yield f"order {order.id} of tenant {order.tenant_id} is of run {order.reference}, which does not exist"
            yield from books.look(order)

    def outside(self, locks_of: LocksOf) -> Iterator[str | None]:
        """What was done from outside was done while no lock forbade it (rules.md J5)."""
        with self._database.snapshot() as connection:
            yield from done_while_locked(connection, locks_of)

    def effects(self) -> Iterator[str | None]:
        """What was confirmed was done, what was done was intended, and nothing was done twice (rules.md J7)."""
        missing = select(EFFECT.c.key, EFFECT.c.operation).where(
            EFFECT.c.status == "confirmed",
            ~exists().where(OPERATION.c.key == EFFECT.c.key, OPERATION.c.operation == EFFECT.c.operation),
        )
        asked = and_(OPERATION.c.key.startswith(OUTSIDE, autoescape=True), OPERATION.c.operation.in_(LOCK_OF_OPERATION))
        unintended = select(OPERATION.c.key).where(~exists().where(EFFECT.c.key == OPERATION.c.key), ~asked)
        twice = (
            select(MOVE.c.tenant_id, MOVE.c.user_id, MOVE.c.to_subscription_id, func.count().label("times"))
            .group_by(MOVE.c.tenant_id, MOVE.c.user_id, MOVE.c.from_subscription_id, MOVE.c.to_subscription_id)
            .having(func.count() > 1)
        )
        starts = select(OPERATION.c.key, OPERATION.c.operation, OPERATION.c.response).where(
            OPERATION.c.operation.in_(("place_order", "start_billing", "restore_billing"))
        )
        with self._database.snapshot() as connection:
            for row in connection.execute(missing):
                yield f"effect {row.key}: {row.operation} is confirmed and was never done"
            for key in connection.execute(unintended).scalars():
                yield f"operation {key} was done and never intended"
            for move in connection.execute(twice):
                times = f"{move.times} times to {move.to_subscription_id}"
                yield f"user {move.user_id} of tenant {move.tenant_id} was moved {times}"
            began = set(connection.execute(select(BILLING.c.started_by)).scalars())
            ordered = set(connection.execute(select(ORDER.c.key)).scalars())
            for start in connection.execute(starts):
                there = start.key in (ordered if start.operation == "place_order" else began)
                there = there or start.response.get("started") is False
                yield None if there else f"operation {start.key} was done and nothing of it is in the books"
            for what, query in _without_cause():
                for it in connection.execute(query):
                    yield f"tenant {it.tenant_id}: {what} at {it.at}, by {it.by}, which was not done at that moment"
            count = connection.execute(select(func.count()).select_from(OPERATION)).scalar_one()
        yield from (None for _ in range(count))


def _orders(connection: Connection) -> Sequence[Row[Any]]:
    """Every order with the state of its run, None where there is no such run."""
    query = select(ORDER, RUN.c.state, RUN.c.ended_at, RUN.c.visit).outerjoin(RUN, RUN.c.id == ORDER.c.reference)
    return connection.execute(query.order_by(ORDER.c.placed_at, ORDER.c.id)).all()


def _ended(spans: Sequence[Span], mark: Mark) -> bool:
    """Whether the first of these spans was over by then: it was when a later one was, as they follow each other."""
    return any(one.ended_by(mark) for one in spans)


def _both_on(old: Sequence[Span], new: Sequence[Span]) -> datetime | None:
    """From when on both are billed."""
    for i, one in enumerate(old):
        for j, other in enumerate(new):
            if not (_ended(old[i:], other.start) or _ended(new[j:], one.start)):
                return max(one.start.at, other.start.at)
    return None


def _was_billed(placing: Mark, old: Sequence[Span]) -> bool:
    return any(one.covers(placing) or (one.end is not None and one.end.by == placing.by) for one in old)


def _stays_billed(name: str, spans: Sequence[Span], end: Mark, others: set[str]) -> str | None:
    """A subscription is billed at a run's end, and then until another order of it, or one from outside, ends it."""

    def is_on(one: Span) -> bool:
        # What the run itself began can only have been ended after that, whatever the clock of another host says.
        ended_later = one.start.run == end.run and one.end is not None and one.end.run != end.run
        return one.start.precedes(end) and (ended_later or not one.ended_by(end))

    on = [one for one in spans if is_on(one)]
    if not on:
        return f"{name} is not billed at its end"
    stopped = on[-1].end
    if stopped is None or from_outside(stopped.by) or stopped.run in others:
        return None
    return f"{name} is billed no longer since {stopped.at}, by {stopped.by}, which is no other order of it"


def _seats(order: Row[Any], seats: dict[Held, int]) -> str | None:
    name = f"run {order.reference}: subscription"
    for subscription_id in (order.source_subscription_id, order.target_subscription_id):
        if (order.tenant_id, subscription_id) not in seats:
            return f"{name} {subscription_id} of tenant {order.tenant_id} is not in the books"
    had = seats[order.tenant_id, order.source_subscription_id]
    has = seats[order.tenant_id, order.target_subscription_id]
    if order.cancelled_at is not None:
        return None  # the source lives on, and an import may have given it more seats since
    return None if has >= had else f"run {order.reference}: {has} seats instead of {had}"


def _unreplaced(
    order: Row[Any] | None, tenant_id: str, subscription_id: str, mark: Mark, spans: dict[str, list[Span]]
) -> str | None:
    """Why the loss of a licence was not right; None when it was."""
    if order is None or order.tenant_id != tenant_id:
        return f"by {mark.by}, which is no change's doing"
    pair = {order.source_subscription_id, order.target_subscription_id}
    if subscription_id not in pair:
        return f"by run {order.reference}, which is not about that subscription"
    other = next(iter(pair - {subscription_id}), subscription_id)
    if any(one.covers(mark) for one in spans.get(other, ())):
        return None
    return f"by run {order.reference} without having {other}"


def _without_cause() -> Iterator[tuple[str, Select[Any]]]:
    """What the books hold that no import did and no operation of that moment."""

    def caused(table: Table, by: Column[Any], at: Column[Any], *moments: Column[Any]) -> Select[Any]:
        in_time = or_(*(moment == at for moment in moments))
        done = select(OPERATION.c.key).where(OPERATION.c.key == by, in_time).exists()
        return select(table.c.tenant_id, at.label("at"), by.label("by")).where(
            at.is_not(None), or_(by.is_(None), and_(by != IMPORT, ~done))
        )

    a, b, m, o = ASSIGNMENT.c, BILLING.c, MOVE.c, OPERATION.c
    yield "a billing began", caused(BILLING, b.started_by, b.started_at, o.at)
    yield "a billing ended", caused(BILLING, b.ended_by, b.ended_at, o.at)
    yield "a licence was given", caused(ASSIGNMENT, a.assigned_by, a.assigned_at, o.at)
    yield "a licence was taken", caused(ASSIGNMENT, a.removed_by, a.removed_at, o.at)
    yield "a user was moved", caused(MOVE, m.key, m.at, o.at, o.ready_at)
