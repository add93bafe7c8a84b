"""What `verify` reads of the embedded provider's books (rules.md J1, J2, J4, J7).

Each look yields None for a thing that holds, and a sentence for one that does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Row, Select, Table, and_, exists, func, select

from overstap.store.database import Database
from overstap.store.embedded_tables import AssignmentRow, BillingRow, MoveRow, OperationRow, OrderRow, SubscriptionRow
from overstap.store.rows import EFFECT, RUN

ASSIGNMENT: Table = AssignmentRow.__table__  # type: ignore[attr-defined]
BILLING: Table = BillingRow.__table__  # type: ignore[attr-defined]
MOVE: Table = MoveRow.__table__  # type: ignore[attr-defined]
OPERATION: Table = OperationRow.__table__  # type: ignore[attr-defined]
ORDER: Table = OrderRow.__table__  # type: ignore[attr-defined]
SUBSCRIPTION: Table = SubscriptionRow.__table__  # type: ignore[attr-defined]
_FOREVER = datetime.max.replace(tzinfo=UTC)


class _Interval(NamedTuple):
    start: datetime
    end: datetime

    def covers(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def overlaps(self, other: _Interval) -> bool:
        return self.start < other.end and other.start < self.end


class BooksAudit:
    """Reads of the embedded provider's books beside the runs they belong to; an order's reference is its run's id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def billing(self) -> Iterator[str | None]:
        """Never both billings on; at the end only the one that belongs there (rules.md J1)."""
        intervals: dict[tuple[str, str], list[_Interval]] = defaultdict(list)
        for row in self._rows(select(BILLING).order_by(BILLING.c.started_at)):
            interval = _Interval(row.started_at, row.ended_at or _FOREVER)
            intervals[row.tenant_id, row.subscription_id].append(interval)
        for order in self._orders():
            old = intervals[order.tenant_id, order.source_subscription_id]
            new = intervals[order.tenant_id, order.target_subscription_id]
            both = [(one, other) for one in old for other in new if one.overlaps(other)]
            yield f"run {order.reference}: both subscriptions are billed at {both[0][1].start}" if both else None
            if order.ended_at is None:
                continue
            on = tuple(any(one.covers(order.ended_at) for one in billed) for billed in (old, new))
            was_on = any(one.start <= order.placed_at <= one.end for one in old)  # the order ends it at that moment
            expected = (False, True) if order.state == "completed" else (was_on, False)
            right = on == expected
            yield None if right else f"run {order.reference} is {order.state}: billing old, new is {on}, not {expected}"

    def licences(self) -> Iterator[str | None]:
        """Enough seats; whoever loses a licence has another at that moment (rules.md J2)."""
        source, target = SUBSCRIPTION.alias("source"), SUBSCRIPTION.alias("target")
        seats = (
            select(ORDER.c.reference, source.c.seats.label("had"), target.c.seats.label("has"))
            .join(source, and_(source.c.tenant_id == ORDER.c.tenant_id, source.c.id == ORDER.c.source_subscription_id))
            .join(target, and_(target.c.tenant_id == ORDER.c.tenant_id, target.c.id == ORDER.c.target_subscription_id))
        )
        for row in self._rows(seats):
            yield None if row.has >= row.had else f"run {row.reference}: {row.has} seats instead of {row.had}"
        moved = select(ORDER.c.tenant_id).distinct()
        held = (
            select(ASSIGNMENT)
            .where(ASSIGNMENT.c.tenant_id.in_(moved))
            .order_by(ASSIGNMENT.c.tenant_id, ASSIGNMENT.c.user_id)
        )
        for (tenant_id, user_id), rows in groupby(self._rows(held), key=lambda row: (row.tenant_id, row.user_id)):
            own = list(rows)
            lost = [row for row in own if row.removed_by is not None and row.removed_by != "import"]
            spans = [_Interval(row.assigned_at, row.removed_at or _FOREVER) for row in own]
            for row in lost:
                kept = any(span.covers(row.removed_at) for span in spans)
                yield None if kept else f"user {user_id} of {tenant_id} had no licence at {row.removed_at}"

    def closing(self) -> Iterator[str | None]:
        """The source is closed last, by a completed change only; a change undone leaves nothing of the new (J4)."""
        closed = {(row.tenant_id, row.id): row.closed_at for row in self._rows(select(SUBSCRIPTION))}
        latest: dict[tuple[str, str], datetime] = {}
        target = MOVE.c.to_subscription_id.label("subscription_id")
        moves = select(MOVE.c.tenant_id, target, func.max(MOVE.c.at).label("at")).group_by(MOVE.c.tenant_id, target)
        holder = (ASSIGNMENT.c.tenant_id, ASSIGNMENT.c.subscription_id)
        swaps = select(*holder, func.max(ASSIGNMENT.c.assigned_at).label("at")).group_by(*holder)
        for row in (*self._rows(moves), *self._rows(swaps)):
            key = (row.tenant_id, row.subscription_id)
            latest[key] = max(row.at, latest.get(key, row.at))
        holders = {
            (row.tenant_id, row.subscription_id)
            for row in self._rows(
                select(ASSIGNMENT.c.tenant_id, ASSIGNMENT.c.subscription_id)
                .where(ASSIGNMENT.c.removed_at.is_(None))
                .distinct()
            )
        }
        for order in self._orders():
            source, target = order.source_subscription_id, order.target_subscription_id
            source_closed, target_closed = closed[order.tenant_id, source], closed[order.tenant_id, target]
            name = f"run {order.reference}"
            if order.state == "completed":
                yield None if source_closed else f"{name} is completed and its source is still open"
                moved = latest.get((order.tenant_id, target))
                late = source_closed is not None and moved is not None and moved > source_closed
                yield f"{name}: something moved at {moved}, after its source was closed" if late else None
                yield f"{name}: users still hold the closed source" if (order.tenant_id, source) in holders else None
            elif order.ended_at is not None:
                yield None if target_closed else f"{name} is {order.state} and its target is still open"
                yield f"{name}: users still hold the undone target" if (order.tenant_id, target) in holders else None
            if source_closed is not None and order.completed_at is None and not self._closed_by_another(order):
                yield f"{name} is {order.state} and its source was closed at {source_closed}"
            else:
                yield None

    def effects(self) -> Iterator[str | None]:
        """What was confirmed was done, what was done was intended, and nothing was done twice (rules.md J7)."""
        missing = select(EFFECT.c.key, EFFECT.c.operation).where(
            EFFECT.c.status == "confirmed",
            ~exists().where(OPERATION.c.key == EFFECT.c.key, OPERATION.c.operation == EFFECT.c.operation),
        )
        for row in self._rows(missing):
            yield f"effect {row.key}: {row.operation} is confirmed and was never done"
        unintended = select(OPERATION.c.key).where(~exists().where(EFFECT.c.key == OPERATION.c.key))
        for row in self._rows(unintended):
            yield f"operation {row.key} was done and never intended"
        twice = (
            select(MOVE.c.tenant_id, MOVE.c.user_id, MOVE.c.to_subscription_id, func.count().label("times"))
            .group_by(MOVE.c.tenant_id, MOVE.c.user_id, MOVE.c.from_subscription_id, MOVE.c.to_subscription_id)
            .having(func.count() > 1)
        )
        for row in self._rows(twice):
            yield f"user {row.user_id} of {row.tenant_id} was moved to {row.to_subscription_id} {row.times} times"
        orders = (
            select(ORDER.c.reference, func.count().label("orders")).group_by(ORDER.c.reference).having(func.count() > 1)
        )
        for row in self._rows(orders):
            yield f"run {row.reference} placed {row.orders} orders"
        with self._database.read() as connection:
            count = connection.execute(select(func.count()).select_from(OPERATION)).scalar_one()
        yield from (None for _ in range(count))

    def _orders(self) -> list[Row[Any]]:
        """Every order with the state of its run."""
        return self._rows(select(ORDER, RUN.c.state, RUN.c.ended_at).join(RUN, RUN.c.id == ORDER.c.reference))

    def _closed_by_another(self, order: Row[Any]) -> bool:
        other = select(ORDER.c.id).where(
            ORDER.c.tenant_id == order.tenant_id,
            ORDER.c.source_subscription_id == order.source_subscription_id,
            ORDER.c.completed_at.is_not(None),
        )
        return bool(self._rows(other))

    def _rows(self, query: Select[Any]) -> list[Row[Any]]:
        with self._database.snapshot() as connection:
            return list(connection.execute(query))
