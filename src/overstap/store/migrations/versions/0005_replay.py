"""Plans of replays, and what became of each of their runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime
from overstap.store.tables import JsonDocument

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "replay_plan",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("valid_until", UtcDateTime(), nullable=False),
        sa.Column("options", JsonDocument, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("needs_approval", sa.Boolean(), nullable=False),
        sa.Column("approved_at", UtcDateTime(), nullable=True),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_why", sa.Text(), nullable=True),
        sa.Column("executed_at", UtcDateTime(), nullable=True),
        sa.Column("executed_by", sa.Text(), nullable=True),
        sa.Column("executed_why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "replay_item",
        sa.Column("plan_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("run_seq", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("detail", JsonDocument, nullable=False),
        sa.Column("skipped", sa.Text(), nullable=True),
        sa.Column("replayed_seq", sa.Integer(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("plan_id", "run_id"),
    )
    op.create_index("replay_item_of_run", "replay_item", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_table("replay_item")
    op.drop_table("replay_plan")
