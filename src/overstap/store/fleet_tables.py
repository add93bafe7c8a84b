"""The tables of what a database remembers besides runs: its workers, the workflow versions it has used, its clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, Float, Text
from sqlmodel import Field, SQLModel

from overstap.store.tables import moment


class WorkerRow(SQLModel, table=True):
    """One worker process that runs or ran."""

    __tablename__ = "worker"

    id: str = Field(sa_type=Text, primary_key=True)
    host: str = Field(sa_type=Text)
    pid: int
    version: str = Field(sa_type=Text)
    started_at: datetime = moment()
    heartbeat_at: datetime = moment()
    stopped_at: datetime | None = moment(nullable=True)
    steps: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    rate: float = Field(default=0.0, sa_column=Column(Float, nullable=False, server_default="0"))


class WorkflowRow(SQLModel, table=True):
    """The digest that each workflow version had when it was first used here: it never changes afterwards."""

    __tablename__ = "workflow"

    name: str = Field(sa_type=Text, primary_key=True)
    version: int = Field(primary_key=True)
    digest: str = Field(sa_type=Text)
    first_used_at: datetime = moment()


class ClockRow(SQLModel, table=True):
    """The scaled clock that this database lives by; no row means real time."""

    __tablename__ = "clock"

    id: int = Field(default=1, primary_key=True)
    speed: float
    machine_anchor: datetime = moment()
    clock_anchor: datetime = moment()
