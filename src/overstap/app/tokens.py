"""Tokens for the API: made, shown once, listed, revoked, and recognised when somebody comes with one."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from ulid import ULID

from overstap.app.principals import NotAuthenticated, Principal, Role
from overstap.clock import Clock
from overstap.domain.ports import Provider
from overstap.domain.reading import one_line
from overstap.domain.roles import role_of
from overstap.errors import BadInput, Refused
from overstap.store.tokens import StoredToken, TokenBook

LINK_TIME = timedelta(minutes=15)
"""How long a one-time link can be used."""
_TOKEN = re.compile(r"ovs_([0-9A-Z]{26})_([A-Za-z0-9_-]{43})")
_INVALID = "This token is not valid: it is unknown, revoked or has expired. `overstap tokens create` makes another one."


class Tokens:
    """Who may call the API.

    Args:
        clock: tokens live by the machine's time, whatever the speed of a rehearsal.
    """

    def __init__(self, book: TokenBook, provider: Provider, clock: Clock) -> None:
        self._book = book
        self._provider = provider
        self._clock = clock

    def create(
        self,
        name: str,
        roles: Collection[Role],
        *,
        actor: str,
        reason: str,
        tenant_id: str | None = None,
        upn: str | None = None,
        valid_for: timedelta | None = None,
    ) -> tuple[StoredToken, str]:
        """Make a token.

        Args:
            name: as journals name who comes with it.
            tenant_id: the only tenant it opens, for the role `tenant_admin`.
            upn: the administrator of that tenant in whose name it acts.
            valid_for: None for ever.

        Returns:
            The token, and its text, which nobody can find out again.

        Raises:
            BadInput: when the name is empty, or roles, tenant and administrator do not go together.
            NotFound: when there is no such tenant.
            Refused: when that is none of its administrators.
            Conflict: when the name is taken.
        """
        name, reason = one_line(name, "The name of a token"), one_line(reason, "The reason")
        bound = Role.TENANT_ADMIN in roles
        if not roles:
            raise BadInput(f"A token needs a role: {', '.join(Role)}.")
        if bound and len(roles) > 1:
            raise BadInput("The role tenant_admin goes with no other one: it sees nothing but its tenant.")
        if bound != (tenant_id is not None) or bound != (upn is not None):
            raise BadInput("The role tenant_admin, and no other, needs a tenant and the UPN of one of its admins.")
        if tenant_id is not None and upn is not None:
            upn = one_line(upn, "The administrator's UPN")
            tenant = self._provider.tenant(tenant_id)
            if role_of(tenant.admins, upn) is None:
                raise Refused(f"{upn} is no administrator of {tenant.title}.")
        if valid_for is not None and valid_for <= timedelta(0):
            raise BadInput("A token has to be valid for some time.")
        now, secret = self._clock.now(), secrets.token_urlsafe(32)
        token = StoredToken(
            id=str(ULID.from_datetime(now)),
            name=name,
            hash=_digest(secret),
            roles=sorted(roles),
            tenant_id=tenant_id,
            upn=upn,
            created_at=now,
            created_by=actor,
            expires_at=None if valid_for is None else now + valid_for,
        )
        self._book.add(token, reason)
        return token, f"ovs_{token.id}_{secret}"

    def all(self) -> Sequence[StoredToken]:
        """All tokens, the newest first; also those that are not valid any more."""
        return self._book.all()

    def revoke(self, token_id: str, *, actor: str, reason: str) -> StoredToken:
        """Let a token open nothing any more, from this moment on.

        Args:
            token_id: its id or its name.

        Raises:
            NotFound: when there is none.
        """
        why = one_line(reason, "The reason")
        return self._book.revoke(token_id, actor=actor, reason=why, now=self._clock.now())

    def recognise(self, text: str) -> Principal:
        """Who comes with this token.

        Raises:
            NotAuthenticated: when it is none, or not valid; why is not told to whoever tries.
        """
        parts = _TOKEN.fullmatch(text)
        found = self._book.find(parts[1]) if parts else None
        now = self._clock.now()
        # Compared even where there is nothing to compare with: the time tells nobody which ids exist.
        right = hmac.compare_digest(_digest(parts[2] if parts else ""), found.hash if found else _digest("nothing"))
        if found is None or not right or not found.valid(now):
            raise NotAuthenticated(_INVALID)
        self._book.note_use(found, now)
        roles = frozenset(Role(name) for name in found.roles)
        return Principal(found.name, roles, f"token:{found.id}", found.tenant_id, found.upn)

    def is_valid(self, token_id: str) -> bool:
        """Whether a token is valid now."""
        found = self._book.find(token_id)
        return found is not None and found.valid(self._clock.now())

    def make_link(self) -> str:
        """The secret of a link that signs in whoever opens it first, as all of the staff, within `LINK_TIME`."""
        secret = secrets.token_urlsafe(32)
        self._book.add_link(_digest(secret), self._clock.now() + LINK_TIME)
        return secret

    def use_link(self, secret: str) -> datetime:
        """Use a link up.

        Returns:
            The present moment.

        Raises:
            NotAuthenticated: when it is none, was used, or is too old.
        """
        now = self._clock.now()
        if not self._book.use_link(_digest(secret), now):
            raise NotAuthenticated(
                "This link was used before, or is too old: it works once. Start the server again for another one."
            )
        return now

    def now(self) -> datetime:
        """The present moment of the machine's time, by which tokens live."""
        return self._clock.now()

    def anybody(self) -> bool:
        """Whether any token is valid."""
        return self._book.any_valid(self._clock.now())


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
