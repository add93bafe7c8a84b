"""The books of the embedded provider over the database: what can be written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select, update

from overstap.domain.books import Account, Operation, Order, Purchase
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import Admin, Domain, ServiceHealth
from overstap.store.books import (
    ADMIN,
    ASSIGNMENT,
    BILLING,
    DOMAIN,
    FAULT,
    MOVE,
    OPERATION,
    ORDER,
    PURCHASE,
    RESIDENCE,
    SERVICE,
    TENANT,
    USER,
    WITHDRAWAL,
    BooksReader,
    held,
    hold_tenant,
)
from overstap.store.database import Database, upserting
from overstap.store.rows import ACTIVE_COLUMNS, RUN, to_active


class DatabaseLedger(BooksReader):
    """The books inside one transaction that may write; see `providers.embedded.books.Ledger`."""

    def _insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._connection.execute(insert(table), list(rows))

    def _upsert(self, table: Table, values: Mapping[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        statement = upserting(self._connection, table).values(**values)
        changed = {name: statement.excluded[name] for name in values if name not in keys}
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))

    def lock(self, tenant_id: str) -> Account | None:
        hold_tenant(self._connection, tenant_id)
        return self.account(tenant_id)

    def active_runs(self, tenant_ids: Collection[str]) -> dict[str, ActiveRun]:
        # A plain read may show a state that a worker is just about to leave: its commit would slip in between this look
        # and ours, and we would change what its new state locks. Held for share, the runs stay where we saw them until
        # we are done, since workers lock what they commit. In the workers' order, or two wait for each other for ever.
        query = select(*ACTIVE_COLUMNS).where(RUN.c.tenant_id.in_(tenant_ids), RUN.c.ended_at.is_(None))
        rows = self._connection.execute(query.order_by(RUN.c.id).with_for_update(read=True))
        return {row.tenant_id: to_active(row) for row in rows}

    def put_account(self, account: Account, at: datetime) -> None:
        self._upsert(TENANT, {**asdict(account), "imported_at": at})

    def put_people(
        self,
        tenant_id: str,
        users: Sequence[Mapping[str, str]],
        domains: Sequence[Domain],
        services: Sequence[ServiceHealth],
        admins: Sequence[Admin],
    ) -> None:
        for table in (USER, DOMAIN, SERVICE, ADMIN):
            self._connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
        tenant = {"tenant_id": tenant_id}
        self._insert(USER, [{**tenant, **user} for user in users])
        self._insert(DOMAIN, [_domain(tenant_id, domain) for domain in domains])
        self._insert(SERVICE, [{**tenant, **asdict(service)} for service in services])
        self._insert(ADMIN, [{**tenant, "upn": admin.upn, "role": admin.role.value} for admin in admins])

    def put_domain(self, tenant_id: str, domain: Domain) -> None:
        self._upsert(DOMAIN, _domain(tenant_id, domain))

    def drop_domains(self, tenant_id: str, names: Sequence[str]) -> None:
        self._connection.execute(delete(DOMAIN).where(DOMAIN.c.tenant_id == tenant_id, DOMAIN.c.name.in_(names)))

    def put_purchase(self, tenant_id: str, purchase: Purchase) -> None:
        self._upsert(PURCHASE, {**asdict(purchase), "tenant_id": tenant_id})

    def close_purchase(self, tenant_id: str, subscription_id: str, at: datetime) -> None:
        self._connection.execute(
            update(PURCHASE)
            .where(PURCHASE.c.tenant_id == tenant_id, PURCHASE.c.id == subscription_id, PURCHASE.c.closed_at.is_(None))
            .values(closed_at=at)
        )

    def assign(self, tenant_id: str, subscription_id: str, users: Sequence[str], key: str, at: datetime) -> None:
        place = {"tenant_id": tenant_id, "subscription_id": subscription_id, "assigned_at": at, "assigned_by": key}
        self._insert(ASSIGNMENT, [{**place, "user_id": user} for user in users])

    def unassign(self, tenant_id: str, subscription_id: str, users: Sequence[str], key: str, at: datetime) -> None:
        self._connection.execute(
            update(ASSIGNMENT)
            .where(
                held(ASSIGNMENT, tenant_id, subscription_id),
                ASSIGNMENT.c.removed_at.is_(None),
                ASSIGNMENT.c.user_id.in_(users),
            )
            .values(removed_at=at, removed_by=key)
        )

    def settle_in(self, tenant_id: str, subscription_id: str, users: Sequence[str]) -> None:
        place = {"tenant_id": tenant_id, "subscription_id": subscription_id}
        self._insert(RESIDENCE, [{**place, "user_id": user} for user in users])

    def settle_out(self, tenant_id: str, subscription_id: str, users: Sequence[str]) -> None:
        self._connection.execute(
            delete(RESIDENCE).where(held(RESIDENCE, tenant_id, subscription_id), RESIDENCE.c.user_id.in_(users))
        )

    def relocate(
        self, tenant_id: str, source: str, target: str, users: Sequence[str], *, key: str, at: datetime
    ) -> None:
        self.settle_out(tenant_id, source, users)
        self.settle_in(tenant_id, target, users)
        step = {"from_subscription_id": source, "to_subscription_id": target}
        self._insert(MOVE, [{"key": key, "tenant_id": tenant_id, "user_id": user, "at": at, **step} for user in users])

    def open_billing(self, tenant_id: str, subscription_id: str, key: str, at: datetime) -> None:
        place = {"tenant_id": tenant_id, "subscription_id": subscription_id}
        self._insert(BILLING, [{**place, "started_at": at, "started_by": key}])

    def end_billing(self, tenant_id: str, subscription_id: str, key: str, at: datetime) -> None:
        self._connection.execute(
            update(BILLING)
            .where(held(BILLING, tenant_id, subscription_id), BILLING.c.ended_at.is_(None))
            .values(ended_at=at, ended_by=key)
        )

    def add_order(self, tenant_id: str, order: Order) -> None:
        values = asdict(order)
        values["source_subscription_id"] = values.pop("source")
        values["target_subscription_id"] = values.pop("target")
        self._insert(ORDER, [{**values, "tenant_id": tenant_id}])

    def complete_order(self, order_id: str, at: datetime) -> None:
        self._connection.execute(update(ORDER).where(ORDER.c.id == order_id).values(completed_at=at))

    def cancel_order(self, order_id: str, at: datetime) -> None:
        self._connection.execute(update(ORDER).where(ORDER.c.id == order_id).values(cancelled_at=at))

    def withdraw(self, tenant_id: str, reference: str, at: datetime) -> None:
        if not self.is_withdrawn(reference):
            self._insert(WITHDRAWAL, [{"reference": reference, "tenant_id": tenant_id, "at": at}])

    def add_operation(self, operation: Operation) -> None:
        fields = Operation.__dataclass_fields__
        self._insert(OPERATION, [{name: getattr(operation, name) for name in fields}])

    def finish_operation(self, key: str, at: datetime) -> None:
        self._connection.execute(update(OPERATION).where(OPERATION.c.key == key).values(finished_at=at))

    def count_call(self, tenant_id: str, operation: str) -> tuple[int, datetime | None]:
        one = (FAULT.c.tenant_id == tenant_id) & (FAULT.c.operation == operation)
        first = upserting(self._connection, FAULT).values(tenant_id=tenant_id, operation=operation, hits=1)
        self._connection.execute(
            first.on_conflict_do_update(index_elements=["tenant_id", "operation"], set_={"hits": FAULT.c.hits + 1})
        )
        row = self._connection.execute(select(FAULT).where(one)).one()
        return row.hits - 1, row.first_at

    def note_hit(self, tenant_id: str, operation: str, at: datetime) -> None:
        self._connection.execute(
            update(FAULT)
            .where(FAULT.c.tenant_id == tenant_id, FAULT.c.operation == operation, FAULT.c.first_at.is_(None))
            .values(first_at=at)
        )


def _domain(tenant_id: str, domain: Domain) -> dict[str, Any]:
    return {"tenant_id": tenant_id, "name": domain.name, "custom": domain.custom, "is_default": domain.default}


class DatabaseBooks:
    """Keeps the books of the embedded provider in the database; see `providers.embedded.books.Books`.

    Args:
        database: with the tables of `embedded_tables.py`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[BooksReader]:
        with self._database.snapshot() as connection:
            yield BooksReader(connection)

    @contextmanager
    def transaction(self) -> Iterator[DatabaseLedger]:
        with self._database.write() as connection:
            yield DatabaseLedger(connection)
