"""One call of an operation, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from overstap.domain.books import Account, Order, Purchase
from overstap.domain.locks import ActiveRun
from overstap.errors import ProviderRefused
from overstap.providers.embedded.books import Ledger
from overstap.settings import EmbeddedSettings

_IDS = UUID("0b1e5b0e-6a39-4f0f-9d0b-7a1c0b6f0a51")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers.

    Attributes:
        response: JSON values.
        ready_at: when its work, or the bureau's decision, is there; None when it is at once, or never.
        finished: False while its work is under way.
    """

    response: Mapping[str, Any]
    ready_at: datetime | None = None
    finished: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation, inside its transaction.

    Attributes:
        account: the tenant, locked.
        settings: as they are for the tenant.
        active: the tenant's active run, held as it is; only told where the call comes from outside.
    """

    ledger: Ledger
    account: Account
    operation: str
    key: str
    request: Mapping[str, Any]
    now: datetime
    settings: EmbeddedSettings
    active: ActiveRun | None = None

    @property
    def tenant_id(self) -> str:
        """The tenant whose books it changes."""
        return self.account.id

    def __getitem__(self, name: str) -> Any:
        if name not in self.request:
            raise ProviderRefused(f"Operation {self.operation} needs {name!r} in its request.")
        return self.request[name]

    def new_id(self, kind: str) -> str:
        """The id of what this call makes; the same key makes the same id."""
        return str(uuid5(_IDS, f"{self.key}:{kind}"))

    def purchase(self, subscription_id: str) -> Purchase:
        """One subscription of the tenant, closed or not; ProviderRefused when there is none."""
        purchase = self.ledger.purchase(self.tenant_id, subscription_id)
        if purchase is None:
            raise ProviderRefused(f"Tenant {self.tenant_id} has no subscription {subscription_id}.")
        return purchase

    def open_purchase(self, subscription_id: str) -> Purchase:
        """One subscription of the tenant that is not closed; ProviderRefused when there is none."""
        purchase = self.purchase(subscription_id)
        if purchase.closed_at is not None:
            raise ProviderRefused(f"Subscription {subscription_id} is closed since {purchase.closed_at.isoformat()}.")
        return purchase

    def ensure_ordered(self, source: str, target: str) -> Order:
        """The order by which users go from one subscription to the other; ProviderRefused when there is none.

        Before an order is called off, users only go forward; afterwards only back. So a call that comes in late, after
        its caller gave up and turned back, does no harm.
        """
        ledger, tenant_id = self.ledger, self.tenant_id
        forward, back = ledger.order(tenant_id, source, target), ledger.order(tenant_id, target, source)
        if forward is not None and forward.under_way:
            if ledger.is_withdrawn(forward.reference):
                raise ProviderRefused(f"Order {forward.id} was called off: nobody goes to {target} any more.")
            return forward
        if back is not None and back.under_way:
            if not ledger.is_withdrawn(back.reference):
                raise ProviderRefused(f"Order {back.id} is not called off: nobody goes back to {target}.")
            return back
        raise ProviderRefused(f"Tenant {tenant_id} has no order under way between {source} and {target}.")
