"""What is locked for a tenant while its plan change is under way (rules.md J5), whatever a workflow file says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

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


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """A tenant's run that has not ended.

    Attributes:
        workflow, version: the definition that says what its state locks.
        until: the deadline of its state, None when that has none.
    """

    run_id: str
    workflow: str
    version: int
    state: str
    until: datetime | None
