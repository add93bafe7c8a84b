"""A copy of a few runs, with everything there is about them, in another database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Table, insert, select
from sqlmodel import SQLModel

from overstap.store.database import Database

_PAGE = 200
_NOT_ALONG = frozenset({"replay_item", "api_token", "webhook", "delivery"})
"""Items are of other plans; and who may call, or is told of runs, has nothing to do with a copy."""


def copy_runs(source: Database, target: Database, run_ids: Collection[str], tenant_ids: Collection[str]) -> None:
    """Copy runs, with all that belongs to them, and what the books say of their tenants.

    Args:
        target: has the schema, and nothing of these runs yet.
    """
    with source.snapshot() as reading, target.write() as writing:
        for table in SQLModel.metadata.sorted_tables:
            for wanted in _pages(table, sorted(set(run_ids)), sorted(set(tenant_ids))):
                columns = [column for column in table.c if column.computed is None]
                rows = [dict(row._mapping) for row in reading.execute(select(*columns).where(wanted))]  # noqa: SLF001
                if rows:
                    writing.execute(insert(table), rows)


def copy_plan(source: Database, target: Database, plan_id: str) -> None:
    """Copy the plan of a replay, with its items."""
    with source.snapshot() as reading, target.write() as writing:
        for name, column in (("replay_plan", "id"), ("replay_item", "plan_id")):
            table = SQLModel.metadata.tables[name]
            rows = reading.execute(select(table).where(table.c[column] == plan_id)).all()
            writing.execute(insert(table), [dict(row._mapping) for row in rows])  # noqa: SLF001


def _pages(table: Table, run_ids: Sequence[str], tenant_ids: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    """What selects a table's rows about them, some ids at a time; nothing for a table that is about neither."""
    column: Any = None
    ids: Sequence[str] = tenant_ids
    if table.name == "run":
        column, ids = table.c.id, run_ids
    elif table.name == "embedded_tenant":
        column = table.c.id
    elif table.name in _NOT_ALONG:
        return
    elif "run_id" in table.c:
        column, ids = table.c.run_id, run_ids
    elif "tenant_id" in table.c:
        column = table.c.tenant_id
    if column is not None:
        yield from (column.in_(ids[first : first + _PAGE]) for first in range(0, len(ids), _PAGE))
