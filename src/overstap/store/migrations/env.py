"""Alembic's entry: migrates over the connection that `store.schema` hands in."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from overstap.store import (  # noqa: F401 - their tables register themselves
    api_tables,
    embedded_tables,
    fleet_tables,
    limit_tables,
    notice_tables,
    tables,
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
