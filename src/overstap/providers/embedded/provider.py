"""The embedded provider: a real system of record for tenants that no outside system keeps."""

from __future__ import annotations

import json
import time
from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from overstap.clock import Clock
from overstap.domain.books import Account, Operation, outside_key
from overstap.domain.catalog import Catalog
from overstap.domain.locks import LOCK_OF_OPERATION, ActiveRun, Guard, PortalPage
from overstap.domain.ports import CreditDecision, Move
from overstap.domain.tenant import Licences, Tenant, User
from overstap.errors import Conflict, NotFound, ProviderRefused
from overstap.providers.embedded.books import Books, Ledger
from overstap.providers.embedded.call import Answer, Call
from overstap.providers.embedded.facts import tenant_facts, tenant_licences, unknown_tenant
from overstap.providers.embedded.faults import Faults, Later, Sleep, later
from overstap.providers.embedded.importing import import_exports
from overstap.providers.embedded.moves import progress_of, settle_moves, under_way_at, waiting_to_move
from overstap.providers.embedded.operations import OPERATIONS
from overstap.providers.embedded.outside import REQUESTS, ensure_admin
from overstap.providers.graph_export import TenantExport
from overstap.settings import EmbeddedSettings


class Embedded:
    """Keeps subscriptions, licences, orders, billing and a credit bureau in own tables; see `domain.ports.Provider`.

    Args:
        books: where they are kept.
        catalog: tells which plan a SKU is.
        settings: how fast it is, and which faults it has.
        clock: tells when what is asked from outside has its turn, and when work is done that a fault makes late.
        guard: refuses from outside what a tenant's active run locks.
        sleep, later: machine time for faults; tests give their own.
    """

    name = "embedded"

    def __init__(
        self,
        books: Books,
        catalog: Catalog,
        settings: EmbeddedSettings,
        clock: Clock,
        *,
        guard: Guard,
        sleep: Sleep = time.sleep,
        later: Later = later,
    ) -> None:
        self._books = books
        self._catalog = catalog
        self._settings = settings
        self._clock = clock
        self._guard = guard
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
            call = Call(ledger, account, operation, key, request, now, self._settings.of(account.id))
            return _carry_out(call, OPERATIONS[operation])

    def request(self, operation: str, key: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one operation that is asked for from outside a run, once per tenant and key; see `outside.REQUESTS`.

        The tenant and its active run are held meanwhile: a run either stays where its locks allow the operation until
        that is done, or the operation sees the lock (rules.md J5). It is dated when its turn has come.

        Args:
            key: the caller's idempotency key; no run's keys are like it.
            request: JSON values: `tenant_id`, what the operation asks for, `actor`, `reason`, and `acting_upn` when an
                admin of the tenant does it.

        Returns:
            Its answer; in `seen` the active run and the number of its journal that it was judged by.

        Raises:
            TenantLocked: when the tenant's active run forbids it.
            NotFound, Refused, Conflict: when it cannot be done; nothing is then.
        """
        values: dict[str, Any] = json.loads(json.dumps(request))
        with self._books.transaction() as ledger:
            account = _hold(ledger, values["tenant_id"])
            if values.get("acting_upn") is not None:
                ensure_admin(ledger, account.id, values["acting_upn"])
            own_key = outside_key(account.id, key)
            known = ledger.operation(own_key)
            if known is not None:
                if (known.operation, _asked(known.request)) != (operation, _asked(values)):
                    raise Conflict(
                        f"The idempotency key {key!r} was used for another {known.operation}; use a new one."
                    )
                return known.response
            active = ledger.active_runs([account.id]).get(account.id)
            self._guard.ensure_free(account.title, active, LOCK_OF_OPERATION[operation])
            settings, now = self._settings.of(account.id), self._clock.now()
            call = Call(ledger, account, operation, own_key, values, now, settings, active)
            seen = active and {"run_id": active.run_id, "seq": active.seq}
            return _carry_out(call, REQUESTS[operation], seen=seen)

    def open_portal(self, tenant_id: str, upn: str, page: PortalPage) -> ActiveRun | None:
        """Let one of a tenant's admins into a page of the portal (rules.md R15).

        Returns:
            The run under way, which leaves the page open (R37); None when there is none.

        Raises:
            TenantLocked: when the page is closed; its `run_id` is that of the status page to land on (R38).
            NotFound: when there is no such tenant.
            Refused: when this is none of its admins.
        """
        with self._books.transaction() as ledger:
            account = _hold(ledger, tenant_id)
            ensure_admin(ledger, account.id, upn)
            active = ledger.active_runs([account.id]).get(account.id)
            self._guard.ensure_open(account.title, active, page)
            return active

    def import_tenants(self, exports: Sequence[TenantExport], now: datetime) -> list[Tenant]:
        """Take over tenants, all or none of them; those that are known are brought up to date.

        Returns:
            Their facts afterwards, in the order given.

        Raises:
            TenantLocked: when a run locks the commerce or the licences of a tenant.
            Conflict: when a tenant has an order under way.
        """
        with self._books.transaction() as ledger:
            import_exports(ledger, exports, self._guard, now)
            return [tenant_facts(ledger, self._catalog, export.id) for export in exports]

    # --- what is read ---

    def lookup(self, key: str, now: datetime) -> Mapping[str, Any] | None:
        with self._books.reading() as books:
            known = books.operation(key)
        return known.response if known is not None else None

    def tenants(
        self, after: tuple[str, str] = ("", ""), limit: int | None = None, text: str | None = None
    ) -> list[Tenant]:
        with self._books.reading() as books:
            accounts = sorted(books.accounts(text), key=lambda one: (one.name, one.id))
            first = bisect(accounts, after, key=lambda one: (one.name, one.id))
            page = accounts[first : None if limit is None else first + limit]
            return [tenant_facts(books, self._catalog, account.id) for account in page]

    def tenant(self, tenant_id: str) -> Tenant:
        with self._books.reading() as books:
            return tenant_facts(books, self._catalog, tenant_id)

    def licences(self, tenant_id: str) -> list[Licences]:
        """Who holds the licences of each of a tenant's subscriptions, the oldest subscription first.

        Raises:
            NotFound: when there is no such tenant.
        """
        with self._books.reading() as books:
            return tenant_licences(books, self._catalog, tenant_id)

    def people(self, tenant_id: str) -> Sequence[User]:
        """A tenant's user accounts, licensed or not, by UPN.

        Raises:
            NotFound: when there is no such tenant.
        """
        with self._books.reading() as books:
            if books.account(tenant_id) is None:
                raise unknown_tenant(tenant_id)
            return books.people(tenant_id)

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


def _hold(ledger: Ledger, tenant_id: str) -> Account:
    account = ledger.lock(tenant_id)
    if account is None:
        raise unknown_tenant(tenant_id)
    return account


def _asked(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request asks for, whoever asks and why."""
    return {name: value for name, value in request.items() if name not in {"actor", "reason"}}


def _carry_out(call: Call, work: Callable[[Call], Answer], **evidence: Any) -> Mapping[str, Any]:
    """Do an operation, and write it down with its answer and what it was judged by."""
    settle_moves(call.ledger, call.tenant_id, call.now)
    answer = work(call)
    done = Operation(
        key=call.key,
        tenant_id=call.tenant_id,
        operation=call.operation,
        request=call.request,
        response={**answer.response, **evidence},
        at=call.now,
        ready_at=answer.ready_at,
        finished_at=call.now if answer.finished else None,
    )
    call.ledger.add_operation(done)
    return done.response
