"""The first schema: runs and their journal, signals, effects, workers, and the embedded provider's books."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime
from overstap.store.tables import JsonDocument

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("speed", sa.Float(), nullable=False),
        sa.Column("machine_anchor", UtcDateTime(), nullable=False),
        sa.Column("clock_anchor", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "effect",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("request", JsonDocument, nullable=False),
        sa.Column("response", JsonDocument, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("effect_of_run", "effect", ["run_id"], unique=False)
    op.create_table(
        "embedded_admin",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("upn", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "upn"),
    )
    op.create_table(
        "embedded_assignment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("assigned_at", UtcDateTime(), nullable=False),
        sa.Column("removed_at", UtcDateTime(), nullable=True),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("removed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("embedded_assignment_of_user", "embedded_assignment", ["tenant_id", "user_id"], unique=False)
    op.create_index(
        "embedded_assignment_one_open",
        "embedded_assignment",
        ["tenant_id", "subscription_id", "user_id"],
        unique=True,
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "embedded_billing",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "embedded_billing_of_subscription", "embedded_billing", ["tenant_id", "subscription_id"], unique=False
    )
    op.create_index(
        "embedded_billing_one_open",
        "embedded_billing",
        ["tenant_id", "subscription_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "embedded_domain",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("custom", sa.Boolean(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "name"),
    )
    op.create_table(
        "embedded_fault",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "operation"),
    )
    op.create_table(
        "embedded_move",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("from_subscription_id", sa.Text(), nullable=False),
        sa.Column("to_subscription_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", "user_id"),
    )
    op.create_table(
        "embedded_operation",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("request", JsonDocument, nullable=False),
        sa.Column("response", JsonDocument, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ready_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("embedded_operation_of_tenant", "embedded_operation", ["tenant_id", "operation"], unique=False)
    op.create_index(
        "embedded_operation_under_way",
        "embedded_operation",
        ["tenant_id"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.create_table(
        "embedded_order",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("source_subscription_id", sa.Text(), nullable=False),
        sa.Column("target_subscription_id", sa.Text(), nullable=False),
        sa.Column("keep_old_billing", sa.Boolean(), nullable=False),
        sa.Column("placed_at", UtcDateTime(), nullable=False),
        sa.Column("completed_at", UtcDateTime(), nullable=True),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("embedded_order_of_source", "embedded_order", ["tenant_id", "source_subscription_id"], unique=False)
    op.create_index("embedded_order_of_target", "embedded_order", ["tenant_id", "target_subscription_id"], unique=False)
    op.create_index(
        "embedded_order_one_under_way",
        "embedded_order",
        ["tenant_id"],
        unique=True,
        sqlite_where=sa.text("completed_at IS NULL AND cancelled_at IS NULL"),
        postgresql_where=sa.text("completed_at IS NULL AND cancelled_at IS NULL"),
    )
    op.create_table(
        "embedded_residence",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "subscription_id", "user_id"),
    )
    op.create_table(
        "embedded_service",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("healthy", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "service"),
    )
    op.create_table(
        "embedded_subscription",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sku_id", sa.Text(), nullable=False),
        sa.Column("sku_part_number", sa.Text(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_trial", sa.Boolean(), nullable=False),
        sa.Column("provisioned", sa.Boolean(), nullable=False),
        sa.Column("payment_method", sa.Text(), nullable=False),
        sa.Column("billing_frequency", sa.Text(), nullable=False),
        sa.Column("legacy", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_table(
        "embedded_tenant",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("credit_limit", sa.Integer(), nullable=False),
        sa.Column("imported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "embedded_user",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("upn", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id"),
    )
    op.create_table(
        "embedded_withdrawal",
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_table(
        "journal",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=True),
        sa.Column("step", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("data", JsonDocument, nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workflow", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("target_plan", sa.Text(), nullable=False),
        sa.Column("input", JsonDocument, nullable=False),
        sa.Column("data", JsonDocument, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("chunk", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("wake_at", UtcDateTime(), nullable=True),
        sa.Column("deadline_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("idempotency_key", sa.Text(), nullable=True),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("claimed_by", sa.Text(), nullable=True),
        sa.Column("claim_token", sa.BigInteger(), nullable=False),
        sa.Column("claim_until", UtcDateTime(), nullable=True),
        sa.Column("inbox", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("idempotency_key"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "run_due",
        "run",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("run_in_state", "run", ["state", "id"], unique=False)
    op.create_index("run_of_tenant", "run", ["tenant_id", "id"], unique=False)
    op.create_index(
        "run_one_active_per_tenant",
        "run",
        ["tenant_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "signal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "signal_pending",
        "signal",
        ["run_id"],
        unique=False,
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "worker",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("heartbeat_at", UtcDateTime(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "workflow",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("first_used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version"),
    )


def downgrade() -> None:
    op.drop_table("workflow")
    op.drop_table("worker")
    op.drop_index(
        "signal_pending",
        table_name="signal",
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.drop_table("signal")
    op.drop_index(
        "run_one_active_per_tenant",
        table_name="run",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("run_of_tenant", table_name="run")
    op.drop_index("run_in_state", table_name="run")
    op.drop_index(
        "run_due",
        table_name="run",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("run")
    op.drop_table("journal")
    op.drop_table("embedded_withdrawal")
    op.drop_table("embedded_user")
    op.drop_table("embedded_tenant")
    op.drop_table("embedded_subscription")
    op.drop_table("embedded_service")
    op.drop_table("embedded_residence")
    op.drop_index(
        "embedded_order_one_under_way",
        table_name="embedded_order",
        sqlite_where=sa.text("completed_at IS NULL AND cancelled_at IS NULL"),
        postgresql_where=sa.text("completed_at IS NULL AND cancelled_at IS NULL"),
    )
    op.drop_index("embedded_order_of_target", table_name="embedded_order")
    op.drop_index("embedded_order_of_source", table_name="embedded_order")
    op.drop_table("embedded_order")
    op.drop_index(
        "embedded_operation_under_way",
        table_name="embedded_operation",
        sqlite_where=sa.text("finished_at IS NULL"),
        postgresql_where=sa.text("finished_at IS NULL"),
    )
    op.drop_index("embedded_operation_of_tenant", table_name="embedded_operation")
    op.drop_table("embedded_operation")
    op.drop_table("embedded_move")
    op.drop_table("embedded_fault")
    op.drop_table("embedded_domain")
    op.drop_index(
        "embedded_billing_one_open",
        table_name="embedded_billing",
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("embedded_billing_of_subscription", table_name="embedded_billing")
    op.drop_table("embedded_billing")
    op.drop_index(
        "embedded_assignment_one_open",
        table_name="embedded_assignment",
        sqlite_where=sa.text("removed_at IS NULL"),
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.drop_index("embedded_assignment_of_user", table_name="embedded_assignment")
    op.drop_table("embedded_assignment")
    op.drop_table("embedded_admin")
    op.drop_index("effect_of_run", table_name="effect")
    op.drop_table("effect")
    op.drop_table("clock")
