"""What operators are told: notices, the messages that tell of them, and their topics."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime

revision = "0006"
down_revision = "0005"

_WAITING = sa.text("message_id IS NULL AND closed_at IS NULL")
_UNSENT = sa.text("sent_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "notice",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "seq"),
    )
    op.create_index(
        "notice_waiting", "notice", ["topic"], unique=False, sqlite_where=_WAITING, postgresql_where=_WAITING
    )
    op.create_index("notice_of_message", "notice", ["message_id"], unique=False)
    op.create_table(
        "notice_message",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("first_sent_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", UtcDateTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.BigInteger(), nullable=False),
        sa.Column("claim_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "notice_message_unsent", "notice_message", ["id"], unique=False, sqlite_where=_UNSENT, postgresql_where=_UNSENT
    )
    op.create_table(
        "notice_topic",
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=True),
        sa.Column("listened_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("topic"),
    )


def downgrade() -> None:
    op.drop_table("notice_topic")
    op.drop_index("notice_message_unsent", table_name="notice_message", sqlite_where=_UNSENT, postgresql_where=_UNSENT)
    op.drop_table("notice_message")
    op.drop_index("notice_of_message", table_name="notice")
    op.drop_index("notice_waiting", table_name="notice", sqlite_where=_WAITING, postgresql_where=_WAITING)
    op.drop_table("notice")
