"""What is locked for a tenant while its plan change is under way (rules.md J5), and who refuses what that forbids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from overstap.errors import TenantLocked

COMMERCE = "commerce"
"""No new subscriptions and no changes of others, on the whole tenant (R35)."""
PORTAL = "portal"
"""The admins' portal (R15)."""
LICENCE = "licence"
"""Assignments of licences from outside (R17)."""

CREDIT_CHECK = "credit_check"
"""The state in which an order waits for the credit bureau, in each workflow that orders (rules.md §E)."""

_NONE: frozenset[str] = frozenset()
_ALL = frozenset({COMMERCE, PORTAL, LICENCE})

LOCKS_BY_STATE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        CREDIT_CHECK: frozenset({COMMERCE}),
        "migrating": _ALL,
        "escalated": _ALL,
        "licenses_reassigned": _ALL,
        "completed": _NONE,
        "failed": _NONE,
        "cancelled": _NONE,
    }
)
"""The locks of a tenant in each state of its active run that J5 names; in others the workflow file decides."""

LOCK_OF_OPERATION: Mapping[str, str] = MappingProxyType(
    {
        "assign_licences": LICENCE,
        "unassign_licences": LICENCE,
        "buy_subscription": COMMERCE,
        "add_seats": COMMERCE,
        "cancel_subscription": COMMERCE,
    }
)
"""What may be asked of a provider from outside a run, and the lock that forbids it (R17, R35)."""


class PortalPage(StrEnum):
    """A page of the admins' portal; on `subscriptions` plans are bought, changed and cancelled."""

    HOME = "home"
    SUBSCRIPTIONS = "subscriptions"


LocksOf = Callable[[str, int, str], frozenset[str]]
"""The locks of a state, as its workflow file says: name, version, state."""


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A tenant's run that has not ended (rules.md J3: there is at most one), as it was at one moment.

    Attributes:
        subscription_id: the one that it changes away from.
        seq: the number of its newest journal entry.
        until: the deadline of its state, None when it has none.
    """

    run_id: str
    tenant_id: str
    subscription_id: str
    workflow: str
    version: int
    state: str
    seq: int
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Guard:
    """Refuses from outside what the locks of a tenant's active run forbid (rules.md J5).

    Args:
        locks_of: tells the locks of a state.
        locked_pages: the pages that the portal lock closes (R15).
    """

    locks_of: LocksOf
    locked_pages: frozenset[PortalPage] = frozenset(PortalPage)

    def locks(self, active: ActiveRun | None) -> frozenset[str]:
        """What is locked by a run, nothing where there is none."""
        return _NONE if active is None else self.locks_of(active.workflow, active.version, active.state)

    def ensure_free(self, tenant: str, active: ActiveRun | None, *locks: str) -> None:
        """Let pass what needs none of the locks that are held.

        Args:
            tenant: its name and id, for people.
            active: the tenant's active run.
            locks: what must not be locked.

        Raises:
            TenantLocked: naming the first of them that is.
        """
        held = self.locks(active)
        for lock in locks:
            if active is not None and lock in held:
                raise TenantLocked(tenant, lock, active.run_id, state=active.state, until=active.until)

    def ensure_open(self, tenant: str, active: ActiveRun | None, page: PortalPage) -> None:
        """Let an admin into a page of the portal that no lock closes (R15, R37).

        Raises:
            TenantLocked: when it is closed; the page to land on is the status page of its run (R38).
        """
        if page in self.locked_pages:
            self.ensure_free(tenant, active, PORTAL)

    def closes(self, active: ActiveRun | None, page: PortalPage) -> bool:
        """Whether a run closes a page of the portal to the tenant's admins (R15)."""
        return page in self.locked_pages and PORTAL in self.locks(active)
