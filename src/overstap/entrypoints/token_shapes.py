"""How tokens look as plain JSON values; moments are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from overstap.entrypoints.shapes import moment
from overstap.store.tokens import StoredToken


class ApiToken(TypedDict):
    """A token without its secret."""

    id: str
    name: str
    roles: list[str]
    tenant_id: str | None
    upn: str | None
    valid: bool
    created_at: str
    created_by: str
    expires_at: str | None
    last_used_at: str | None
    revoked_at: str | None


class NewApiToken(ApiToken):
    """A token with its secret, as it is shown once; where the answer is given again that is not there."""

    token: str | None


def token(given: StoredToken, now: datetime) -> ApiToken:
    """A token without its secret."""
    return {
        "id": given.id,
        "name": given.name,
        "roles": given.roles,
        "tenant_id": given.tenant_id,
        "upn": given.upn,
        "valid": given.valid(now),
        "created_at": moment(given.created_at),
        "created_by": given.created_by,
        "expires_at": moment(given.expires_at),
        "last_used_at": moment(given.last_used_at),
        "revoked_at": moment(given.revoked_at),
    }
