"""Answers that were given to idempotency keys, to be given again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Table, delete, select, update

from overstap.clock import Clock
from overstap.store.api_tables import KeptAnswerRow
from overstap.store.database import Database, upserting

KEPT: Table = KeptAnswerRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a request was answered.

    Attributes:
        request: the SHA-256 of what was asked.
        status: None as long as it is being done.
    """

    request: str
    status: int | None
    headers: list[list[str]]
    body: bytes | None


class KeptAnswers:
    """The answers of one database, by whose key it is and by the key."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, scope: str, key: str, request: str, *, repeatable: bool) -> KeptAnswer | None:
        """What is known of a key; None says that the caller is the one to do it.

        Args:
            repeatable: whoever asks may do it, at once with others too: it does nothing twice.
        """
        if repeatable:
            with self._database.read() as connection:
                return _find(connection, scope, key)
        row = {"scope": scope, "key": key, "request": request, "at": self._clock.now(), "headers": []}
        with self._database.write() as connection:
            return None if _put(connection, row) else _find(connection, scope, key)

    def keep(self, scope: str, key: str, answer: KeptAnswer) -> KeptAnswer:
        """Keep the answer, unless another one is kept already; answers the one that is."""
        told = {"request": answer.request, "status": answer.status, "headers": answer.headers, "body": answer.body}
        row = {"scope": scope, "key": key, "at": self._clock.now(), **told}
        mine = (KEPT.c.scope == scope) & (KEPT.c.key == key)
        with self._database.write() as connection:
            if not connection.execute(update(KEPT).where(mine, KEPT.c.status.is_(None)).values(told)).rowcount:
                _put(connection, row)
            return _find(connection, scope, key) or answer

    def forget(self, scope: str, key: str) -> None:
        """Let a key be used again whose request came to nothing."""
        mine = (KEPT.c.scope == scope) & (KEPT.c.key == key) & KEPT.c.status.is_(None)
        with self._database.write() as connection:
            connection.execute(delete(KEPT).where(mine))

    def spend(self, scope: str, key: str, *, keep: timedelta) -> bool:
        """Use up what works once; answers whether this is the first time. Of two at once it is for one.

        Args:
            keep: how long it has to be known at the least, whatever `prune` forgets.
        """
        row = {"scope": scope, "key": key, "request": "", "at": self._clock.now() + keep, "headers": []}
        with self._database.write() as connection:
            return _put(connection, row)

    def is_spent(self, scope: str, key: str) -> bool:
        """Whether something was used up."""
        with self._database.read() as connection:
            return _find(connection, scope, key) is not None

    def prune(self, older_than: timedelta) -> int:
        """Forget what was kept for longer; answers how many."""
        with self._database.write() as connection:
            return connection.execute(delete(KEPT).where(KEPT.c.at < self._clock.now() - older_than)).rowcount


def _put(connection: Connection, row: dict[str, Any]) -> bool:
    """Write a row unless there is one with its key; answers whether there was none."""
    # Not by rowcount: SQLAlchemy keeps that of an INSERT on SQLite only.
    put = upserting(connection, KEPT).values(row).on_conflict_do_nothing().returning(KEPT.c.key)
    return connection.execute(put).first() is not None


def _find(connection: Connection, scope: str, key: str) -> KeptAnswer | None:
    query = select(KEPT.c.request, KEPT.c.status, KEPT.c.headers, KEPT.c.body)
    row = connection.execute(query.where(KEPT.c.scope == scope, KEPT.c.key == key)).first()
    return None if row is None else KeptAnswer(row.request, row.status, row.headers, row.body)
