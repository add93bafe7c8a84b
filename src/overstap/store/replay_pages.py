"""Plans of replays a page at a time: what people look at while a plan of very many runs is made and carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from overstap.store.database import Database
from overstap.store.replays import ITEM, PLAN, ReplayItem, ReplayPlan, to_item, to_plan
from overstap.store.rows import RUN

_WILL_RUN = ITEM.c.why.is_(None)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many runs of a plan are what.

    Attributes:
        will_run: those that the plan replays.
        skipped: those that it skips.
        replayed: those that were replayed.
        left_out: those that it was to replay, and that were skipped when it was executed.
    """

    will_run: int = 0
    skipped: int = 0
    replayed: int = 0
    left_out: int = 0

    @property
    def to_do(self) -> int:
        """Those with which nothing was done yet."""
        return self.will_run - self.replayed - self.left_out


@dataclass(frozen=True, slots=True)
class Mark:
    """One run of a plan without its details.

    Attributes:
        skipped: whether the plan skips it, or its execution did.
        replayed_seq: the journal entry that replayed it.
    """

    run_id: str
    skipped: bool
    replayed_seq: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is that a plan replayed.

    Attributes:
        seq: how far its journal is.
    """

    run_id: str
    seq: int
    claimed_by: str | None
    due_at: datetime | None


class PlanPages:
    """The plans of one database, in parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plans(self, limit: int, before: str | None) -> list[tuple[ReplayPlan, Tally]]:
        """The plans, the newest first.

        Args:
            before: only those made before the one with this id.
        """
        query = select(PLAN).order_by(PLAN.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(PLAN.c.id < before)
        with self._database.snapshot() as connection:
            plans = [to_plan(row) for row in connection.execute(query)]
            counted = select(
                ITEM.c.plan_id,
                func.count().label("runs"),
                func.sum(case((_WILL_RUN, 1), else_=0)).label("will_run"),
                func.count(ITEM.c.replayed_seq).label("replayed"),
                func.count(ITEM.c.skipped).label("left_out"),
            ).where(ITEM.c.plan_id.in_([one.id for one in plans]))
            tallies = {
                row.plan_id: Tally(int(row.will_run), row.runs - int(row.will_run), row.replayed, row.left_out)
                for row in connection.execute(counted.group_by(ITEM.c.plan_id))
            }
        return [(one, tallies.get(one.id, Tally())) for one in plans]

    def marks(self, plan_id: str) -> list[Mark]:
        """All runs of a plan, in the order of their ids."""
        skipped = ITEM.c.why.is_not(None) | ITEM.c.skipped.is_not(None)
        query = select(ITEM.c.run_id, case((skipped, 1), else_=0).label("skipped"), ITEM.c.replayed_seq)
        with self._database.read() as connection:
            rows = connection.execute(query.where(ITEM.c.plan_id == plan_id).order_by(ITEM.c.run_id)).all()
        return [Mark(row.run_id, bool(row.skipped), row.replayed_seq) for row in rows]

    def items(self, plan_id: str, run_ids: Sequence[str]) -> list[ReplayItem]:
        """Some items of a plan, in the order of their runs' ids."""
        query = select(ITEM).where(ITEM.c.plan_id == plan_id, ITEM.c.run_id.in_(run_ids)).order_by(ITEM.c.run_id)
        with self._database.read() as connection:
            return [to_item(row) for row in connection.execute(query)]

    def places(self, plan_id: str) -> list[Place]:
        """Where the runs are that a plan replayed."""
        columns = (RUN.c.id, RUN.c.seq, RUN.c.claimed_by, RUN.c.due_at)
        query = select(*columns).join(ITEM, ITEM.c.run_id == RUN.c.id)
        mine = (ITEM.c.plan_id == plan_id) & ITEM.c.replayed_seq.is_not(None)
        with self._database.read() as connection:
            return [Place(*row) for row in connection.execute(query.where(mine))]
