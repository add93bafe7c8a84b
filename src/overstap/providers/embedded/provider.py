"""The embedded provider: a real system of record for tenants that no outside system keeps."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from overstap.clock import Clock
from overstap.domain.books import Operation
from overstap.domain.catalog import Catalog
from overstap.domain.ports import CreditDecision, Move
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Subscription, Tenant
from overstap.errors import NotFound, ProviderRefused
from overstap.providers.embedded.books import Books, Reader
from overstap.providers.embedded.call import Call
from overstap.providers.embedded.faults import Faults, Later, Sleep, later
from overstap.providers.embedded.importing import Permit, import_export
from overstap.providers.embedded.moves import progress_of, settle_moves, under_way_at, waiting_to_move
from overstap.providers.embedded.operations import OPERATIONS
from overstap.providers.graph_export import TenantExport
from overstap.settings import EmbeddedSettings


class Embedded:
    """Keeps subscriptions, licences, orders, billing and a credit bureau in own tables; see `domain.ports.Provider`.

    Args:
        books: where they are kept.
        catalog: tells which plan a SKU is.
        settings: how fast it is, and which faults it has.
        clock: tells when work is done that a fault makes late.
        sleep, later: machine time for faults; tests give their own.
    """

    def __init__(
        self,
        books: Books,
        catalog: Catalog,
        settings: EmbeddedSettings,
        clock: Clock,
        *,
        sleep: Sleep = time.sleep,
        later: Later = later,
    ) -> None:
        self._books = books
        self._catalog = catalog
        self._settings = settings
        self._faults = Faults(books, settings.faults, clock, sleep=sleep, later=later)

    # --- what changes something ---

    def execute(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        if operation not in OPERATIONS:
            raise ProviderRefused(f"There is no operation {operation!r}; operations are {', '.join(OPERATIONS)}.")
        if "tenant_id" not in request:
            raise ProviderRefused(f"Operation {operation} needs 'tenant_id' in its request.")
        values: dict[str, Any] = json.loads(json.dumps(request))

        def work(moment: datetime) -> Mapping[str, Any]:
            return self._do(operation, key, values, moment)

        return self._faults.answer(operation, values["tenant_id"], work, now, limit)

    def _do(self, operation: str, key: str, request: dict[str, Any], now: datetime) -> Mapping[str, Any]:
        with self._books.transaction() as ledger:
            account = ledger.lock(request["tenant_id"])
            if account is None:
                raise ProviderRefused(f"There is no tenant {request['tenant_id']}; import it first.")
            known = ledger.operation(key)
            if known is not None:
                if (known.operation, known.request) != (operation, request):
                    raise ProviderRefused(f"Key {key} was used for another {known.operation}; use a new key.")
                return known.response
            settle_moves(ledger, account.id, now)
            settings = self._settings.of(account.id)
            answer = OPERATIONS[operation](Call(ledger, account, operation, key, request, now, settings))
            done = Operation(
                key=key,
                tenant_id=account.id,
                operation=operation,
                request=request,
                response=answer.response,
                at=now,
                ready_at=answer.ready_at,
                finished_at=now if answer.finished else None,
            )
            ledger.add_operation(done)
            return answer.response

    def import_tenants(
        self, exports: Sequence[TenantExport], now: datetime, permit: Permit = lambda _: None
    ) -> list[Tenant]:
        """Take over tenants, all or none of them; those that are known are brought up to date.

        Args:
            permit: raises for the id of a tenant that may not change now; nothing changes then.

        Returns:
            Their facts afterwards, in the order given.

        Raises:
            Conflict: when a tenant has an order under way.
        """
        with self._books.transaction() as ledger:
            # Always in the order of their ids, or two imports wait for each other for ever.
            for export in sorted(exports, key=lambda export: export.id):
                import_export(ledger, export, now, permit)
            return [self._facts(ledger, export.id) for export in exports]

    # --- what is read ---

    def lookup(self, key: str, now: datetime) -> Mapping[str, Any] | None:
        with self._books.reading() as books:
            known = books.operation(key)
        return known.response if known is not None else None

    def tenants(self) -> list[Tenant]:
        """The facts of all tenants, by name."""
        with self._books.reading() as books:
            return [self._facts(books, account.id) for account in books.accounts()]

    def tenant(self, tenant_id: str) -> Tenant:
        with self._books.reading() as books:
            return self._facts(books, tenant_id)

    def holders(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        with self._books.reading() as books:
            return books.holders(tenant_id, subscription_id)

    def users_to_move(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        with self._books.reading() as books:
            return waiting_to_move(books, tenant_id, subscription_id)

    def moves_under_way(self, tenant_id: str, subscription_id: str, now: datetime) -> Move:
        self._settle(tenant_id, now)
        with self._books.reading() as books:
            return progress_of(under_way_at(books, tenant_id, subscription_id))

    def move(self, key: str, now: datetime) -> Move:
        known = self._operation(key)
        if known.finished_at is not None:
            return Move(finished=True, ready_at=None)
        if self._settle(known.tenant_id, now):
            return self.move(key, now)
        return Move(finished=False, ready_at=known.ready_at)

    def credit_decision(self, key: str, now: datetime) -> CreditDecision:
        known = self._operation(key)
        if known.ready_at is None or now < known.ready_at:
            return CreditDecision(approved=None, decided_at=known.ready_at)
        with self._books.reading() as books:
            account = books.account(known.tenant_id)
        granted = account.credit_limit if account is not None else 0
        return CreditDecision(approved=known.request["monthly_cents"] <= granted, decided_at=known.ready_at)

    def _operation(self, key: str) -> Operation:
        with self._books.reading() as books:
            known = books.operation(key)
        if known is None:
            raise NotFound(f"No operation was done under the key {key}.")
        return known

    def _settle(self, tenant_id: str, now: datetime) -> bool:
        """Finish the moves whose time has come; tells whether there were any."""
        with self._books.reading() as books:
            due = [move for move in books.under_way(tenant_id) if move.ready_at is not None and move.ready_at <= now]
        if due:
            with self._books.transaction() as ledger:
                ledger.lock(tenant_id)
                settle_moves(ledger, tenant_id, now)
        return bool(due)

    def _facts(self, books: Reader, tenant_id: str) -> Tenant:
        account = books.account(tenant_id)
        if account is None:
            raise NotFound(f"There is no tenant {tenant_id!r}; `overstap tenants list` shows those that there are.")
        assigned = books.assigned(tenant_id)
        subscriptions = []
        for held in books.purchases(tenant_id):
            if held.closed_at is not None:
                continue
            plan = self._catalog.plan_of_sku(held.sku_part_number, held.sku_id)
            subscription = Subscription(
                id=held.id,
                sku_id=held.sku_id,
                sku_part_number=held.sku_part_number,
                plan=plan.id if plan else None,
                seats=held.seats,
                assigned=assigned.get(held.id, 0),
                status=held.status,
                is_trial=held.is_trial,
                provisioned=held.provisioned,
                payment_method=PaymentMethod(held.payment_method),
                billing_frequency=BillingFrequency(held.billing_frequency),
                legacy=held.legacy,
            )
            subscriptions.append(subscription)
        return Tenant(
            id=account.id,
            name=account.name,
            locale=account.locale,
            users=books.users(tenant_id),
            subscriptions=tuple(subscriptions),
            domains=tuple(books.domains(tenant_id)),
            services=tuple(books.services(tenant_id)),
            admins=tuple(books.admins(tenant_id)),
            credit_limit=account.credit_limit,
        )
