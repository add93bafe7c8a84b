"""Finding runs among a million: counters, the indexes that search walks, and the pace of workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_IN_TROUBLE = sa.text("error IS NOT NULL")
_BUCKET = "state, status, target_plan, workflow, version"


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("target_plan", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("delta", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.execute(
        f"INSERT INTO tally ({_BUCKET}, delta) SELECT {_BUCKET}, count(*) FROM run GROUP BY {_BUCKET}"  # noqa: S608
    )
    op.drop_index("run_in_state", table_name="run")
    op.create_index(
        "run_in_bucket",
        "run",
        ["state", "status", "target_plan", "workflow", "version", "id", "deadline_at"],
        unique=False,
    )
    op.create_index(
        "run_in_trouble", "run", ["id"], unique=False, sqlite_where=_IN_TROUBLE, postgresql_where=_IN_TROUBLE
    )
    op.add_column("worker", sa.Column("steps", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("worker", sa.Column("rate", sa.Float(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("worker", "rate")
    op.drop_column("worker", "steps")
    op.drop_index("run_in_trouble", table_name="run", sqlite_where=_IN_TROUBLE, postgresql_where=_IN_TROUBLE)
    op.drop_index("run_in_bucket", table_name="run")
    op.create_index("run_in_state", "run", ["state", "id"], unique=False)
    op.drop_table("tally")
