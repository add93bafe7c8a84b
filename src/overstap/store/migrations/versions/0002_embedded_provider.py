"""The embedded provider: tenants, subscriptions, licences, orders and billing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from overstap.store.database import UtcDateTime
from overstap.store.tables import JsonDocument

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
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


def downgrade() -> None:
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
