"""What operators hold and pause."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime

revision = "0007"
down_revision = "0006"


_HELD = sa.text("held IS NOT NULL")


def upgrade() -> None:
    op.add_column("run", sa.Column("held", sa.Text, nullable=True))
    op.create_index("run_held", "run", ["id"], unique=False, sqlite_where=_HELD, postgresql_where=_HELD)
    op.create_table(
        "pause",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("lifted_at", UtcDateTime, nullable=True),
    )


def downgrade() -> None:
    op.drop_table("pause")
    op.drop_index("run_held", table_name="run", sqlite_where=_HELD, postgresql_where=_HELD)
    op.drop_column("run", "held")
