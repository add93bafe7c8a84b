"""The tables of the engine. Those of the embedded provider are in `embedded_tables.py`.

No foreign keys lead into `run`: one on the journal costs a fifth of all throughput; `verify` looks for orphans.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Computed, Index, Integer, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from overstap.store.database import UtcDateTime

JsonDocument = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def moment(*, nullable: bool = False) -> Any:
    """A column that holds a moment in UTC."""
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=nullable))


def document() -> Any:
    """A column that holds JSON values."""
    return Field(default_factory=dict, sa_column=Column(JsonDocument, nullable=False))


def at_rest(name: str, kind: Any) -> Any:
    """A column that the database fills: another one of a run that nobody holds, NULL while a worker does.

    An index on it does not change while a worker carries the run on, which keeps those updates HOT on PostgreSQL.
    """
    return Field(default=None, sa_column=Column(kind, Computed(f"CASE WHEN claimed_by IS NULL THEN {name} END")))


def chained() -> Any:
    """A hash of a chain; what comes in without one breaks the chain, and `audit verify` names it."""
    return Field(default="", sa_column=Column(Text, nullable=False, server_default=""))


class RunRow(SQLModel, table=True):
    """One run: what its journal folds to, and below it what only scheduling needs (never part of the fold)."""

    __tablename__ = "run"
    __table_args__ = (
        Index("run_one_active_per_tenant", "tenant_id", unique=True,
              sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
        Index("run_due", "priority", "due_at",
              sqlite_where=text("due_at IS NOT NULL"), postgresql_where=text("due_at IS NOT NULL")),
        Index("run_of_tenant", "tenant_id", "id"),
        # With what search looks at besides the order, so that it needs no row to leave a run out.
        Index("run_at_rest",
              "rest_state", "rest_status", "target_plan", "workflow", "version", "id", "rest_deadline_at",
              sqlite_where=text("rest_state IS NOT NULL"), postgresql_where=text("rest_state IS NOT NULL")),
        Index("run_claimed", "id",
              sqlite_where=text("claimed_by IS NOT NULL"), postgresql_where=text("claimed_by IS NOT NULL")),
        Index("run_held", "id",
              sqlite_where=text("held IS NOT NULL"), postgresql_where=text("held IS NOT NULL")),
        Index("run_in_trouble", "id",
              sqlite_where=text("error IS NOT NULL"), postgresql_where=text("error IS NOT NULL")),
        {"postgresql_with": {"fillfactor": 50}},
    )  # fmt: skip

    id: str = Field(sa_type=Text, primary_key=True)
    workflow: str = Field(sa_type=Text)
    version: int
    digest: str = Field(sa_type=Text)
    tenant_id: str = Field(sa_type=Text)
    subscription_id: str = Field(sa_type=Text)
    target_plan: str = Field(sa_type=Text)
    input: dict[str, Any] = document()
    data: dict[str, Any] = document()
    state: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    cause: str | None = Field(default=None, sa_type=Text)
    visit: int
    step: int
    chunk: int
    attempt: int
    done: int
    total: int
    seq: int
    head: str = chained()
    error: str | None = Field(default=None, sa_type=Text)
    held: str | None = Field(default=None, sa_type=Text)
    wake_at: datetime | None = moment(nullable=True)
    deadline_at: datetime | None = moment(nullable=True)
    created_at: datetime = moment()
    updated_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)

    idempotency_key: str | None = Field(default=None, sa_type=Text, unique=True)
    due_at: datetime | None = moment(nullable=True)
    claimed_by: str | None = Field(default=None, sa_type=Text)
    claim_token: int = Field(default=0, sa_type=BigInteger)
    claim_until: datetime | None = moment(nullable=True)
    inbox: int = Field(default=0)
    priority: int = Field(default=2, sa_column=Column(SmallInteger, nullable=False, server_default="2"))

    rest_state: str | None = at_rest("state", Text)
    rest_status: str | None = at_rest("status", Text)
    rest_deadline_at: datetime | None = at_rest("deadline_at", UtcDateTime())


class JournalRow(SQLModel, table=True):
    """One journal entry; rows are only ever inserted."""

    __tablename__ = "journal"

    run_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(primary_key=True)
    at: datetime = moment()
    kind: str = Field(sa_type=Text)
    event: str | None = Field(default=None, sa_type=Text)
    from_state: str | None = Field(default=None, sa_type=Text)
    to_state: str | None = Field(default=None, sa_type=Text)
    step: str | None = Field(default=None, sa_type=Text)
    actor: str = Field(sa_type=Text)
    data: dict[str, Any] = document()
    hash: str = chained()


class SignalRow(SQLModel, table=True):
    """One signal in a run's inbox, until it is applied or discarded (`settled_at`)."""

    __tablename__ = "signal"
    __table_args__ = (
        Index("signal_pending", "run_id",
              sqlite_where=text("settled_at IS NULL"), postgresql_where=text("settled_at IS NULL")),
    )  # fmt: skip

    id: str = Field(sa_type=Text, primary_key=True)
    run_id: str = Field(sa_type=Text)
    event: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    at: datetime = moment()
    request: str | None = Field(default=None, sa_type=Text)
    settled_at: datetime | None = moment(nullable=True)


