"""Moves of users' mailboxes and files from one subscription to another (rules.md R16)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from overstap.domain.books import Operation
from overstap.domain.ports import Move
from overstap.providers.embedded.books import Ledger, Reader
from overstap.providers.embedded.call import Answer, Call


def move_users(call: Call) -> Answer:
    """Move users at once, or accept the move of them when it takes time."""
    source, target = call["source"], call["target"]
    call.ensure_ordered(source, target)
    call.open_purchase(target)
    if call.settings.move_time:
        ready_at = call.now + call.settings.move_time
        return Answer({"finished": False, "ready_at": ready_at.isoformat()}, ready_at=ready_at, finished=False)
    users = _still_there(call.ledger, call.tenant_id, source, call["users"])
    call.ledger.relocate(call.tenant_id, source, target, users, key=call.key, at=call.now)
    return Answer({"finished": True, "ready_at": None})


def settle_moves(ledger: Ledger, tenant_id: str, now: datetime) -> None:
    """Finish the accepted moves of a tenant whose time has come."""
    for operation in ledger.under_way(tenant_id):
        if operation.ready_at is not None and operation.ready_at <= now:
            source, target = operation.request["source"], operation.request["target"]
            users = _still_there(ledger, tenant_id, source, operation.request["users"])
            ledger.relocate(tenant_id, source, target, users, key=operation.key, at=operation.ready_at)
            ledger.finish_operation(operation.key, operation.ready_at)


def under_way_at(reader: Reader, tenant_id: str, subscription_id: str) -> Sequence[Operation]:
    """The accepted moves to or from a subscription that are not finished."""
    return [
        operation
        for operation in reader.under_way(tenant_id)
        if subscription_id in {operation.request["source"], operation.request["target"]}
    ]


def waiting_to_move(reader: Reader, tenant_id: str, subscription_id: str) -> Sequence[str]:
    """The users that a subscription serves and no accepted move takes away, sorted."""
    leaving = {
        user
        for operation in under_way_at(reader, tenant_id, subscription_id)
        if operation.request["source"] == subscription_id
        for user in operation.request["users"]
    }
    return [user for user in reader.residents(tenant_id, subscription_id) if user not in leaving]


def progress_of(operations: Sequence[Operation]) -> Move:
    """When all of these moves are finished."""
    moments = [operation.ready_at for operation in operations if operation.ready_at is not None]
    return Move(finished=not operations, ready_at=max(moments, default=None))


def _still_there(reader: Reader, tenant_id: str, source: str, users: Sequence[str]) -> list[str]:
    residents = set(reader.residents(tenant_id, source))
    return [user for user in users if user in residents]
