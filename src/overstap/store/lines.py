"""Looking at who waits for a limit."""

from __future__ import annotations

from sqlalchemy import select

from overstap.store.database import Database
from overstap.store.permits import STILL_WAITS, WAITING
from overstap.store.rows import RUN
from overstap.workflow.limits import Cause, Waits
from overstap.workflow.priority import Priority


class Lines:
    """Looks at the lines for providers, whatever limits this process has."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> Waits | None:
        """What a run waits for, None for no limit."""
        query = select(WAITING, RUN.c.due_at, RUN.c.priority).where(
            WAITING.c.run_id == run_id, STILL_WAITS, RUN.c.claimed_by.is_(None)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        since = row.turn + Priority.of(row.priority).head_start
        return Waits(row.provider, Cause(row.cause), since, row.due_at or since)

    def anyone(self) -> bool:
        """Whether any run waits for a limit."""
        with self._database.read() as connection:
            return connection.execute(select(WAITING.c.run_id).limit(1)).first() is not None
