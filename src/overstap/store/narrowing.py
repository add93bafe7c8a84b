"""A filter of runs as conditions on columns, a moment of creation as a run's id, and a look into each bucket."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, true, tuple_
from sqlalchemy.sql import ColumnElement
from ulid import ULID

from overstap.domain.run_filter import RunFilter
from overstap.store.rows import RUN
from overstap.store.tally import TALLY, Bucket
from overstap.workflow.run import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Condition = ColumnElement[bool]
Columns = Mapping[str, ColumnElement[Any]]

RUN_BUCKET: Columns = {name: RUN.c[name] for name in Bucket._fields}
RESTING_BUCKET: Columns = {**RUN_BUCKET, "state": RUN.c.rest_state, "status": RUN.c.rest_status}
"""Of runs that nobody holds; the index has no others."""
CLAIMED = RUN.c.claimed_by.is_not(None)
"""What workers carry on at the moment: few, with an index of their own."""
TALLY_BUCKET: Columns = {name: TALLY.c[name] for name in Bucket._fields}
# Coalesced, no index of a column serves: a database that may choose would walk the many runs in a state, to find the
# few of them that have an error.
UNINDEXED: Columns = {name: func.coalesce(column, column) for name, column in RUN_BUCKET.items()}


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A filter with what it takes to be applied.

    Attributes:
        now: the moment at which runs are looked at.
        stuck_after: failed tries in a row from which a run that is tried again counts as stuck.
        escalations: workflow, version and state of those that a deadline led into while the work goes on.
    """

    filter: RunFilter
    now: datetime
    stuck_after: int
    escalations: Collection[tuple[str, int, str]]

    @property
    def few(self) -> bool:
        """Whether an index has just the few runs that it leaves: those of a tenant, with an error, or held."""
        wanted = self.filter
        return wanted.tenant is not None or wanted.held or self._in_trouble

    @property
    def _in_trouble(self) -> bool:
        return self.filter.stuck or self.filter.error is not None

    def sorts(self, columns: Columns, *, active: bool = False) -> list[Condition]:
        """What decides which buckets are meant.

        Args:
            columns: a bucket's, by name.
            active: leave out runs that have ended, whatever the filter says.
        """
        wanted = self.filter
        found: list[Condition] = []
        if wanted.state:
            found.append(columns["state"].in_(wanted.state))
        if wanted.status:
            found.append(columns["status"].in_(wanted.status))
        if wanted.plan is not None:
            found.append(columns["target_plan"] == wanted.plan)
        if wanted.workflow is not None:
            found.append(columns["workflow"] == wanted.workflow)
        if wanted.version is not None:
            found.append(columns["version"] == wanted.version)
        if wanted.escalated:
            found.append(
                tuple_(columns["workflow"], columns["version"], columns["state"]).in_(sorted(self.escalations))
            )
        if active or wanted.overdue:
            found.append(columns["status"] != Status.ENDED.value)
        return found

    def rest(self, deadline: ColumnElement[Any] = RUN.c.deadline_at) -> list[Condition]:
        """What must hold besides; on columns of a run.

        Args:
            deadline: the column that its deadline is read from.
        """
        wanted = self.filter
        found: list[Condition] = []
        if wanted.since is not None:
            found.append(RUN.c.id >= first_id(wanted.since))
        before = wanted.created_before(self.now)
        if before is not None:
            found.append(RUN.c.id < first_id(before))
        if wanted.overdue:
            found.append(deadline < self.now)
        if wanted.tenant is not None:
            found.append(RUN.c.tenant_id == wanted.tenant)
        if self._in_trouble:
            found.append(RUN.c.error.is_not(None))
        if wanted.held:
            found.append(RUN.c.held.is_not(None))
        if wanted.error is not None:
            found.append(RUN.c.error.icontains(wanted.error, autoescape=True))
        if wanted.stuck:
            hopeless = RUN.c.status == Status.STUCK.value
            failing = (RUN.c.status == Status.RETRYING.value) & (RUN.c.attempt >= self.stuck_after)
            found.append(or_(hopeless, failing))
        return found


def first_id(moment: datetime) -> str:
    """The least id that a run created at a moment, to the millisecond, may have: a run's id begins with its time."""
    milliseconds = max(0, (moment - _EPOCH) // timedelta(milliseconds=1))
    return str(ULID.from_bytes(milliseconds.to_bytes(6, "big") + bytes(10)))


def of_buckets(
    connection: Connection,
    buckets: Select[Any],
    look: Callable[[Sequence[Condition]], Select[Any]],
    merge: Callable[[Select[Any]], Select[Any]] = lambda found: found,
) -> list[tuple[Row[Any], Row[Any]]]:
    """What a look into each bucket finds, each row beside its bucket: all of it on SQLite, merged on PostgreSQL.

    Only of runs at rest: what workers carry on is not in the index that this goes by.
    """
    if connection.dialect.name == "sqlite":
        one = look([column == bindparam(f"in_{name}") for name, column in RESTING_BUCKET.items()])
        return [
            (bucket, row)
            for bucket in connection.execute(buckets).all()
            for row in connection.execute(one, {f"in_{name}": getattr(bucket, name) for name in Bucket._fields})
        ]
    there = buckets.subquery("bucket")
    inside = look([column == there.c[name] for name, column in RESTING_BUCKET.items()]).lateral("inside")
    both = select(*(there.c[name] for name in Bucket._fields), inside).select_from(there.join(inside, true()))
    return [(row, row) for row in connection.execute(merge(both))]
