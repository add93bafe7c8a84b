"""The tables of the embedded provider: a tenant's subscriptions, licences, orders and billing.

Every id of Microsoft Graph is only unique inside its tenant, so the tenant is part of most keys.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from overstap.store.tables import document, moment


def _only(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index over only the rows that a condition keeps."""
    return Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


class TenantRow(SQLModel, table=True):
    """One customer organisation; writers of anything it has lock this row first."""

    __tablename__ = "embedded_tenant"

    id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    locale: str = Field(sa_type=Text)
    credit_limit: int = Field(description="granted per month, in cents")
    imported_at: datetime = moment()


class UserRow(SQLModel, table=True):
    """One user account, licensed or not."""

    __tablename__ = "embedded_user"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    id: str = Field(sa_type=Text, primary_key=True)
    upn: str = Field(sa_type=Text)
    display_name: str = Field(sa_type=Text)


class DomainRow(SQLModel, table=True):
    """One internet domain of a tenant."""

    __tablename__ = "embedded_domain"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text, primary_key=True)
    custom: bool
    is_default: bool


class ServiceRow(SQLModel, table=True):
    """The health of one service of a tenant."""

    __tablename__ = "embedded_service"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    service: str = Field(sa_type=Text, primary_key=True)
    status: str = Field(sa_type=Text)
    healthy: bool


class AdminRow(SQLModel, table=True):
    """One person who may order for a tenant."""

    __tablename__ = "embedded_admin"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    upn: str = Field(sa_type=Text, primary_key=True)
    role: str = Field(sa_type=Text)


class SubscriptionRow(SQLModel, table=True):
    """One purchase of a plan; `replaces` names the subscription that an order made it for."""

    __tablename__ = "embedded_subscription"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    id: str = Field(sa_type=Text, primary_key=True)
    sku_id: str = Field(sa_type=Text)
    sku_part_number: str = Field(sa_type=Text)
    seats: int
    status: str = Field(sa_type=Text)
    is_trial: bool
    provisioned: bool
    payment_method: str = Field(sa_type=Text)
    billing_frequency: str = Field(sa_type=Text)
    legacy: bool
    created_at: datetime = moment()
    closed_at: datetime | None = moment(nullable=True)
    replaces: str | None = Field(default=None, sa_type=Text)


class AssignmentRow(SQLModel, table=True):
    """The time during which a user held a licence; `…_by` is an idempotency key, or `import`."""

    __tablename__ = "embedded_assignment"
    __table_args__ = (
        _only("embedded_assignment_one_open", "tenant_id", "subscription_id", "user_id",
              where="removed_at IS NULL", unique=True),
        Index("embedded_assignment_of_user", "tenant_id", "user_id"),
    )  # fmt: skip

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    user_id: str = Field(sa_type=Text)
    subscription_id: str = Field(sa_type=Text)
    assigned_at: datetime = moment()
    removed_at: datetime | None = moment(nullable=True)
    assigned_by: str = Field(sa_type=Text)
    removed_by: str | None = Field(default=None, sa_type=Text)


class ResidenceRow(SQLModel, table=True):
    """By which subscription a user's mailbox and files are served: what a move changes."""

    __tablename__ = "embedded_residence"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    subscription_id: str = Field(sa_type=Text, primary_key=True)
    user_id: str = Field(sa_type=Text, primary_key=True)


class MoveRow(SQLModel, table=True):
    """One user that one operation moved."""

    __tablename__ = "embedded_move"

    key: str = Field(sa_type=Text, primary_key=True)
    user_id: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    from_subscription_id: str = Field(sa_type=Text)
    to_subscription_id: str = Field(sa_type=Text)
    at: datetime = moment()


class BillingRow(SQLModel, table=True):
    """The time during which a subscription is billed; `…_by` is an idempotency key, or `import`."""

    __tablename__ = "embedded_billing"
    __table_args__ = (
        _only("embedded_billing_one_open", "tenant_id", "subscription_id", where="ended_at IS NULL", unique=True),
        Index("embedded_billing_of_subscription", "tenant_id", "subscription_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    subscription_id: str = Field(sa_type=Text)
    started_at: datetime = moment()
    ended_at: datetime | None = moment(nullable=True)
    started_by: str = Field(sa_type=Text)
    ended_by: str | None = Field(default=None, sa_type=Text)


class OrderRow(SQLModel, table=True):
    """One order of another plan, from its placing until its source is closed or its target cancelled."""

    __tablename__ = "embedded_order"
    __table_args__ = (
        _only("embedded_order_one_under_way", "tenant_id",
              where="completed_at IS NULL AND cancelled_at IS NULL", unique=True),
        Index("embedded_order_of_source", "tenant_id", "source_subscription_id"),
        Index("embedded_order_of_target", "tenant_id", "target_subscription_id"),
    )  # fmt: skip

    id: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text, unique=True)
    key: str = Field(sa_type=Text)
    source_subscription_id: str = Field(sa_type=Text)
    target_subscription_id: str = Field(sa_type=Text)
    keep_old_billing: bool
    placed_at: datetime = moment()
    completed_at: datetime | None = moment(nullable=True)
    cancelled_at: datetime | None = moment(nullable=True)


class WithdrawalRow(SQLModel, table=True):
    """A reference whose order was called off, placed or not: nothing that still arrives for it goes forward."""

    __tablename__ = "embedded_withdrawal"

    reference: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    at: datetime = moment()


class OperationRow(SQLModel, table=True):
    """One operation that was done, under its idempotency key, with the answer it got.

    `ready_at` is when its work finishes by itself, and `finished_at` when that was settled.
    """

    __tablename__ = "embedded_operation"
    __table_args__ = (
        Index("embedded_operation_of_tenant", "tenant_id", "operation"),
        _only("embedded_operation_under_way", "tenant_id", where="finished_at IS NULL"),
    )

    key: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    request: dict[str, Any] = document()
    response: dict[str, Any] = document()
    at: datetime = moment()
    ready_at: datetime | None = moment(nullable=True)
    finished_at: datetime | None = moment(nullable=True)


class FaultRow(SQLModel, table=True):
    """How many calls of one operation came in while faults were set for it, and when the first was hit."""

    __tablename__ = "embedded_fault"

    tenant_id: str = Field(sa_type=Text, primary_key=True)
    operation: str = Field(sa_type=Text, primary_key=True)
    hits: int
    first_at: datetime | None = moment(nullable=True)
