"""The live runs of older versions of a workflow, a page at a time: to be judged, or carried to a newer version."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select
from sqlalchemy.sql import ColumnElement

from overstap.store.acts import advance, hold_runs
from overstap.store.acts_log import record_act
from overstap.store.database import Database
from overstap.store.rows import EFFECT, RUN, SIGNAL
from overstap.store.runs import STORED, StoredRun, to_stored
from overstap.workflow.decide import Decision
from overstap.workflow.versions import UNSETTLED, Around

PAGE = 100
"""Runs in one transaction: workers wait for those that it holds."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are looked at: the live ones of a workflow that follow an older version.

    Attributes:
        below: the version that they would come to.
        ids: only these; None for all.
    """

    workflow: str
    below: int
    ids: frozenset[str] | None = None

    def condition(self) -> ColumnElement[bool]:
        """The same, of the table of runs."""
        condition = (RUN.c.workflow == self.workflow) & (RUN.c.version < self.below) & RUN.c.ended_at.is_(None)
        return condition if self.ids is None else condition & RUN.c.id.in_(self.ids)

    def __contains__(self, stored: object) -> bool:
        return (
            isinstance(stored, StoredRun)
            and (stored.run.workflow, stored.run.ended_at) == (self.workflow, None)
            and stored.run.version < self.below
        )


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A live run, and what is around it."""

    stored: StoredRun
    around: Around


class LiveRuns:
    """The live runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, wanted: Wanted) -> int:
        """How many there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(RUN).where(wanted.condition())).scalar_one())

    def pages(self, wanted: Wanted, now: datetime) -> Iterator[list[LiveRun]]:
        """Those there are, the oldest first, a page at a time; each page is of one moment."""
        after = ""
        while True:
            with self._database.snapshot() as connection:
                query = select(*STORED).where(wanted.condition(), RUN.c.id > after).order_by(RUN.c.id).limit(PAGE)
                page = _with_surroundings(connection, [to_stored(row) for row in connection.execute(query)], now)
            if not page:
                return
            yield page
            after = page[-1].stored.run.id

    def change(
        self, wanted: Wanted, now: Callable[[], datetime], decide: Callable[[LiveRun, datetime], Decision | None]
    ) -> Iterator[list[LiveRun]]:
        """Have somebody decide what each of them becomes, a page in a transaction, while nobody else can change it.

        Args:
            decide: what becomes of a run; None leaves it as it is, to the last byte.

        Yields:
            The runs of each page as they were, after the page is committed.
        """
        after = ""
        while True:
            with self._database.write() as connection:
                query = select(RUN.c.id).where(wanted.condition(), RUN.c.id > after).order_by(RUN.c.id).limit(PAGE)
                ids = list(connection.execute(query).scalars())
                if not ids:
                    return
                # What was found may have ended before it could be held.
                held = [one for one in hold_runs(connection, ids).values() if one in wanted]
                moment = now()
                page = _with_surroundings(connection, held, moment)
                decisions = [decision for one in page if (decision := decide(one, moment)) is not None]
                if decisions:
                    advance(connection, decisions)
            yield page
            after = ids[-1]

    def record(
        self, *, at: datetime, actor: str, kind: str, subject: str, reason: str, data: Mapping[str, Any]
    ) -> None:
        """Write down what an operator did to them all."""
        with self._database.write() as connection:
            record_act(connection, at=at, actor=actor, kind=kind, subject=subject, reason=reason, data=data)


def _with_surroundings(connection: Connection, runs: Sequence[StoredRun], now: datetime) -> list[LiveRun]:
    ids = [stored.run.id for stored in runs]
    pending: dict[str, list[str]] = defaultdict(list)
    query = select(SIGNAL.c.run_id, SIGNAL.c.event).where(SIGNAL.c.run_id.in_(ids), SIGNAL.c.settled_at.is_(None))
    for row in connection.execute(query.order_by(SIGNAL.c.at, SIGNAL.c.id)):
        pending[row.run_id].append(row.event)
    # Of a large tenant's hundreds of effects only the unsettled ones count, and those of the present visit.
    visits = [
        EFFECT.c.key.startswith(f"{one.run.id}:{one.run.state}:{one.run.visit}:", autoescape=True) for one in runs
    ]
    effects: dict[str, dict[str, str]] = defaultdict(dict)
    known = select(EFFECT.c.run_id, EFFECT.c.key, EFFECT.c.status).where(
        EFFECT.c.run_id.in_(ids), or_(EFFECT.c.status.in_(UNSETTLED), *visits)
    )
    for effect in connection.execute(known):
        effects[effect.run_id][effect.key] = effect.status
    return [
        LiveRun(
            stored,
            Around(tuple(pending[stored.run.id]), effects[stored.run.id], _holder(stored, now)),
        )
        for stored in runs
    ]


def _holder(stored: StoredRun, now: datetime) -> str | None:
    """Who holds it; a claim that has run out holds nothing back, and its worker's commit is dropped all the same."""
    return stored.claimed_by if stored.claim_until is not None and stored.claim_until > now else None
