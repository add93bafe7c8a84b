"""What Overstap needs of the outside world, as protocols; `providers/` keeps them.

One `Provider` serves one kind of cloud office. Its operations change something and carry an idempotency key; its
readings change nothing. Every call ends within the time it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from overstap.domain.tenant import Tenant


@dataclass(frozen=True, slots=True)
class CreditDecision:
    """What the credit bureau says of one order (rules.md §E).

    Attributes:
        approved: None while it is not decided.
        decided_at: when the answer comes; None when only a signal can bring it.
    """

    approved: bool | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Move:
    """How far one accepted move of users is.

    Attributes:
        finished: all of its users are moved.
        ready_at: when to look again, None once finished.
    """

    finished: bool
    ready_at: datetime | None


class Provider(Protocol):
    """The system of record of a tenant's subscriptions, licences, orders and billing."""

    @property
    def name(self) -> str:
        """What operators call it, as in `overstap pause provider embedded`."""

    def execute(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        """Do one operation, once per key: a key that is known gives its first answer again (rules.md J7).

        Args:
            operation: one of `operations`.
            key: the idempotency key.
            request: JSON values, as the operation asks for them.
            now: the moment of the call on Overstap's clock.
            limit: machine time after which the caller gives up.

        Raises:
            ProviderUnavailable, ProviderTimeout, ProviderRefused
        """

    def lookup(self, key: str, now: datetime) -> Mapping[str, Any] | None:
        """The answer that an operation under this key got, None when no such operation was ever done."""

    def tenant(self, tenant_id: str) -> Tenant:
        """The facts of a tenant as they are now.

        Raises:
            NotFound: when there is no such tenant.
        """

    def holders(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        """Ids of the users that hold a licence of the subscription, sorted."""

    def users_to_move(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        """Ids of the users that the subscription serves and no accepted move takes away, sorted."""

    def moves_under_way(self, tenant_id: str, subscription_id: str, now: datetime) -> Move:
        """How far all accepted moves to or from a subscription are."""

    def move(self, key: str, now: datetime) -> Move:
        """How far the move of users under this key is."""

    def credit_decision(self, key: str, now: datetime) -> CreditDecision:
        """What the credit bureau says about the request under this key."""
