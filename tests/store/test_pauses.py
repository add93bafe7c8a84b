"""Pauses: what it costs to lift one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import event, insert, select, text
from tests.store.conftest import NOON

from overstap.store.database import Database
from overstap.store.pauses import PauseBook
from overstap.store.rows import RUN
from overstap.workflow.pauses import Pause, Scope
from overstap.workflow.run import Run

ENDED, PARKED = 3000, 1100
BY = {"reason": "the bank is open", "actor": "operator:ann"}


def test_lifting_a_pause_wakes_all_that_it_parked_and_reads_nothing_that_has_ended(
    database: Database, submitted: Callable[..., Run]
) -> None:
    with_copies(database, submitted(1).id)
    book, asked = PauseBook(database), []
    book.add(Pause(Scope.EVERYTHING, "", since=NOON, **BY))

    def hear(_connection: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "FROM run" in statement:
            asked.append((statement, given))

    event.listen(database.engine, "before_cursor_execute", hear)
    made = book.remove(Scope.EVERYTHING, "", now=NOON, **BY)
    event.remove(database.engine, "before_cursor_execute", hear)

    assert PARKED == made
    assert not book.may_park()
    with database.read() as connection:
        still = select(RUN.c.id).where(RUN.c.ended_at.is_(None), RUN.c.due_at != NOON)
        assert [] == connection.execute(still).all()
        explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
        plan = connection.exec_driver_sql(f"{explain} {asked[0][0]}", asked[0][1]).all()
    assert "run_one_active_per_tenant" in str(plan)


def with_copies(database: Database, original: str) -> None:
    """Add runs that ended, and many that a pause parked, each of a tenant of its own."""
    with database.write() as connection:
        row = connection.execute(select(RUN).where(RUN.c.id == original)).one()._mapping
        ended = {**row, "ended_at": NOON, "due_at": None, "deadline_at": None}
        parked = {**row, "wake_at": NOON, "deadline_at": None, "due_at": NOON + timedelta(days=1)}
        copies = [{**ended, "id": f"e{number:04}", "tenant_id": "t1"} for number in range(ENDED)]
        copies += [{**parked, "id": f"p{number:04}", "tenant_id": f"p{number:04}"} for number in range(PARKED)]
        connection.execute(insert(RUN), copies)
        connection.execute(text("ANALYZE"))
