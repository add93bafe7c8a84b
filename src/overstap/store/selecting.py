"""Which runs an operator means by a filter."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import or_, select

from overstap.store.database import Database
from overstap.store.rows import RUN
from overstap.workflow.run import Status


@dataclass(frozen=True, slots=True)
class Selection:
    """Runs that have not ended, and are all of what is said here.

    Attributes:
        state: the state they are in.
        stuck: their step stopped for good, or failed too often in a row.
        tenant_id: whose they are.
        error: a part of their last error.
    """

    state: str | None = None
    stuck: bool = False
    tenant_id: str | None = None
    error: str | None = None

    @property
    def empty(self) -> bool:
        """Whether it says nothing, and so would mean every run."""
        return self == Selection()


def matching(database: Database, selection: Selection, stuck_after: int) -> list[str]:
    """The ids of the runs that a selection means, the oldest first.

    Args:
        stuck_after: failed tries in a row from which a run counts as stuck.
    """
    query = select(RUN.c.id).where(RUN.c.ended_at.is_(None)).order_by(RUN.c.id)
    if selection.state is not None:
        query = query.where(RUN.c.state == selection.state)
    if selection.stuck:
        query = query.where(or_(RUN.c.status == Status.STUCK.value, RUN.c.attempt >= stuck_after))
    if selection.tenant_id is not None:
        query = query.where(RUN.c.tenant_id == selection.tenant_id)
    if selection.error is not None:
        query = query.where(RUN.c.error.icontains(selection.error, autoescape=True))
    with database.read() as connection:
        return list(connection.execute(query).scalars())
