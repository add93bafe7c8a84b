"""Where in the portal each thing is that a finding sends its reader to (rules.md R22-R24, R28, R41-R43).

Paths are relative to the portal's root; a tenant's admin is signed in to one tenant, so no path names it.
"""

from __future__ import annotations

ADMINS = "/admins"
BUY = "/subscriptions/new"
DOMAINS = "/domains"
HEALTH = "/health"
LICENCES = "/licences"
SUPPORT = "/support"


def licences(subscription_id: str) -> str:
    """A subscription among the licences: where a licence conflict is resolved, *Nu oplossen* (rules.md R9, R43)."""
    return f"{LICENCES}/{subscription_id}"


def choose(subscription_id: str) -> str:
    """The page *Een nieuw abonnement kiezen* (rules.md R24)."""
    return f"{LICENCES}/{subscription_id}/change"


def checkout(subscription_id: str, plan: str) -> str:
    """The wizard *Checkout* for one plan (rules.md R25)."""
    return f"{choose(subscription_id)}/{plan}"


def status(run_id: str) -> str:
    """The page *Veranderen van abonnement: status* (rules.md R28)."""
    return f"/status/{run_id}"
