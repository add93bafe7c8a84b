"""What limits stand on, inside somebody's transaction: who is under way at a provider, and who waits for it.

Rows are locked in one order: whoever asks, gives or leaves here has locked the runs that it is about, then holds the
rows of `throttle` of all providers that it is about, in the order of their names, and only then touches who is under
way or waits there: nobody else does. Runs of others are only touched where nobody has locked them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, exists, func, select, update
from sqlalchemy.sql import ColumnElement

from overstap.store.database import upserting
from overstap.store.limit_tables import PermitRow, ThrottleRow, WaitingRow
from overstap.store.rows import RUN
from overstap.workflow.limits import Cause, Limit

THROTTLE: Table = ThrottleRow.__table__  # type: ignore[attr-defined]
PERMIT: Table = PermitRow.__table__  # type: ignore[attr-defined]
WAITING: Table = WaitingRow.__table__  # type: ignore[attr-defined]

WHOLE = ""
"""In the place of a tenant: the provider's own row."""

_UNDER_WAY = (
    (RUN.c.id == PERMIT.c.run_id)
    & (RUN.c.claim_token == PERMIT.c.claim_token)
    & (RUN.c.seq == PERMIT.c.seq)
    & RUN.c.claimed_by.is_not(None)
)
STILL_WAITS = (RUN.c.id == WAITING.c.run_id) & (RUN.c.seq == WAITING.c.seq) & RUN.c.ended_at.is_(None)


@dataclass(slots=True)
class Standing:
    """How a limit of a provider stands; `arrival` is as `workflow.limits` has it.

    Attributes:
        slots: steps that may still be started beside those under way; None for any number.
    """

    limit: Limit
    arrival: datetime | None
    slots: int | None

    def room(self, now: datetime) -> int | None:
        """How many steps may be started now; None for any number."""
        tickets = self.limit.rate.available(self.arrival, now) if self.limit.rate else None
        return min((one for one in (tickets, self.slots) if one is not None), default=None)

    def spend(self, steps: int, now: datetime) -> None:
        """So many steps are started."""
        if self.slots is not None:
            self.slots -= steps
        if self.limit.rate is not None and steps:
            self.arrival = self.limit.rate.spend(self.arrival, now, steps)

    def moment(self, before: int, now: datetime) -> datetime | None:
        """When a step may be started with so many before it; None: not before one that is under way ends."""
        if self.slots is not None and before >= self.slots:
            return None
        return self.limit.rate.moment(self.arrival, now, before) if self.limit.rate else now


def hold(connection: Connection, providers: Iterable[str]) -> dict[str, datetime | None]:
    """Hold the rows of providers until the transaction ends, in one order for all; answers their arrivals."""
    return {provider: _hold(connection, provider) for provider in sorted(providers)}


def _hold(connection: Connection, provider: str) -> datetime | None:
    mine = (THROTTLE.c.provider == provider) & (THROTTLE.c.tenant_id == WHOLE)
    query = select(THROTTLE.c.arrival).where(mine).with_for_update()
    row = connection.execute(query).first()
    if row is None:
        put = upserting(connection, THROTTLE).values(provider=provider, tenant_id=WHOLE, arrival=None)
        connection.execute(put.on_conflict_do_nothing())
        row = connection.execute(query).one()
    arrival: datetime | None = row.arrival
    return arrival


def arrivals(connection: Connection, provider: str, tenant_ids: Collection[str]) -> dict[str, datetime]:
    """The arrivals of tenants at a provider that is held."""
    theirs = (THROTTLE.c.provider == provider) & THROTTLE.c.tenant_id.in_(sorted(tenant_ids))
    return {row.tenant_id: row.arrival for row in connection.execute(select(THROTTLE).where(theirs))}


def set_arrivals(connection: Connection, provider: str, moments: Mapping[str, datetime]) -> None:
    """Keep arrivals at a provider that is held, by tenant."""
    if not moments:
        return
    rows = [{"provider": provider, "tenant_id": name, "arrival": moments[name]} for name in sorted(moments)]
    put = upserting(connection, THROTTLE)
    changes = {"arrival": put.excluded.arrival}
    connection.execute(put.on_conflict_do_update(index_elements=["provider", "tenant_id"], set_=changes), rows)


def under_way(connection: Connection, provider: str) -> set[str]:
    """The runs that have a step under way at a provider that is held."""
    here = PERMIT.c.provider == provider
    # A permit is never given back, its run goes on or changes hands: sweep up those that count no more.
    connection.execute(delete(PERMIT).where(here, ~exists().where(_UNDER_WAY)))
    return set(connection.execute(select(PERMIT.c.run_id).where(here)).scalars())


