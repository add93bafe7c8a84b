"""The tables behind the HTTP API: who may call it, what it has answered already, and whom it tells of the journal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, FetchedValue, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from overstap.store.tables import moment

_IDENTITY = BigInteger().with_variant(Integer, "sqlite")
_WAITING = text("status = 'waiting'")
_DEAD = text("status = 'dead'")


def _list() -> Any:
    return Field(default_factory=list, sa_column=Column(JSON, nullable=False))


class ApiTokenRow(SQLModel, table=True):
    """A token for the API; of the secret only its SHA-256 is kept, which is enough for 256 random bits.

    A token of `tenant_id` acts in the name of that tenant's administrator `upn`.
    """

    __tablename__ = "api_token"
    __table_args__ = (Index("api_token_name", "name", unique=True),)

    id: str = Field(sa_type=Text, primary_key=True)
    name: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)
    roles: list[str] = _list()
    tenant_id: str | None = Field(default=None, sa_type=Text)
    upn: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = moment()
    created_by: str = Field(sa_type=Text)
    expires_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)


class SignInLinkRow(SQLModel, table=True):
    """A link that signs in whoever opens it first; of its secret only the SHA-256 is kept."""

    __tablename__ = "sign_in_link"

    hash: str = Field(sa_type=Text, primary_key=True)
    expires_at: datetime = moment()
    used_at: datetime | None = moment(nullable=True)


class KeptAnswerRow(SQLModel, table=True):
    """What a request with an idempotency key was answered; without `status` it is still being done.

    `scope` is whose key it is, `request` the SHA-256 of what was asked.
    """

    __tablename__ = "kept_answer"
    __table_args__ = (Index("kept_answer_at", "at"),)

    scope: str = Field(sa_type=Text, primary_key=True)
    key: str = Field(sa_type=Text, primary_key=True)
    request: str = Field(sa_type=Text)
    at: datetime = moment()
    status: int | None = None
    headers: list[list[str]] = _list()
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))


class FeedRow(SQLModel, table=True):
    """The journal entries of one transaction, in `entries`: `RUN:FIRST-LAST` each, separated by blanks.

    On PostgreSQL `xid` is the transaction that wrote the row: once no older one is under way, no row can come in before
    it any more. SQLite has one writer at a time, so there the ids alone are in the order of the commits, `xid` is 0 and
    the index empty. The database fills `xid` itself. When it was is known to the entries. The first row of all comes
    with the table and has none: from the oldest row on everything is there.
    """

    __tablename__ = "feed"
    __table_args__ = (Index("feed_place", "xid", "id", sqlite_where=text("xid > 0")),)

    id: int | None = Field(default=None, sa_column=Column(_IDENTITY, primary_key=True))
    xid: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=FetchedValue()))
    entries: str = Field(sa_type=Text)


class WebhookRow(SQLModel, table=True):
    """Who is told of journal entries over HTTP; `place_xid` and `place_id` are how far in the feed it was looked."""

    __tablename__ = "webhook"

    id: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str | None = Field(default=None, sa_type=Text)
    url: str = Field(sa_type=Text)
    secret: str = Field(sa_type=Text)
    kinds: list[str] = _list()
    created_at: datetime = moment()
    created_by: str = Field(sa_type=Text)
    ended_at: datetime | None = moment(nullable=True)
    place_xid: int = Field(sa_type=BigInteger)
    place_id: int = Field(sa_type=BigInteger)


class DeliveryRow(SQLModel, table=True):
    """One journal entry on its way to a webhook: `waiting`, `delivered` or `dead`.

    `claim_token` belongs to whoever is delivering it; `next_at` is then the claim's end, `claim_until`.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("delivery_due", "webhook_id", "next_at", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("delivery_in_order", "webhook_id", "run_id", "seq",
              sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("delivery_of_webhook", "webhook_id", "id"),
        Index("delivery_dead", "webhook_id", sqlite_where=_DEAD, postgresql_where=_DEAD),
    )  # fmt: skip

    id: str = Field(sa_type=Text, primary_key=True)
    webhook_id: str = Field(sa_type=Text)
    run_id: str = Field(sa_type=Text)
    seq: int
    at: datetime = moment()
    status: str = Field(sa_type=Text)
    attempts: int = 0
    next_at: datetime = moment()
    claim_token: str | None = Field(default=None, sa_type=Text)
    claim_until: datetime | None = moment(nullable=True)
    settled_at: datetime | None = moment(nullable=True)
    answer: str | None = Field(default=None, sa_type=Text)
