"""What is locked for a tenant while its plan change is under way (rules.md J5), whatever a workflow file says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COMMERCE = "commerce"
"""No new subscriptions and no changes of others, on the whole tenant (R35)."""
PORTAL = "portal"
"""The admins' portal (R15)."""
LICENCE = "licence"
"""Assignments of licences from outside (R17)."""

_NONE: frozenset[str] = frozenset()
_ALL = frozenset({COMMERCE, PORTAL, LICENCE})

LOCKS_BY_STATE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "credit_check": frozenset({COMMERCE}),
        "migrating": _ALL,
        "escalated": _ALL,
        "licenses_reassigned": _ALL,
        "completed": _NONE,
        "failed": _NONE,
        "cancelled": _NONE,
    }
)
"""The locks of a tenant in each state of its active run that J5 names; in others the workflow file decides."""
