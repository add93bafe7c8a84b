"""What a local system of record writes down: accounts, purchases, orders and the operations that were done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

IMPORT = "import"
"""What the books name as the cause of a change that an import made; other causes are idempotency keys."""
OUTSIDE = "outside:"
"""How the idempotency keys begin of what a tenant's admins ask for; a run's keys begin with its id."""


def outside_key(tenant_id: str, key: str) -> str:
    """The idempotency key under which the books keep what was asked from outside under a key of the caller's own."""
    return f"{OUTSIDE}{tenant_id}:{key}"


def from_outside(cause: str | None) -> bool:
    """Whether what the books name as a cause is no run's doing: an import's, or an admin's."""
    return cause is not None and (cause == IMPORT or cause.startswith(OUTSIDE))


@dataclass(frozen=True, slots=True)
class Account:
    """One customer organisation as its books head it.

    Attributes:
        credit_limit: granted per month, in cents.
    """

    id: str
    name: str
    locale: str
    credit_limit: int

    @property
    def title(self) -> str:
        """Its name and id, for people."""
        return f"{self.name} ({self.id})"


@dataclass(frozen=True, slots=True)
class Purchase:
    """One subscription that was bought.

    Attributes:
        closed_at: when it ended for good, None while it lives.
        replaces: the subscription that an order made it for; None when it was imported.
    """

    id: str
    sku_id: str
    sku_part_number: str
    seats: int
    status: str
    is_trial: bool
    provisioned: bool
    payment_method: str
    billing_frequency: str
    legacy: bool
    created_at: datetime
    closed_at: datetime | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order of another plan.

    Attributes:
        reference: what the one who ordered calls it; one order per reference.
        source, target: subscription ids.
        keep_old_billing: the source is billed until the target is (rules.md R19).
        completed_at: when the source was closed.
        cancelled_at: when the target was closed again.
    """

    id: str
    reference: str
    key: str
    source: str
    target: str
    keep_old_billing: bool
    placed_at: datetime
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is neither completed nor cancelled."""
        return self.completed_at is None and self.cancelled_at is None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that was done, under its idempotency key.

    Attributes:
        ready_at: when its work finishes by itself; None when it was finished at once.
        finished_at: when it was settled; None while its work is under way.
    """

    key: str
    tenant_id: str
    operation: str
    request: Mapping[str, Any]
    response: Mapping[str, Any]
    at: datetime
    ready_at: datetime | None = None
    finished_at: datetime | None = None
