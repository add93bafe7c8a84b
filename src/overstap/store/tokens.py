"""The API's tokens and one-time sign-in links as they are stored: hashes, never secrets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, Table, insert, select, update

from overstap.errors import Conflict, NotFound
from overstap.store.acts_log import record_act
from overstap.store.api_tables import ApiTokenRow, SignInLinkRow
from overstap.store.database import CLASHES, Database

TOKEN: Table = ApiTokenRow.__table__  # type: ignore[attr-defined]
LINK: Table = SignInLinkRow.__table__  # type: ignore[attr-defined]

_USE_NOTED = timedelta(minutes=1)
"""The last use of a token is written down about this often, not with each request."""


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token without its secret; see `api_tables.ApiTokenRow`."""

    id: str
    name: str
    hash: str
    roles: list[str]
    tenant_id: str | None
    upn: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    def valid(self, now: datetime) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class TokenBook:
    """The tokens of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: StoredToken, reason: str) -> None:
        """Write a new token down, and who made it.

        Raises:
            Conflict: when the name is taken, by a token that was revoked too: the journal names actors by it.
        """
        values = {name: getattr(token, name) for name in StoredToken.__dataclass_fields__}
        told = {"token": token.id, "roles": token.roles, "tenant_id": token.tenant_id, "upn": token.upn}
        try:
            with self._database.write() as connection:
                connection.execute(insert(TOKEN), values)
                record_act(
                    connection,
                    at=token.created_at,
                    actor=token.created_by,
                    kind="token_created",
                    subject=token.name,
                    reason=reason,
                    data=told,
                )
        except CLASHES:
            raise Conflict(f"There is or was a token {token.name!r} already; give this one another name.") from None

    def all(self) -> list[StoredToken]:
        """All tokens, the newest first."""
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(select(TOKEN).order_by(TOKEN.c.id.desc()))]

    def any_valid(self, now: datetime) -> bool:
        """Whether any token lets anybody in."""
        return any(token.valid(now) for token in self.all())

    def find(self, token_id: str) -> StoredToken | None:
        """The token with that id."""
        with self._database.read() as connection:
            row = connection.execute(select(TOKEN).where(TOKEN.c.id == token_id)).first()
        return None if row is None else _token(row)

    def note_use(self, token: StoredToken, now: datetime) -> None:
        """Write down that a token was used, about once a minute."""
        if token.last_used_at is None or now - token.last_used_at >= _USE_NOTED:
            with self._database.write() as connection:
                connection.execute(update(TOKEN).where(TOKEN.c.id == token.id).values(last_used_at=now))

    def revoke(self, token_id: str, *, actor: str, reason: str, now: datetime) -> StoredToken:
        """Let a token open nothing any more; one that was revoked before stays as it is.

        Args:
            token_id: its id, or its name.

        Raises:
            NotFound: when there is none.
        """
        with self._database.write() as connection:
            mine = (TOKEN.c.id == token_id) | (TOKEN.c.name == token_id)
            row = connection.execute(select(TOKEN).where(mine).with_for_update()).first()
            if row is None:
                raise NotFound(f"There is no token {token_id!r}; `overstap tokens list` shows those there are.")
            if row.revoked_at is None:
                connection.execute(update(TOKEN).where(TOKEN.c.id == row.id).values(revoked_at=now))
                record_act(
                    connection,
                    at=now,
                    actor=actor,
                    kind="token_revoked",
                    subject=row.name,
                    reason=reason,
                    data={"token": row.id},
                )
            row = connection.execute(select(TOKEN).where(TOKEN.c.id == row.id)).one()
        return _token(row)

    def add_link(self, digest: str, expires_at: datetime) -> None:
        """Write a one-time link down."""
        with self._database.write() as connection:
            connection.execute(insert(LINK), {"hash": digest, "expires_at": expires_at})

    def use_link(self, digest: str, now: datetime) -> bool:
        """Use a link up; answers whether it was there, unused and in time. Of two at once one gets it."""
        fresh = (LINK.c.hash == digest) & LINK.c.used_at.is_(None) & (LINK.c.expires_at > now)
        with self._database.write() as connection:
            return connection.execute(update(LINK).where(fresh).values(used_at=now)).rowcount == 1


def _token(row: Row[tuple[object, ...]]) -> StoredToken:
    return StoredToken(**row._mapping)  # noqa: SLF001
