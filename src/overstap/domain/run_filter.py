"""Which runs are meant: one value, the same for a listing, a count and whatever else takes many runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta

_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What a run must be; all that is given must hold, and nothing given means every run.

    Attributes:
        state: in one of these states.
        status: with one of these statuses.
        tenant: of the tenant with this id.
        plan: to this plan.
        workflow, version: carried by this workflow, by this version.
        stuck: nothing takes it on, or its step failed too often in a row.
        escalated: in a state that a deadline led into, where the work goes on.
        overdue: it has not ended and its deadline has passed.
        held: an operator holds it.
        error: its error has this text in it, in large or small letters.
        older_than: it was created longer ago.
        since, until: it was created at `since` or later, and before `until`; to the millisecond, as its id tells it.
    """

    state: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    tenant: str | None = None
    plan: str | None = None
    workflow: str | None = None
    version: int | None = None
    stuck: bool = False
    escalated: bool = False
    overdue: bool = False
    held: bool = False
    error: str | None = None
    older_than: timedelta | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it lets every run through."""
        return all(getattr(self, field.name) == field.default for field in fields(self))

    def created_before(self, now: datetime) -> datetime | None:
        """The moment before which a run must have been created; None when any will do."""
        if self.older_than is None:
            return self.until
        old = now - min(self.older_than, now - _FIRST)
        return old if self.until is None else min(old, self.until)
