"""The books of the embedded provider over the database: what can be read, and the transactions.

Statements are Core on the tables of `embedded_tables.py`; `ledger.py` holds those that write.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, exists, func, or_, select
from sqlalchemy.sql import ColumnElement

from overstap.domain.books import Account, Operation, Order, Purchase
from overstap.domain.tenant import Admin, AdminRole, Domain, ServiceHealth, User
from overstap.store import embedded_tables as tables


def _table(row: Any) -> Table:
    table: Table = row.__table__
    return table


TENANT = _table(tables.TenantRow)
USER = _table(tables.UserRow)
DOMAIN = _table(tables.DomainRow)
SERVICE = _table(tables.ServiceRow)
ADMIN = _table(tables.AdminRow)
PURCHASE = _table(tables.SubscriptionRow)
ASSIGNMENT = _table(tables.AssignmentRow)
RESIDENCE = _table(tables.ResidenceRow)
MOVE = _table(tables.MoveRow)
BILLING = _table(tables.BillingRow)
ORDER = _table(tables.OrderRow)
WITHDRAWAL = _table(tables.WithdrawalRow)
OPERATION = _table(tables.OperationRow)
FAULT = _table(tables.FaultRow)


def held(table: Table, tenant_id: str, subscription_id: str) -> ColumnElement[bool]:
    """The rows of one subscription of one tenant."""
    return and_(table.c.tenant_id == tenant_id, table.c.subscription_id == subscription_id)


HOLD_TENANT = f"SELECT id FROM {TENANT.name} WHERE id = %s FOR UPDATE"  # noqa: S608
"""What `hold_tenant` does, as a part of a statement on PostgreSQL."""


def hold_tenant(connection: Connection, tenant_id: str) -> None:
    """Hold a tenant, if there is one, against every other writer of what it has until the transaction ends."""
    # SQLite knows no FOR UPDATE and needs none: its write transactions come one after the other.
    connection.execute(select(TENANT.c.id).where(TENANT.c.id == tenant_id).with_for_update())


def _called(text: str) -> ColumnElement[bool]:
    """The tenants that have a text in their name, their id or one of their domains."""
    domain = exists().where(DOMAIN.c.tenant_id == TENANT.c.id, DOMAIN.c.name.icontains(text, autoescape=True))
    in_own = (column.icontains(text, autoescape=True) for column in (TENANT.c.name, TENANT.c.id))
    return or_(*in_own, domain)


class BooksReader:
    """The books of all tenants at one moment; see `providers.embedded.books.Reader`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _rows(self, query: Select[Any]) -> list[Row[Any]]:
        return list(self._connection.execute(query))

    def _row(self, query: Select[Any]) -> Row[Any] | None:
        return self._connection.execute(query).first()

    def _ids(self, query: Select[Any]) -> list[str]:
        return list(self._connection.execute(query).scalars())

    def accounts(self, text: str | None = None) -> list[Account]:
        query = select(TENANT).order_by(TENANT.c.name, TENANT.c.id)
        if text is not None:
            query = query.where(_called(text))
        return [_account(row) for row in self._rows(query)]

    def account(self, tenant_id: str) -> Account | None:
        row = self._row(select(TENANT).where(TENANT.c.id == tenant_id))
        return _account(row) if row else None

    def users(self, tenant_id: str) -> int:
        query = select(func.count()).select_from(USER).where(USER.c.tenant_id == tenant_id)
        return int(self._connection.execute(query).scalar_one())

    def people(self, tenant_id: str) -> list[User]:
        rows = self._rows(select(USER).where(USER.c.tenant_id == tenant_id).order_by(USER.c.upn, USER.c.id))
        return [User(id=row.id, upn=row.upn, display_name=row.display_name) for row in rows]

    def domains(self, tenant_id: str) -> list[Domain]:
        rows = self._rows(select(DOMAIN).where(DOMAIN.c.tenant_id == tenant_id).order_by(DOMAIN.c.name))
        return [Domain(name=row.name, custom=row.custom, default=row.is_default) for row in rows]

    def services(self, tenant_id: str) -> list[ServiceHealth]:
        rows = self._rows(select(SERVICE).where(SERVICE.c.tenant_id == tenant_id).order_by(SERVICE.c.service))
        return [ServiceHealth(service=row.service, status=row.status, healthy=row.healthy) for row in rows]

    def admins(self, tenant_id: str) -> list[Admin]:
        rows = self._rows(select(ADMIN).where(ADMIN.c.tenant_id == tenant_id).order_by(ADMIN.c.upn))
        return [Admin(upn=row.upn, role=AdminRole(row.role)) for row in rows]

    def purchases(self, tenant_id: str) -> list[Purchase]:
        query = select(PURCHASE).where(PURCHASE.c.tenant_id == tenant_id)
        return [_purchase(row) for row in self._rows(query.order_by(PURCHASE.c.created_at, PURCHASE.c.id))]

    def purchase(self, tenant_id: str, subscription_id: str) -> Purchase | None:
        row = self._row(select(PURCHASE).where(PURCHASE.c.tenant_id == tenant_id, PURCHASE.c.id == subscription_id))
        return _purchase(row) if row else None

    def assigned(self, tenant_id: str) -> dict[str, int]:
        query = (
            select(ASSIGNMENT.c.subscription_id, func.count().label("held"))
            .where(ASSIGNMENT.c.tenant_id == tenant_id, ASSIGNMENT.c.removed_at.is_(None))
            .group_by(ASSIGNMENT.c.subscription_id)
        )
        return {row.subscription_id: row.held for row in self._rows(query)}

    def holders(self, tenant_id: str, subscription_id: str) -> list[str]:
        open_ones = held(ASSIGNMENT, tenant_id, subscription_id) & ASSIGNMENT.c.removed_at.is_(None)
        return sorted(self._ids(select(ASSIGNMENT.c.user_id).where(open_ones)))

    def residents(self, tenant_id: str, subscription_id: str) -> list[str]:
        return sorted(self._ids(select(RESIDENCE.c.user_id).where(held(RESIDENCE, tenant_id, subscription_id))))

    def billed(self, tenant_id: str, subscription_id: str) -> bool:
        open_one = held(BILLING, tenant_id, subscription_id) & BILLING.c.ended_at.is_(None)
        return self._row(select(BILLING.c.id).where(open_one)) is not None

    def order(self, tenant_id: str, source: str, target: str) -> Order | None:
        return next((order for order in self.orders_of(tenant_id, target) if order.source == source), None)

    def orders_of(self, tenant_id: str, subscription_id: str) -> list[Order]:
        either = (ORDER.c.source_subscription_id == subscription_id) | (
            ORDER.c.target_subscription_id == subscription_id
        )
        query = select(ORDER).where(ORDER.c.tenant_id == tenant_id, either)
        return [_order(row) for row in self._rows(query.order_by(ORDER.c.placed_at, ORDER.c.id))]

    def order_of_reference(self, reference: str) -> Order | None:
        row = self._row(select(ORDER).where(ORDER.c.reference == reference))
        return _order(row) if row else None

    def order_under_way(self, tenant_id: str) -> Order | None:
        row = self._row(
            select(ORDER).where(
                ORDER.c.tenant_id == tenant_id, ORDER.c.completed_at.is_(None), ORDER.c.cancelled_at.is_(None)
            )
        )
        return _order(row) if row else None

    def is_withdrawn(self, reference: str) -> bool:
        return self._row(select(WITHDRAWAL.c.reference).where(WITHDRAWAL.c.reference == reference)) is not None

    def operation(self, key: str) -> Operation | None:
        row = self._row(select(OPERATION).where(OPERATION.c.key == key))
        return _operation(row) if row else None

    def operations(self, tenant_id: str, operation: str) -> list[Operation]:
        query = select(OPERATION).where(OPERATION.c.tenant_id == tenant_id, OPERATION.c.operation == operation)
        return [_operation(row) for row in self._rows(query.order_by(OPERATION.c.at, OPERATION.c.key))]

    def under_way(self, tenant_id: str) -> list[Operation]:
        query = select(OPERATION).where(OPERATION.c.tenant_id == tenant_id, OPERATION.c.finished_at.is_(None))
        return [_operation(row) for row in self._rows(query.order_by(OPERATION.c.at, OPERATION.c.key))]


def _account(row: Row[Any]) -> Account:
    return Account(id=row.id, name=row.name, locale=row.locale, credit_limit=row.credit_limit)


def _purchase(row: Row[Any]) -> Purchase:
    return Purchase(**{name: value for name, value in row._mapping.items() if name != "tenant_id"})  # noqa: SLF001


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        reference=row.reference,
        key=row.key,
        source=row.source_subscription_id,
        target=row.target_subscription_id,
        keep_old_billing=row.keep_old_billing,
        placed_at=row.placed_at,
        completed_at=row.completed_at,
        cancelled_at=row.cancelled_at,
    )


def _operation(row: Row[Any]) -> Operation:
    return Operation(**row._mapping)  # noqa: SLF001
