"""Limits on what is asked of providers, kept over all workers by the database (ADR 18)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, literal, select, tuple_, update
from sqlalchemy.sql import ColumnElement

from overstap.store import permits
from overstap.store.batch import Claim
from overstap.store.database import Database
from overstap.store.permits import STILL_WAITS, WAITING, WHOLE, Standing
from overstap.store.rows import RUN
from overstap.store.wakeup import notify
from overstap.workflow.limits import Cause, Limit, Rate
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run

_PAGE = 1000
_LET_GO = (
    update(RUN)
    .where(RUN.c.id == bindparam("b_id"))
    .values(due_at=bindparam("b_due_at"), claimed_by=None, claim_until=None)
)


@dataclass(slots=True)
class Admission:
    """What became of runs that were about to start a step.

    Attributes:
        granted: ids of those that may.
        waiting: ids of those that were let go until they may.
        lost: run id to the worker that holds it now (None: nobody), for claims that hold no more.
    """

    granted: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    lost: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Ask:
    claim: Claim
    place: tuple[datetime, str]
    overtaken: bool

    @property
    def run(self) -> Run:
        return self.claim.run


class LimitBook:
    """The limits of one process over one database; all processes are to be given the same.

    Args:
        workflows: name and version of the definitions this process has.
        limits: by provider.
        tenants: how fast each tenant's steps may reach a provider.
    """

    def __init__(
        self,
        database: Database,
        workflows: Iterable[tuple[str, int]],
        limits: Mapping[str, Limit],
        tenants: Rate | None = None,
    ) -> None:
        self._database = database
        self._ours = tuple_(RUN.c.workflow, RUN.c.version).in_(sorted(workflows))
        self._limits = limits
        self._tenants = tenants

    def admit(
        self, asking: Mapping[str, Sequence[Claim]], leaving: Collection[Claim], now: datetime, latest: datetime
    ) -> Admission:
        """Give permits to claimed runs in the order of their turns, and let go those for whom there is none.

        Args:
            asking: by provider, the claims that are about to start a step there.
            leaving: claims that start none: they stand in no line any more.
            latest: when those are looked at again of whom nobody knows when their turn comes.
        """
        result = Admission()
        claims = {claim.run.id: claim for group in (leaving, *asking.values()) for claim in group}
        with self._database.read() as connection:
            stood = permits.lines_of(connection, claims)
        asked = {claim.run.id for group in asking.values() for claim in group}
        if not asked and not stood:
            return result
        with self._database.write() as connection:
            rows = _valid(connection, [claims[run_id] for run_id in asked | stood.keys()], result)
            asks = _asks(asking, rows, now)
            # Whoever stood in a line leaves it, whatever comes of it: what is free there goes to the next.
            left = {run_id: provider for run_id, provider in stood.items() if run_id in rows}
            arrivals = permits.hold(connection, {*asks, *left.values()})
            permits.leave(connection, left)
            woken = []
            for name, arrival in arrivals.items():
                standing, busy = self._stand(connection, name, arrival)
                if name in asks:
                    self._admit(connection, name, standing, busy, asks[name], result, now, latest)
                woken.append(permits.wake(connection, self._ours, name, standing, now))
            if any(woken):
                notify(connection)
        return result

    def pass_on(self, providers: Collection[str], now: datetime, *, sweep: bool = False) -> bool:
        """Wake those in the lines for whom there is room now; answers whether there were any.

        Args:
            sweep: look for those too that wait no more.
        """
        if not (self._anyone_stands(providers) if sweep else self.anyone_waits(providers)):
            return False
        with self._database.write() as connection:
            woken = []
            for name, arrival in permits.hold(connection, providers).items():
                if sweep:
                    permits.sweep(connection, name)
                standing, _ = self._stand(connection, name, arrival)
                woken.append(permits.wake(connection, self._ours, name, standing, now))
            if any(woken):
                notify(connection)
        return any(woken)

    def dissolve(self, kept: Collection[str], now: datetime) -> None:
        """Make due whoever stands in a line that nothing limits any more.

        Args:
            kept: the providers that are limited.
        """
        gone = WAITING.c.provider.not_in(sorted(kept))
        with self._database.read() as connection:
            if connection.execute(select(WAITING.c.run_id).where(gone).limit(1)).first() is None:
                return
        with self._database.write() as connection:
            waiting = select(RUN.c.id).join(WAITING, STILL_WAITS).where(gone, RUN.c.claimed_by.is_(None))
            ids = connection.execute(waiting.order_by(RUN.c.id).with_for_update(of=RUN)).scalars().all()
            sooner = (RUN.c.due_at > now) & RUN.c.claimed_by.is_(None)
            for first in range(0, len(ids), _PAGE):
                connection.execute(
                    update(RUN).where(RUN.c.id.in_(ids[first : first + _PAGE]), sooner).values(due_at=now)
                )
            permits.hold(connection, connection.execute(select(WAITING.c.provider).where(gone).distinct()).scalars())
            connection.execute(delete(WAITING).where(gone))
            notify(connection)

    def anyone_waits(self, providers: Collection[str]) -> bool:
        """Whether any run waits for one of these providers."""
        return self._anyone_stands(providers, STILL_WAITS, self._ours)

    def _anyone_stands(self, providers: Collection[str], *those: ColumnElement[bool]) -> bool:
        there = select(literal(1)).where(WAITING.c.provider.in_(sorted(providers)), *those).limit(1)
        with self._database.read() as connection:
            return connection.execute(there).first() is not None

    def _stand(self, connection: Connection, provider: str, arrival: datetime | None) -> tuple[Standing, set[str]]:
        limit = self._limits.get(provider, Limit())
        busy = permits.under_way(connection, provider) if limit.at_once is not None else set()
        slots = None if limit.at_once is None else max(0, limit.at_once - len(busy))
        return Standing(limit, arrival, slots), busy

    def _admit(
        self,
        connection: Connection,
        provider: str,
        standing: Standing,
        busy: Collection[str],
        asks: Sequence[_Ask],
        result: Admission,
        now: datetime,
        latest: datetime,
    ) -> None:
        tenants = self._tenant_arrivals(connection, provider, asks)
        room = standing.room(now)
        line: list[tuple[datetime, str]] = []
        if room:
            first = connection.execute(permits.line(self._ours, provider, room))
            line = [(row.turn, row.run_id) for row in first]
        granted: list[_Ask] = []
        waiting: list[tuple[_Ask, Cause]] = []
        for ask in sorted(asks, key=lambda one: one.place):
            tenant = ask.run.tenant_id
            if ask.run.id in busy:  # its step gave way to a signal that came to nothing: it goes on where it was
                result.granted.add(ask.run.id)
            elif self._tenants is not None and not self._tenants.available(tenants.get(tenant), now):
                waiting.append((ask, Cause.TENANT))
            elif room is None or len(granted) + bisect_left(line, ask.place) < room:
                granted.append(ask)
                if self._tenants is not None:
                    tenants[tenant] = self._tenants.spend(tenants.get(tenant), now, 1)
            else:
                waiting.append((ask, Cause.PROVIDER))
        standing.spend(len(granted), now)
        self._start(connection, provider, standing, granted, tenants)
        result.granted |= {ask.run.id for ask in granted}
        self._let_go(connection, provider, standing, waiting, tenants, now, latest)
        result.waiting |= {ask.run.id for ask, _ in waiting}

    def _tenant_arrivals(self, connection: Connection, provider: str, asks: Sequence[_Ask]) -> dict[str, datetime]:
        if self._tenants is None:
            return {}
        return permits.arrivals(connection, provider, {ask.run.tenant_id for ask in asks})

    def _start(
        self,
        connection: Connection,
        provider: str,
        standing: Standing,
        granted: Sequence[_Ask],
        tenants: Mapping[str, datetime],
    ) -> None:
        started = {ask.run.tenant_id for ask in granted}
        moments = {name: moment for name, moment in tenants.items() if name in started}
        if standing.limit.rate is not None and granted and standing.arrival is not None:
            moments[WHOLE] = standing.arrival
        permits.set_arrivals(connection, provider, moments)
        if standing.limit.at_once is not None:
            rows = [{"run_id": ask.run.id, "claim_token": ask.claim.token, "seq": ask.run.seq} for ask in granted]
            permits.permit(connection, provider, rows)

    def _let_go(
        self,
        connection: Connection,
        provider: str,
        standing: Standing,
        waiting: Sequence[tuple[_Ask, Cause]],
        tenants: Mapping[str, datetime],
        now: datetime,
        latest: datetime,
    ) -> None:
        if not waiting:
            return
        before = permits.count_waiting(connection, provider)
        updates = []
        for ask, cause in waiting:
            run = ask.run
            if cause is Cause.TENANT and self._tenants is not None:
                until = self._tenants.moment(tenants.get(run.tenant_id), now)
            else:
                until, before = standing.moment(before, now) or latest, before + 1
            # A deadline comes in time. One that has passed waits for an answer that is looked at first.
            if run.deadline_at is not None and run.deadline_at > now:
                until = min(until, run.deadline_at)
            updates.append({"b_id": run.id, "b_due_at": now if ask.overtaken else until})
        connection.execute(_LET_GO, updates)
        rows = [
            {"run_id": ask.run.id, "seq": ask.run.seq, "turn": ask.place[0], "cause": cause.value}
            for ask, cause in waiting
        ]
        permits.wait(connection, provider, rows)


def _valid(connection: Connection, claims: Iterable[Claim], result: Admission) -> dict[str, Row[Any]]:
    """Lock the runs of claims, in one order for all writers; answers those whose claims hold, by id."""
    given = {claim.run.id: claim for claim in claims}
    columns = [RUN.c.id, RUN.c.claim_token, RUN.c.claimed_by, RUN.c.inbox, RUN.c.seq, RUN.c.priority]
    query = select(*columns).where(RUN.c.id.in_(sorted(given))).order_by(RUN.c.id).with_for_update()
    rows: dict[str, Row[Any]] = {row.id: row for row in connection.execute(query)}
    for run_id, claim in given.items():
        row = rows.get(run_id)
        held = row is not None and row.claimed_by is not None
        if row is None or not held or (row.claim_token, row.seq) != (claim.token, claim.run.seq):
            result.lost[run_id] = None if row is None else row.claimed_by
            rows.pop(run_id, None)
    return rows


def _asks(asking: Mapping[str, Sequence[Claim]], rows: Mapping[str, Row[Any]], now: datetime) -> dict[str, list[_Ask]]:
    """What is asked for runs that are locked, by provider."""
    asks: dict[str, list[_Ask]] = {}
    for provider, claims in asking.items():
        for claim in claims:
            run, row = claim.run, rows.get(claim.run.id)
            if row is not None:
                turn = (run.wake_at or now) - Priority.of(row.priority).head_start
                asks.setdefault(provider, []).append(_Ask(claim, (turn, run.id), row.inbox != claim.inbox))
    return asks