def permit(connection: Connection, provider: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write down that steps are started: of the claim and at the journal entry that each row names."""
    if not rows:
        return
    put = upserting(connection, PERMIT)
    changes = {name: put.excluded[name] for name in ("provider", "claim_token", "seq")}
    connection.execute(
        put.on_conflict_do_update(index_elements=["run_id"], set_=changes),
        [{**row, "provider": provider} for row in rows],
    )


def wait(connection: Connection, provider: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write down who waits for a provider."""
    if not rows:
        return
    put = upserting(connection, WAITING)
    changes = {name: put.excluded[name] for name in ("provider", "seq", "turn", "cause")}
    connection.execute(
        put.on_conflict_do_update(index_elements=["run_id"], set_=changes),
        [{**row, "provider": provider} for row in rows],
    )


def lines_of(connection: Connection, run_ids: Collection[str]) -> dict[str, str]:
    """In which lines runs stand: the provider of each that stands in one."""
    query = select(WAITING.c.run_id, WAITING.c.provider).where(WAITING.c.run_id.in_(sorted(run_ids)))
    return {row.run_id: row.provider for row in connection.execute(query)}


def leave(connection: Connection, run_ids: Collection[str]) -> None:
    """Forget that runs waited, for providers that are held."""
    if run_ids:
        connection.execute(delete(WAITING).where(WAITING.c.run_id.in_(sorted(run_ids))))


def count_waiting(connection: Connection, provider: str) -> int:
    """How many runs wait for a provider, a few too many: some may wait no more."""
    query = select(func.count()).where(WAITING.c.provider == provider, WAITING.c.cause == Cause.PROVIDER.value)
    return connection.execute(query).scalar_one()


def line(ours: ColumnElement[bool], provider: str, first: int) -> Select[Any]:
    """The first runs in the line for a provider.

    Args:
        ours: what the runs are that this process could take; it waits for no others.
    """
    return (
        select(WAITING.c.turn, WAITING.c.run_id, RUN.c.due_at, RUN.c.wake_at, RUN.c.claimed_by)
        .where(WAITING.c.provider == provider, WAITING.c.cause == Cause.PROVIDER.value, STILL_WAITS, ours)
        .order_by(WAITING.c.turn, WAITING.c.run_id)
        .limit(first)
    )


def wake(connection: Connection, ours: ColumnElement[bool], provider: str, standing: Standing, now: datetime) -> bool:
    """Make due, each at its moment, the first in the line for whom there is room; answers whether any is due now."""
    first = standing.slots if standing.slots is not None else standing.room(now)
    if not first:
        return False
    rows = connection.execute(line(ours, provider, first).with_for_update(of=RUN, skip_locked=True)).all()
    earlier = []
    for before, row in enumerate(rows):
        moment = standing.moment(before, now)
        if row.claimed_by is not None or moment is None:
            continue
        # Due since its turn, so that it is taken before those who came later.
        due_at = moment if moment > now else min(row.wake_at or now, now)
        if row.due_at is None or due_at < row.due_at:
            earlier.append({"b_id": row.run_id, "b_due_at": due_at})
    _make_due(connection, earlier)
    return any(one["b_due_at"] <= now for one in earlier)


def step_out(connection: Connection, run_ids: Collection[str], now: datetime) -> None:
    """Take runs that the transaction holds out of their lines, and have as many of those behind them ask anew.

    This is for those who know no limits: whoever asks in vain waits on in its place.
    """
    stood = lines_of(connection, run_ids)
    lines = Counter(stood.values())
    hold(connection, lines)
    leave(connection, stood)
    for provider, places in sorted(lines.items()):
        asleep = RUN.c.claimed_by.is_(None) & (RUN.c.due_at > now)
        rows = connection.execute(line(asleep, provider, places).with_for_update(of=RUN, skip_locked=True))
        _make_due(connection, [{"b_id": row.run_id, "b_due_at": min(row.wake_at or now, now)} for row in rows])


def _make_due(connection: Connection, moments: Sequence[Mapping[str, Any]]) -> None:
    if moments:
        connection.execute(
            update(RUN).where(RUN.c.id == bindparam("b_id")).values(due_at=bindparam("b_due_at")), moments
        )


def sweep(connection: Connection, provider: str) -> None:
    """Forget those in the line for a provider that wait no more: they went on, or ended."""
    connection.execute(delete(WAITING).where(WAITING.c.provider == provider, ~exists().where(STILL_WAITS)))
