"""A run that a worker carries on is left out of the index that search uses, so that carrying it on touches no index."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime

revision = "0008"
down_revision = "0007"

_AT_REST, _CLAIMED = sa.text("rest_state IS NOT NULL"), sa.text("claimed_by IS NOT NULL")
_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "state": sa.Text(),
    "status": sa.Text(),
    "deadline_at": UtcDateTime(),
}


def upgrade() -> None:
    stored = op.get_bind().dialect.name == "postgresql"
    op.drop_index("run_in_bucket", table_name="run")
    for name, kind in _COLUMNS.items():
        told = sa.Computed(f"CASE WHEN claimed_by IS NULL THEN {name} END", persisted=stored)
        op.add_column("run", sa.Column(f"rest_{name}", kind, told))
    op.create_index(
        "run_at_rest",
        "run",
        ["rest_state", "rest_status", "target_plan", "workflow", "version", "id", "rest_deadline_at"],
        unique=False,
        sqlite_where=_AT_REST,
        postgresql_where=_AT_REST,
    )
    op.create_index("run_claimed", "run", ["id"], unique=False, sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)
    if stored:
        op.execute("ALTER TABLE run SET (fillfactor = 50)")
        op.execute("ALTER TABLE effect SET (fillfactor = 80)")


def downgrade() -> None:
    op.drop_index("run_claimed", table_name="run", sqlite_where=_CLAIMED, postgresql_where=_CLAIMED)
    op.drop_index("run_at_rest", table_name="run", sqlite_where=_AT_REST, postgresql_where=_AT_REST)
    for name in _COLUMNS:
        op.drop_column("run", f"rest_{name}")
    op.create_index(
        "run_in_bucket",
        "run",
        ["state", "status", "target_plan", "workflow", "version", "id", "deadline_at"],
        unique=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE run SET (fillfactor = 70)")
        op.execute("ALTER TABLE effect RESET (fillfactor)")
