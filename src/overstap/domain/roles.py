"""Who may change a tenant's subscriptions (rules.md R3)."""

from __future__ import annotations

from collections.abc import Iterable

from overstap.domain.tenant import Admin, AdminRole

SMALL_BUSINESS = "small-business"
_RANK = {AdminRole.ADMIN: 1, AdminRole.GLOBAL_ADMIN: 2}


def needed_role(family: str | None) -> AdminRole:
    """The least role that may change a subscription of this family (rules.md R3).

    Args:
        family: None for a plan that the catalog does not know.
    """
    return AdminRole.ADMIN if family == SMALL_BUSINESS else AdminRole.GLOBAL_ADMIN


def role_of(admins: Iterable[Admin], upn: str) -> AdminRole | None:
    """The highest role that a person has in a tenant, None for who is no administrator; letter case does not matter."""
    roles = [admin.role for admin in admins if admin.upn.casefold() == upn.casefold()]
    return max(roles, key=_RANK.__getitem__, default=None)


def may_change(admins: Iterable[Admin], family: str | None) -> tuple[str, ...]:
    """Which of a tenant's administrators may change a subscription of this family, sorted (rules.md R3)."""
    needed = needed_role(family)
    return tuple(sorted({admin.upn for admin in admins if suffices(admin.role, needed)}))


def suffices(role: AdminRole, needed: AdminRole) -> bool:
    """Whether a role may do what takes another one."""
    return _RANK[role] >= _RANK[needed]
