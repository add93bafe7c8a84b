"""Counting runs by what they are: from the tally where it knows, else by the ways that `search` goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select
from sqlalchemy.sql import ColumnElement

from overstap.store.database import Database
from overstap.store.narrowing import (
    CLAIMED,
    RUN_BUCKET,
    TALLY_BUCKET,
    UNINDEXED,
    Condition,
    Narrowing,
    first_id,
    of_buckets,
)
from overstap.store.rows import RUN
from overstap.store.tally import Bucket, counted


class By(StrEnum):
    """What runs are counted by."""

    STATE = "state"
    STATUS = "status"
    PLAN = "plan"
    WORKFLOW = "workflow"
    ERROR = "error"
    """Only those that have one."""
    AGE = "age"
    """Only those that have not ended."""


AGES = {
    "< 1h": timedelta(hours=1),
    "< 1d": timedelta(days=1),
    "< 1w": timedelta(weeks=1),
    "< 2w": timedelta(weeks=2),
}
"""Below which age a run counts as this old, the youngest first; what is left is `OLDER`."""
OLDER = "older"
OTHER_ERRORS = "(other errors)"
_ERRORS = 20
"""Errors counted one by one."""

_Counted = tuple[Row[Any], Row[Any]]
"""A bucket, and what was counted in it."""


class RunCounts:
    """Counts the runs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, narrowing: Narrowing, by: By) -> dict[str, int]:
        """How many runs match, by what they are: the most first, ages from young to old.

        Errors beyond the commonest are summed as `OTHER_ERRORS`.
        """
        with self._database.snapshot() as connection:
            match by:
                case By.ERROR:
                    return _errors(connection, narrowing)
                case By.AGE:
                    return _ages(connection, narrowing)
                case By.STATE | By.STATUS | By.PLAN | By.WORKFLOW:
                    counts: Counter[str] = Counter()
                    name = "target_plan" if by is By.PLAN else by.value
                    for bucket, row in _counted(connection, narrowing):
                        counts[getattr(bucket, name)] += row.runs
                    return dict(counts.most_common())

    def known(self) -> list[Bucket]:
        """Every bucket that has runs."""
        with self._database.read() as connection:
            return [Bucket(*row[:-1]) for row in connection.execute(counted())]


def _counted(connection: Connection, narrowing: Narrowing) -> list[_Counted]:
    """Buckets, each with its `runs` that match."""
    if not narrowing.rest():
        return [(row, row) for row in connection.execute(counted(*narrowing.sorts(TALLY_BUCKET)))]
    return _looked(connection, narrowing, [func.count().label("runs")], active=False)


def _ages(connection: Connection, narrowing: Narrowing) -> dict[str, int]:
    """How many active runs match, by age."""
    younger = {name: func.count().filter(RUN.c.id >= first_id(narrowing.now - age)) for name, age in AGES.items()}
    numbers = [number.label(name) for name, number in {**younger, OLDER: func.count()}.items()]
    looked = [row._mapping for _, row in _looked(connection, narrowing, numbers, active=True)]  # noqa: SLF001
    up_to = [sum(row[name] for row in looked) for name in (*AGES, OLDER)]
    return {name: number - before for name, number, before in zip((*AGES, OLDER), up_to, [0, *up_to[:-1]], strict=True)}


def _looked(
    connection: Connection, narrowing: Narrowing, numbers: Sequence[ColumnElement[Any]], *, active: bool
) -> list[_Counted]:
    few = [] if narrowing.few else [CLAIMED]
    found = select(*RUN_BUCKET.values(), *numbers).where(*few, *narrowing.sorts(UNINDEXED, active=active))
    grouped: Select[Any] = found.where(*narrowing.rest()).group_by(*RUN_BUCKET.values())
    looked: list[_Counted] = [(row, row) for row in connection.execute(grouped)]
    if narrowing.few:
        return looked

    def look(conditions: Sequence[Condition]) -> Select[Any]:
        return select(*numbers).select_from(RUN).where(*conditions, *narrowing.rest(RUN.c.rest_deadline_at))

    return looked + of_buckets(connection, counted(*narrowing.sorts(TALLY_BUCKET, active=active)), look)


def _errors(connection: Connection, narrowing: Narrowing) -> dict[str, int]:
    number = func.count().label("runs")
    matching = select(RUN.c.error, number).where(
        RUN.c.error.is_not(None), *narrowing.sorts(UNINDEXED), *narrowing.rest()
    )
    rows = connection.execute(matching.group_by(RUN.c.error).order_by(number.desc(), RUN.c.error)).all()
    counts = {row.error: row.runs for row in rows[:_ERRORS]}
    others = sum(row.runs for row in rows[_ERRORS:])
    return {**counts, OTHER_ERRORS: others} if others else counts
