"""Who asks, over whichever face that knows people and tokens apart: roles, and the tenant that somebody belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from overstap.errors import Refused


class Role(StrEnum):
    """What somebody may do."""

    VIEWER = "viewer"
    """See everything of all tenants; every role of the staff has this one."""
    OPERATOR = "operator"
    """Order, signal, act on runs, plan and run replays."""
    APPROVER = "approver"
    """Approve what others have planned."""
    PLATFORM = "platform"
    """Tenants, workflows, tokens, webhooks, the audit, and what else belongs to running Overstap."""
    TENANT_ADMIN = "tenant_admin"
    """What an administrator of one tenant may do in its portal; nothing of any other tenant exists for them."""


STAFF = frozenset(Role) - {Role.TENANT_ADMIN}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was let in.

    Attributes:
        name: of the token or the person, as the journal names them.
        tenant_id: the only tenant that exists for them; None for the staff.
        upn: the administrator of that tenant in whose name they act; None for the staff.
        by: how they came in, such as `token:01KJ…` or `session:NAME`; rates and idempotency keys are counted by it.
    """

    name: str
    roles: frozenset[Role]
    by: str
    tenant_id: str | None = None
    upn: str | None = None

    @property
    def in_session(self) -> bool:
        """Whether it is a person whom their browser's session lets in."""
        return self.by.startswith("session:")

    @property
    def actor(self) -> str:
        """How journals and the audit name them."""
        return f"operator:{self.name}" if self.upn is None else f"admin:{self.upn}"

    @property
    def namespace(self) -> str:
        """Whose idempotency keys are kept together: a tenant's, or one person's of the staff."""
        return self.actor if self.tenant_id is None else f"tenant:{self.tenant_id}"

    def has(self, role: Role) -> bool:
        """Whether they have a role; the whole staff may look."""
        return role in self.roles or (role is Role.VIEWER and bool(self.roles & STAFF))

    def sees(self, tenant_id: str) -> bool:
        """Whether a tenant exists for them."""
        return self.tenant_id is None or self.tenant_id == tenant_id


class NotAuthenticated(Refused):
    """Nobody knows who asks: no token or session, or one that is not valid (any more)."""


class NotAllowed(Refused):
    """It is known who asks, but that takes a role that they do not have."""
