"""How many runs are in each state of each workflow version, and which of them is the oldest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from ulid import ULID

from overstap.store.database import Database
from overstap.store.narrowing import CLAIMED, Condition, of_buckets
from overstap.store.rows import RUN
from overstap.store.tally import TALLY, counted
from overstap.workflow.run import Status

Where = tuple[str, int, str]
"""Workflow, version and state."""


@dataclass(frozen=True, slots=True)
class Place:
    """The runs that are in one state of a workflow version.

    Attributes:
        oldest: the id of the one that was created first; None in a state that ends a run.
    """

    runs: int
    oldest: str | None = None

    @property
    def since(self) -> datetime | None:
        """When the oldest was created, to the millisecond; None in a state that ends a run."""
        return None if self.oldest is None else ULID.from_str(self.oldest).datetime


class Places:
    """Reads where the runs of one database are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self) -> dict[Where, Place]:
        """The states that have runs.

        It reads the tally, the beginning of each range of the index of runs at rest, and what workers hold.

        Raises:
            DatabaseUnavailable: when the database does not answer.
        """
        with self._database.snapshot() as connection:
            runs: dict[Where, int] = {}
            for one in connection.execute(counted()):
                where = (one.workflow, one.version, one.state)
                runs[where] = runs.get(where, 0) + one.runs
            active = counted(TALLY.c.status != Status.ENDED.value)
            found = [
                ((bucket.workflow, bucket.version, bucket.state), row.oldest)
                for bucket, row in of_buckets(connection, active, _first)
            ]
            held = select(RUN.c.workflow, RUN.c.version, RUN.c.state, func.min(RUN.c.id).label("oldest"))
            by = held.where(CLAIMED).group_by(RUN.c.workflow, RUN.c.version, RUN.c.state)
            found += [((row.workflow, row.version, row.state), row.oldest) for row in connection.execute(by)]
        oldest: dict[Where, str] = {}
        for where, run_id in found:
            oldest[where] = min(run_id, oldest.get(where, run_id))
        return {where: Place(number, oldest.get(where)) for where, number in runs.items()}


def _first(conditions: Sequence[Condition]) -> Select[Any]:
    return select(RUN.c.id.label("oldest")).where(*conditions).order_by(RUN.c.id).limit(1)
