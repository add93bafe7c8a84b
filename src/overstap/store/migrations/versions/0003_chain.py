"""The hash chains: of each run's journal, of what operators did beside runs, and the checkpoints over all of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime
from overstap.store.tables import JsonDocument

revision = "0003"
down_revision = "0002"

_PAGE = 1000


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("data", JsonDocument, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("database_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("runs", sa.Integer(), nullable=False),
        sa.Column("act_seq", sa.Integer(), nullable=False),
        sa.Column("act_hash", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_table(
        "checkpoint_head",
        sa.Column("checkpoint", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("checkpoint", "run_id"),
    )
    op.create_index("checkpoint_head_of_run", "checkpoint_head", ["run_id", "seq"], unique=False)
    op.add_column("journal", sa.Column("hash", sa.Text(), nullable=False, server_default=""))
    op.add_column("run", sa.Column("head", sa.Text(), nullable=False, server_default=""))
    _seal_what_is_there(op.get_bind())


def downgrade() -> None:
    op.drop_column("run", "head")
    op.drop_column("journal", "hash")
    op.drop_index("checkpoint_head_of_run", table_name="checkpoint_head")
    op.drop_table("checkpoint_head")
    op.drop_table("checkpoint")
    op.drop_table("act")


# As `workflow/chain.py` was when this was written: what was sealed once must not change when that does.

_RUN = sa.table("run", sa.column("id", sa.Text), sa.column("head", sa.Text))
_JOURNAL = sa.table(
    "journal",
    sa.column("run_id", sa.Text),
    sa.column("seq", sa.Integer),
    sa.column("at", UtcDateTime),
    *(sa.column(name, sa.Text) for name in ("kind", "event", "from_state", "to_state", "step", "actor")),
    sa.column("data", JsonDocument),
    sa.column("hash", sa.Text),
)
_COVERED = [column for column in _JOURNAL.c if column.name != "hash"]
_SEAL = (
    sa.update(_JOURNAL)
    .where(_JOURNAL.c.run_id == sa.bindparam("b_run_id"), _JOURNAL.c.seq == sa.bindparam("b_seq"))
    .values(hash=sa.bindparam("b_hash"))
)
_SET_HEAD = sa.update(_RUN).where(_RUN.c.id == sa.bindparam("b_run_id")).values(head=sa.bindparam("b_hash"))


def _seal_what_is_there(connection: sa.Connection) -> None:
    page = sa.select(*_COVERED).order_by(_JOURNAL.c.run_id, _JOURNAL.c.seq).limit(_PAGE)
    run_id, seq, head = "", 0, ""
    while True:
        after = sa.tuple_(_JOURNAL.c.run_id, _JOURNAL.c.seq) > sa.tuple_(sa.literal(run_id), sa.literal(seq))
        rows = connection.execute(page.where(after)).mappings().all()
        if not rows:
            return
        seals: list[dict[str, Any]] = []
        heads: dict[str, str] = {}
        for row in rows:
            head = _link(head if row["run_id"] == run_id else "", row)
            run_id, seq = row["run_id"], row["seq"]
            seals.append({"b_run_id": run_id, "b_seq": seq, "b_hash": head})
            heads[run_id] = head
        connection.execute(_SEAL, seals)
        # A run that goes on on the next page is written once more then.
        connection.execute(_SET_HEAD, [{"b_run_id": run, "b_hash": newest} for run, newest in heads.items()])


def _link(previous: str, row: sa.RowMapping) -> str:
    record = {name: _plain(value) for name, value in row.items()}
    told = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256((previous + told).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, float) and value.is_integer():
        whole = int(Decimal(repr(value)))
        return whole if -(2**63) <= whole <= 2**64 - 1 else value
    return value
