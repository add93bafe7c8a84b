"""Priorities of runs, and limits on what is asked of providers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime

revision = "0009"
down_revision = "0008"

_DUE = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("run", sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="2"))
    op.drop_index("run_due", table_name="run", sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("run_due", "run", ["priority", "due_at"], unique=False, sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_table(
        "throttle",
        sa.Column("provider", sa.Text(), primary_key=True),
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("arrival", UtcDateTime(), nullable=True),
    )
    op.create_table(
        "permit",
        sa.Column("run_id", sa.Text(), primary_key=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("claim_token", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
    )
    op.create_index("permit_of_provider", "permit", ["provider"], unique=False)
    op.create_table(
        "waiting",
        sa.Column("run_id", sa.Text(), primary_key=True),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("turn", UtcDateTime(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
    )
    op.create_index("waiting_for_provider", "waiting", ["provider", "cause", "turn", "run_id"], unique=False)


def downgrade() -> None:
    op.drop_table("waiting")
    op.drop_table("permit")
    op.drop_table("throttle")
    op.drop_index("run_due", table_name="run", sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("run_due", "run", ["due_at"], unique=False, sqlite_where=_DUE, postgresql_where=_DUE)
    op.drop_column("run", "priority")