class EffectRow(SQLModel, table=True):
    """One call to an outside system: intended before it goes out, then confirmed, unknown or refused."""

    __tablename__ = "effect"
    __table_args__ = (Index("effect_of_run", "run_id"), {"postgresql_with": {"fillfactor": 80}})

    key: str = Field(sa_type=Text, primary_key=True)
    run_id: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    request: dict[str, Any] = document()
    response: dict[str, Any] | None = Field(default=None, sa_column=Column(JsonDocument, nullable=True))
    error: str | None = Field(default=None, sa_type=Text)
    at: datetime = moment()
    settled_at: datetime | None = moment(nullable=True)


class ActRow(SQLModel, table=True):
    """One thing an operator did that belongs to no single run; rows are only ever inserted (`acts_log.py`)."""

    __tablename__ = "act"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = moment()
    actor: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    reason: str = Field(sa_type=Text)
    data: dict[str, Any] = document()
    hash: str = Field(sa_type=Text)


class CheckpointRow(SQLModel, table=True):
    """Where all chains were at one time: the digest of each checkpoint covers the one before it, and its heads.

    Each has the heads of the runs that went on since the checkpoint before; `act_seq` and `act_hash` are the last act.
    """

    __tablename__ = "checkpoint"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    database_id: str = Field(sa_type=Text)
    at: datetime = moment()
    runs: int
    act_seq: int
    act_hash: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)


class CheckpointHeadRow(SQLModel, table=True):
    """How far a run was at a checkpoint: its newest journal entry and that one's hash."""

    __tablename__ = "checkpoint_head"
    __table_args__ = (Index("checkpoint_head_of_run", "run_id", "seq"),)

    checkpoint: int = Field(primary_key=True)
    run_id: str = Field(sa_type=Text, primary_key=True)
    seq: int
    hash: str = Field(sa_type=Text)


class ReplayPlanRow(SQLModel, table=True):
    """One plan of a replay; what it says never changes, and who approved and ran it is written once (`replays.py`)."""

    __tablename__ = "replay_plan"

    id: str = Field(sa_type=Text, primary_key=True)
    at: datetime = moment()
    actor: str = Field(sa_type=Text)
    valid_until: datetime = moment()
    options: dict[str, Any] = document()
    digest: str = Field(sa_type=Text)
    needs_approval: bool
    approved_at: datetime | None = moment(nullable=True)
    approved_by: str | None = Field(default=None, sa_type=Text)
    approved_why: str | None = Field(default=None, sa_type=Text)
    executed_at: datetime | None = moment(nullable=True)
    executed_by: str | None = Field(default=None, sa_type=Text)
    executed_why: str | None = Field(default=None, sa_type=Text)


class ReplayItemRow(SQLModel, table=True):
    """One run of a plan: the verdict on it, and once it was executed what was done with it."""

    __tablename__ = "replay_item"
    __table_args__ = (Index("replay_item_of_run", "run_id"),)

    plan_id: str = Field(sa_type=Text, primary_key=True)
    run_id: str = Field(sa_type=Text, primary_key=True)
    run_seq: int
    why: str | None = Field(default=None, sa_type=Text)
    detail: dict[str, Any] = document()
    skipped: str | None = Field(default=None, sa_type=Text)
    replayed_seq: int | None = None
    done_at: datetime | None = moment(nullable=True)


class TallyRow(SQLModel, table=True):
    """How many runs came to a bucket, less those that left it; the sum of its rows is how many there are."""

    __tablename__ = "tally"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    state: str = Field(sa_type=Text)
    status: str = Field(sa_type=Text)
    target_plan: str = Field(sa_type=Text)
    workflow: str = Field(sa_type=Text)
    version: int
    delta: int


class PauseRow(SQLModel, table=True):
    """What workers start no steps of, until it is resumed."""

    __tablename__ = "pause"

    scope: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    reason: str = Field(sa_type=Text)
    actor: str = Field(sa_type=Text)
    since: datetime = moment()
    lifted_at: datetime | None = moment(nullable=True)
