"""What `verify` looks for in the subscriptions of orders whose runs have ended (rules.md J4)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from overstap.domain.books import from_outside
from overstap.store.audit_time import Mark, Marks
from overstap.store.books import ASSIGNMENT, MOVE, OPERATION, ORDER, PURCHASE, RESIDENCE, TENANT

Held = tuple[str, str]
"""A tenant and one of its subscriptions."""
_UNDONE = ("failed", "cancelled")


def order_as_it_ended(run: Any, order: Row[Any] | None) -> str | None:
    """A completed run has a completed order; one that was undone has none, or one that was cancelled."""
    name = f"run {run.id} of tenant {run.tenant_id} is {run.state}"
    if run.state == "completed":
        if order is None:
            return f"{name} and has no order"
        complete = order.completed_at is not None and order.cancelled_at is None
        return None if complete else f"{name} and its order {order.id} is not"
    if run.state in _UNDONE and order is not None:
        if order.completed_at is not None:
            return f"{name} and its order {order.id} is completed"
        return None if order.cancelled_at is not None else f"{name} and its order {order.id} is still under way"
    return None


class Subscriptions:
    """Who is on which subscription and when that was closed, at one moment."""

    def __init__(self, connection: Connection) -> None:
        self._closed = {(row.tenant_id, row.id): row.closed_at for row in connection.execute(select(PURCHASE))}
        self._imported = {row.id: row.imported_at for row in connection.execute(select(TENANT))}
        self._holders = _places(connection, ASSIGNMENT, ASSIGNMENT.c.removed_at.is_(None))
        self._residents = _places(connection, RESIDENCE)
        bought_away = select(ORDER.c.tenant_id, ORDER.c.source_subscription_id).where(ORDER.c.completed_at.is_not(None))
        self._left = {(row[0], row[1]) for row in connection.execute(bought_away)}
        closings = select(OPERATION.c.key, OPERATION.c.at).where(OPERATION.c.operation == "close_subscription")
        marks = Marks.read(connection)
        self._closings: dict[str, list[Mark]] = _by_run(marks, connection.execute(closings).all())
        asked = select(OPERATION).where(OPERATION.c.operation == "cancel_subscription")
        self._cancelled = {(one.tenant_id, one.response["subscription_id"]): one for one in connection.execute(asked)}
        moves = select(MOVE.c.key, func.max(MOVE.c.at).label("at")).group_by(MOVE.c.key)
        swaps = select(ASSIGNMENT.c.assigned_by.label("key"), func.max(ASSIGNMENT.c.assigned_at).label("at"))
        swaps = swaps.group_by(ASSIGNMENT.c.assigned_by)
        self._moved = _by_run(marks, [*connection.execute(moves), *connection.execute(swaps)])

    def look(self, order: Row[Any]) -> Iterator[str | None]:
        """What of an order's two subscriptions is not as its state asks for."""
        name = f"run {order.reference} is {order.state}"
        source = (order.tenant_id, order.source_subscription_id)
        target = (order.tenant_id, order.target_subscription_id)
        for place in (source, target):
            yield None if place in self._closed else f"{name} and its subscription {place[1]} is not in the books"
        if order.state == "completed":
            yield from self._left_behind(name, "source", source)
            yield from self._last(name, order, source)
            lost = self._closed.get(target) is not None and target not in self._left and not self._was_cancelled(target)
            yield f"{name} and its target {target[1]} is closed" if lost else None
        elif order.state in _UNDONE:
            yield from self._left_behind(name, "target", target)
        if order.completed_at is None:
            yield self._closed_too_soon(name, order, source)

    def _left_behind(self, name: str, role: str, place: Held) -> Iterator[str | None]:
        still_open = place in self._closed and self._closed[place] is None
        yield f"{name} and its {role} {place[1]} is still open" if still_open else None
        yield f"{name} and users still hold its {role} {place[1]}" if place in self._holders else None
        yield f"{name} and users are still served by its {role} {place[1]}" if place in self._residents else None

    def _last(self, name: str, order: Row[Any], source: Held) -> Iterator[str | None]:
        closed_at = self._closed.get(source)
        if closed_at is None:
            return  # said already
        marks = self._closings.get(order.reference, [])
        closings = [mark for mark in marks if mark.at == closed_at]
        yield None if closings else f"{name} and did not close its source at {closed_at}, when it was closed"
        end = (closings or marks or [Mark(closed_at, None)])[0]
        late = [mark for mark in self._moved.get(order.reference, []) if not mark.precedes(end)]
        yield f"{name}: something moved at {late[0].at}, after its source was closed" if late else None

    def _closed_too_soon(self, name: str, order: Row[Any], source: Held) -> str | None:
        closed_at = self._closed.get(source)
        if closed_at is None or source in self._left:
            return None
        if order.cancelled_at is not None and self._was_cancelled(source):
            return None  # an admin had no use for it any more
        imported_at = self._imported.get(order.tenant_id)
        undone = order.cancelled_at is not None and order.reference not in self._closings
        if undone and imported_at is not None and closed_at <= imported_at:
            return None  # an export told of it no longer
        return f"{name} and its source {source[1]} was closed at {closed_at}"

    def _was_cancelled(self, place: Held) -> bool:
        """Whether it was closed by being cancelled from outside."""
        cancelled = self._cancelled.get(place)
        return cancelled is not None and from_outside(cancelled.key) and cancelled.at == self._closed.get(place)


def _places(connection: Connection, table: Table, *conditions: Any) -> set[Held]:
    query = select(table.c.tenant_id, table.c.subscription_id).where(*conditions).distinct()
    return {(row[0], row[1]) for row in connection.execute(query)}


def _by_run(marks: Marks, rows: Sequence[Any]) -> dict[str, list[Mark]]:
    by_run: dict[str, list[Mark]] = defaultdict(list)
    for row in rows:
        mark = marks.mark(row.at, row.key)
        by_run[mark.run or ""].append(mark)
    return by_run
