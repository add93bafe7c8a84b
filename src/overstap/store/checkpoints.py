"""Makes checkpoints: where all chains are now, so that what is missing later can be told (ADR 13)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, select, text

from overstap.store.acts_log import ACT
from overstap.store.chains import CHECKPOINT, HEAD, heads_digest
from overstap.store.database import Database
from overstap.store.rows import RUN
from overstap.workflow.chain import BEGINNING, link

_RUNS = 1000
_LOCK = 7_046_722_021  # any number, as long as it is always the same one and no other lock's


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest checkpoint of a database.

    Attributes:
        database_id: made up with the first checkpoint of a database, and the same in all.
        seq: its number.
        runs: how many runs the checkpoints up to it know.
        acts: the number of the last act it knows.
        digest: covers all of this, its heads, and the checkpoint before it.
    """

    database_id: str
    seq: int
    at: datetime
    runs: int
    acts: int
    digest: str


class Checkpoints:
    """The checkpoints of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def make(self, now: datetime) -> Checkpoint:
        """Add checkpoints until every run that went on, and every act, is under one.

        Each takes in so many runs that its transaction stays short. Where nothing happened since, none is added.
        """
        after = ""
        while True:
            with self._database.read() as connection:
                ids = list(connection.execute(_uncovered(after)).scalars())
            with self._database.write() as connection:
                if connection.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
                _add(connection, ids, now)
                if len(ids) < _RUNS:
                    return _newest(connection)
            after = ids[-1]


def _uncovered(after: str) -> Any:
    covered = exists().where(HEAD.c.run_id == RUN.c.id, HEAD.c.seq == RUN.c.seq)
    return select(RUN.c.id).where(RUN.c.id > after, ~covered).order_by(RUN.c.id).limit(_RUNS)


def _add(connection: Connection, ids: list[str], now: datetime) -> None:
    last = connection.execute(select(CHECKPOINT).order_by(CHECKPOINT.c.seq.desc()).limit(1)).first()
    act = connection.execute(select(ACT.c.seq, ACT.c.hash).order_by(ACT.c.seq.desc()).limit(1)).first()
    act_seq, act_hash = (0, BEGINNING) if act is None else (act.seq, act.hash)
    if last is not None and not ids and last.act_seq == act_seq:
        return
    query = select(RUN.c.id, RUN.c.seq, RUN.c.head).where(RUN.c.id.in_(ids))
    heads = [(row.id, row.seq, row.head) for row in connection.execute(query)] if ids else []
    record = {
        "database_id": secrets.token_hex(16) if last is None else last.database_id,
        "seq": 1 if last is None else last.seq + 1,
        "at": now,
        "runs": len(heads),
        "act_seq": act_seq,
        "act_hash": act_hash,
    }
    previous = BEGINNING if last is None else last.digest
    digest = link(previous, {**record, "heads": heads_digest(heads)})
    connection.execute(insert(CHECKPOINT), {**record, "digest": digest})
    if heads:
        rows = [
            {"checkpoint": record["seq"], "run_id": run_id, "seq": seq, "hash": head} for run_id, seq, head in heads
        ]
        connection.execute(insert(HEAD), rows)


def _newest(connection: Connection) -> Checkpoint:
    row = connection.execute(select(CHECKPOINT).order_by(CHECKPOINT.c.seq.desc()).limit(1)).one()
    runs = connection.execute(select(func.count(HEAD.c.run_id.distinct()))).scalar_one()
    return Checkpoint(row.database_id, row.seq, row.at, runs, row.act_seq, row.digest)
