"""The tables of limits on what is asked of providers; empty as long as no limit is set."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Text
from sqlmodel import Field, SQLModel

from overstap.store.tables import moment


class ThrottleRow(SQLModel, table=True):
    """How far the calls of a provider, or of one tenant to it, have used up their rate.

    The row of a provider as a whole has no tenant; whoever gives out its permits holds it.
    """

    __tablename__ = "throttle"

    provider: str = Field(sa_type=Text, primary_key=True)
    tenant_id: str = Field(sa_type=Text, primary_key=True)
    arrival: datetime | None = moment(nullable=True)


class PermitRow(SQLModel, table=True):
    """A step may be under way at a provider.

    It counts while its run is claimed with this token and has come no further than `seq`: what ends a step, or frees
    its run, gives the permit back without writing here.
    """

    __tablename__ = "permit"
    __table_args__ = (Index("permit_of_provider", "provider"),)

    run_id: str = Field(sa_type=Text, primary_key=True)
    provider: str = Field(sa_type=Text)
    claim_token: int = Field(sa_type=BigInteger)
    seq: int


class WaitingRow(SQLModel, table=True):
    """A run was let go because a limit kept its next step from being started; it counts as long as its `seq` does."""

    __tablename__ = "waiting"
    __table_args__ = (Index("waiting_for_provider", "provider", "cause", "turn", "run_id"),)

    run_id: str = Field(sa_type=Text, primary_key=True)
    provider: str = Field(sa_type=Text)
    seq: int
    turn: datetime = moment()
    cause: str = Field(sa_type=Text)
