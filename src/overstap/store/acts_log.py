"""The log of what operators did that belongs to no single run; its acts are one hash chain (ADR 13)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select, text

from overstap.logs import request_id
from overstap.store.tables import ActRow
from overstap.workflow.chain import BEGINNING, link

ACT: Table = ActRow.__table__  # type: ignore[attr-defined]

_LOCK = 7_046_722_020  # any number, as long as it is always the same one and no other lock's


def record_act(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    kind: str,
    subject: str,
    reason: str,
    data: Mapping[str, Any],
) -> int:
    """Write an act within a write transaction: it is kept when, and only when, what it tells is done.

    Call it after the rows of tenants and runs are locked: who records an act keeps all others that do waiting until the
    end of the transaction, so this lock comes last everywhere.

    Args:
        actor: who did it, such as `operator:…`.
        kind: what was done, such as `paused`.
        subject: what it was done to.
        reason: why, in the actor's words.
        data: JSON values; what else must be known of it.

    Returns:
        Its number: 1 for the first act of a database, then without gaps.
    """
    request = request_id()
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    # A statement of its own, after the lock: it must see what the one before us has committed.
    last = connection.execute(select(ACT.c.seq, ACT.c.hash).order_by(ACT.c.seq.desc()).limit(1)).first()
    seq, previous = (1, BEGINNING) if last is None else (last.seq + 1, last.hash)
    record = {
        "seq": seq,
        "at": at,
        "actor": actor,
        "kind": kind,
        "subject": subject,
        "reason": reason,
        "data": dict(data) if request is None else {**data, "request": request},
    }
    connection.execute(insert(ACT), {**record, "hash": link(previous, record)})
    return seq
