"""The hash chains as they are stored, for who checks or exports them.

What is read here may have been tampered with: a value that its column's type cannot read makes no error, but a record
of None.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    RowMapping,
    Select,
    Table,
    Text,
    func,
    literal,
    or_,
    select,
    tuple_,
    type_coerce,
)

from overstap.store.acts_log import ACT
from overstap.store.database import Database
from overstap.store.rows import JOURNAL, RUN
from overstap.store.tables import CheckpointHeadRow, CheckpointRow
from overstap.workflow.breaches import Link, Tip

CHECKPOINT: Table = CheckpointRow.__table__  # type: ignore[attr-defined]
HEAD: Table = CheckpointHeadRow.__table__  # type: ignore[attr-defined]

_RUNS = 200
_ROWS = 1000


@dataclass(frozen=True, slots=True)
class RunChain:
    """The journal of one run as a chain.

    Attributes:
        tip: where the run itself says it is; None when there is no such run.
        kept: the number of a checkpoint, and where the run was then.
    """

    run_id: str
    links: list[Link]
    tip: Tip | None
    kept: list[tuple[int, Tip]]


@dataclass(frozen=True, slots=True)
class Exported:
    """One record with its hash and the one before it; `previous` is empty for the first of its chain."""

    link: Link
    previous: str
    name: str


class Chains:
    """Reads the chains of one database, and never all of them at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._raw = database.dialect == "sqlite"

    def count(self) -> int:
        """How many runs there are."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(RUN)).scalar_one()

    def runs(self) -> Iterator[RunChain]:
        """The chain of each run, also of one that only its journal or a checkpoint still knows; each of one moment."""
        after = ""
        while True:
            with self._database.snapshot() as connection:
                page = select(RUN.c.id, RUN.c.seq, RUN.c.head).where(RUN.c.id > after).order_by(RUN.c.id).limit(_RUNS)
                runs = {row.id: Tip(row.seq, row.head, "the run", newest=True) for row in connection.execute(page)}
                last = next(reversed(runs)) if len(runs) == _RUNS else None
                yield from self._page(connection, runs, after, last)
            if last is None:
                return
            after = last

    def _page(self, connection: Connection, runs: dict[str, Tip], after: str, last: str | None) -> Iterator[RunChain]:
        kept: dict[str, list[tuple[int, Tip]]] = {}
        for row in connection.execute(_between(select(HEAD), HEAD.c.run_id, after, last)):
            tip = Tip(row.seq, row.hash, f"checkpoint {row.checkpoint}")
            kept.setdefault(row.run_id, []).append((row.checkpoint, tip))
        silent = runs.keys() | kept.keys()
        query = _between(self._select(JOURNAL), JOURNAL.c.run_id, after, last).order_by(JOURNAL.c.run_id, JOURNAL.c.seq)
        stream = connection.execution_options(yield_per=_ROWS).execute(query).mappings()
        for run_id, rows in groupby(stream, key=lambda row: str(row["run_id"])):
            silent -= {run_id}
            yield RunChain(run_id, self._links(rows), runs.get(run_id), kept.get(run_id, []))
        for run_id in sorted(silent):
            yield RunChain(run_id, [], runs.get(run_id), kept.get(run_id, []))

    def acts(self) -> list[Link]:
        """The chain of the acts that belong to no single run."""
        with self._database.read() as connection:
            return self._links(connection.execute(self._select(ACT).order_by(ACT.c.seq)).mappings())

    def last_acts(
        self, before: int | None, limit: int, *, kind: str | None = None, text: str | None = None
    ) -> list[Link]:
        """The newest acts, the newest first.

        Args:
            before: only those with a smaller number.
            kind: only those of this kind.
            text: only those that have it in their actor, subject or reason, in large or small letters.
        """
        query = self._select(ACT).order_by(ACT.c.seq.desc()).limit(limit)
        if before is not None:
            query = query.where(ACT.c.seq < before)
        if kind is not None:
            query = query.where(ACT.c.kind == kind)
        if text is not None:
            columns = (ACT.c.actor, ACT.c.subject, ACT.c.reason)
            query = query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
        with self._database.read() as connection:
            return self._links(connection.execute(query).mappings())

    def kinds_of_acts(self) -> list[str]:
        """The kinds of acts that there are, sorted."""
        with self._database.read() as connection:
            return sorted(connection.execute(select(ACT.c.kind).distinct()).scalars())

    def checkpoints(self) -> list[Link]:
        """The chain of the checkpoints."""
        with self._database.snapshot() as connection:
            query = select(HEAD.c.checkpoint, HEAD.c.run_id, HEAD.c.seq, HEAD.c.hash).order_by(HEAD.c.checkpoint)
            heads = connection.execution_options(yield_per=_ROWS).execute(query)
            digests = {
                number: heads_digest((row.run_id, row.seq, row.hash) for row in rows)
                for number, rows in groupby(heads, key=lambda row: row.checkpoint)
            }
            rows = connection.execute(self._select(CHECKPOINT).order_by(CHECKPOINT.c.seq)).mappings().all()
        links = []
        for row in rows:
            record = self._record(row)
            if record is not None:
                record["heads"] = digests.pop(row["seq"], heads_digest(()))
            links.append(Link(row["seq"], record, row["digest"]))
        return links

    def journal_since(self, since: datetime | None) -> Iterator[Exported]:
        """The journal entries from a moment on, by runs, a page at a time."""
        before = JOURNAL.alias()
        query = (
            self._select(JOURNAL, before.c.hash.label("previous"))
            .outerjoin_from(
                JOURNAL, before, (before.c.run_id == JOURNAL.c.run_id) & (before.c.seq == JOURNAL.c.seq - 1)
            )
            .order_by(JOURNAL.c.run_id, JOURNAL.c.seq)
            .limit(_ROWS)
        )
        if since is not None:
            query = query.where(JOURNAL.c.at >= since)
        last: tuple[str, int] | None = None
        while True:
            page = query
            if last is not None:
                key = tuple_(JOURNAL.c.run_id, JOURNAL.c.seq)
                page = page.where(key > tuple_(literal(last[0]), literal(last[1])))
            with self._database.read() as connection:
                rows = connection.execute(page).mappings().all()
            for row in rows:
                name = f"Entry {row['seq']} of run {row['run_id']}"
                yield Exported(self._link(row), row["previous"] or "", name)
            if len(rows) < _ROWS:
                return
            last = rows[-1]["run_id"], rows[-1]["seq"]

    def acts_since(self, since: datetime | None) -> Iterator[Exported]:
        """The acts from a moment on."""
        before = ACT.alias()
        query = (
            self._select(ACT, before.c.hash.label("previous"))
            .outerjoin_from(ACT, before, before.c.seq == ACT.c.seq - 1)
            .order_by(ACT.c.seq)
        )
        if since is not None:
            query = query.where(ACT.c.at >= since)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        for row in rows:
            yield Exported(self._link(row), row["previous"] or "", f"Act {row['seq']}")

    def _select(self, table: Table, *more: Any) -> Select[Any]:
        # SQLite keeps moments and documents as text, and whatever else somebody wrote there.
        return select(
            *(type_coerce(one, Text).label(one.name) if self._coerced(one) else one for one in table.c), *more
        )

    def _coerced(self, column: Column[Any]) -> bool:
        return self._raw and column.name in {"at", "data"}

    def _links(self, rows: Iterable[RowMapping]) -> list[Link]:
        return [self._link(row) for row in rows]

    def _link(self, row: RowMapping) -> Link:
        return Link(row["seq"], self._record(row), row["hash"])

    def _record(self, row: RowMapping) -> dict[str, Any] | None:
        record = {name: value for name, value in row.items() if name not in {"hash", "digest", "previous"}}
        try:
            if self._raw:
                record["at"] = datetime.fromisoformat(record["at"]).replace(tzinfo=UTC)
                if "data" in record:
                    record["data"] = orjson.loads(record["data"])
        except (ValueError, TypeError):
            return None
        return record


def heads_digest(heads: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256 over the heads of a checkpoint: run, number and hash of each, by runs, one a line."""
    lines = sorted(f"{run_id} {seq} {hashed}\n" for run_id, seq, hashed in heads)  # a database may sort otherwise
    return sha256("".join(lines).encode()).hexdigest()


def _between(query: Select[Any], column: Any, after: str, last: str | None) -> Select[Any]:
    query = query.where(column > after)
    return query if last is None else query.where(column <= last)
