"""How a tenant's admins, and the staff in their place, ask for something on these pages."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from overstap.app.portal import By
from overstap.entrypoints.console.customer.told import lock_text
from overstap.entrypoints.console.visit import Visit
from overstap.errors import Refused, TenantLocked

_REASON = "Asked for on the portal's pages."
"""What is kept as the reason where an admin gives none."""


def new_key() -> str:
    """A key under which one wish of one page is done once, however often it is sent."""
    return secrets.token_urlsafe(18)


def kept_as(visit: Visit, key: str) -> str:
    """A key apart from everybody else's, as the API keeps it."""
    return f"{visit.principal.namespace} {key}"


def by(visit: Visit, reason: str, key: str | None = None) -> By:
    """Who asks for something: the admin who is signed in, else an operator, who says why."""
    upn = visit.call.acting(None)
    given = reason or ("" if upn is None else _REASON)
    return By(visit.call.actor, given, upn, None if key is None else kept_as(visit, key))


def gives_reason(visit: Visit) -> bool:
    """Whether whoever looks has to say why: the staff do."""
    return visit.principal.tenant_id is None


def in_words(visit: Visit, act: Callable[[str], Any]) -> Callable[[str], Any]:
    """An act that says in the reader's words that something is locked."""

    def done(reason: str) -> Any:
        try:
            return act(reason)
        except TenantLocked as locked:
            raise Refused(lock_text(visit, locked.lock)) from None

    return done
