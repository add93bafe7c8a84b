"""How long earlier runs took: what a quote expects of the next one."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from overstap.store.database import Database
from overstap.store.rows import JOURNAL, RUN
from overstap.workflow.run import Kind

_LAST = 1000


class Past:
    """Measures ended runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def times(self, workflow: str, kind: str, *, entered: str, left: str) -> list[timedelta]:
        """How long completed runs took from entering one state until they left another one forward.

        Only the last thousand that completed are looked at, however many there are.

        Args:
            kind: as their orders have it.
            entered: the state in which the time begins.
            left: the state with which it ends.
        """
        ended = (
            select(RUN.c.id, RUN.c.workflow, RUN.c.input["kind"].as_string().label("kind"))
            .where(RUN.c.state == "completed")
            .order_by(RUN.c.id.desc())
            .limit(_LAST)
            .subquery()
        )
        first, last = JOURNAL.alias(), JOURNAL.alias()
        # A state's other name in a newer version of the workflow is not another stay.
        came, left_it = (one.c.kind.in_((Kind.SUBMITTED, Kind.TRANSITION)) for one in (first, last))
        query = (
            select(first.c.at.label("began"), last.c.at.label("ended"))
            .select_from(ended)
            .join(first, (first.c.run_id == ended.c.id) & (first.c.to_state == entered) & came)
            .join(last, (last.c.run_id == ended.c.id) & (last.c.from_state == left) & left_it)
            .where(ended.c.workflow == workflow, ended.c.kind == kind)
        )
        with self._database.read() as connection:
            return [row.ended - row.began for row in connection.execute(query)]
