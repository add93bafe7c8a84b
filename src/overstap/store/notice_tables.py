"""The tables of what operators are told: which journal entries, and the messages that tell of them.

A notice is written with its journal entry, in one transaction. Messages are made of notices afterwards, and sent until
each channel has them.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, Column, Index, Table, Text, text
from sqlmodel import Field, SQLModel

from overstap.store.tables import moment

_WAITING = text("message_id IS NULL AND closed_at IS NULL")
_UNSENT = text("sent_at IS NULL")


class NoticeRow(SQLModel, table=True):
    """One journal entry that operators are told of.

    `message_id` is the message that tells of it; `closed_at` says that nobody was there to be told.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("notice_waiting", "topic", sqlite_where=_WAITING, postgresql_where=_WAITING),
        Index("notice_of_message", "message_id"),
    )

    run_id: str = Field(sa_type=Text, primary_key=True)
    seq: int = Field(primary_key=True)
    topic: str = Field(sa_type=Text)
    at: datetime = moment()
    message_id: str | None = Field(default=None, sa_type=Text)
    closed_at: datetime | None = moment(nullable=True)


class NoticeMessageRow(SQLModel, table=True):
    """One message, whole before it is first sent: a repeat has the same id and the same words."""

    __tablename__ = "notice_message"
    __table_args__ = (Index("notice_message_unsent", "id", sqlite_where=_UNSENT, postgresql_where=_UNSENT),)

    id: str = Field(sa_type=Text, primary_key=True)
    topic: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    runs: int
    created_at: datetime = moment()
    reached: list[str] = Field(default_factory=list, sa_column=Column(JSON(), nullable=False))
    first_sent_at: datetime | None = moment(nullable=True)
    sent_at: datetime | None = moment(nullable=True)
    attempts: int = Field(default=0)
    next_try_at: datetime = moment()
    error: str | None = Field(default=None, sa_type=Text)
    claim_token: int = Field(default=0, sa_type=BigInteger)
    claim_until: datetime | None = moment(nullable=True)


class NoticeTopicRow(SQLModel, table=True):
    """One topic: when its last message went out, and when somebody last was there to send one."""

    __tablename__ = "notice_topic"

    topic: str = Field(sa_type=Text, primary_key=True)
    last_at: datetime | None = moment(nullable=True)
    listened_at: datetime | None = moment(nullable=True)


NOTICE: Table = NoticeRow.__table__  # type: ignore[attr-defined]
MESSAGE: Table = NoticeMessageRow.__table__  # type: ignore[attr-defined]
TOPIC: Table = NoticeTopicRow.__table__  # type: ignore[attr-defined]
