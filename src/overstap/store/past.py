"""How long earlier runs took: what a quote expects of the next one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from overstap.store.database import Database
from overstap.store.rows import JOURNAL, RUN

_LAST = 1000


class Past:
    """Measures ended runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def times(self, workflow: str, kind: str, *, since: str, end: str) -> list[timedelta]:
        """How long runs took from entering one state until they ended in another.

        Only the last thousand that ended so are looked at, however many there are.

        Args:
            kind: as their orders have it.
            since: the state in which the time begins.
            end: the final state.
        """
        ended = (
            select(RUN.c.id, RUN.c.workflow, RUN.c.input["kind"].as_string().label("kind"), RUN.c.ended_at)
            .where(RUN.c.state == end)
            .order_by(RUN.c.id.desc())
            .limit(_LAST)
            .subquery()
        )
        query = (
            select(ended.c.ended_at, JOURNAL.c.at)
            .join(JOURNAL, (JOURNAL.c.run_id == ended.c.id) & (JOURNAL.c.to_state == since))
            .where(ended.c.workflow == workflow, ended.c.kind == kind)
        )
        with self._database.read() as connection:
            return [row.ended_at - row.at for row in connection.execute(query)]
