"""A plan change as its customer follows it: its phases, what is billed meanwhile, and when it will be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from overstap.domain.locks import CREDIT_CHECK
from overstap.domain.quote import Expected


class Phase(StrEnum):
    """A part of a change that its customer can tell from the others, in the order in which they come."""

    ORDERED = "ordered"
    ACKNOWLEDGEMENT = "acknowledgement"
    """R48."""
    BACKUP = "backup"
    """R50."""
    DOMAINS_OFF = "domains_off"
    """R49."""
    BUYING = "buying"
    """R46."""
    CREDIT = "credit"
    """R33 to R38."""
    USERS = "users"
    """R16."""
    LICENCES = "licences"
    """R14, R31."""
    CLOSING = "closing"
    """R19, J4."""
    DOMAINS_BACK = "domains_back"
    """R49."""
    GOING_BACK = "going_back"
    """R39."""
    ENDED = "ended"


class Standing(StrEnum):
    """How far a phase is."""

    DONE = "done"
    NOW = "now"
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Passage:
    """A phase of one change.

    Attributes:
        since: when it began; None while it lies ahead.
    """

    phase: Phase
    standing: Standing
    since: datetime | None


_ALWAYS = (Phase.ORDERED, Phase.USERS, Phase.LICENCES, Phase.CLOSING, Phase.ENDED)
"""What every change comes through that goes well; the others are known once they have begun."""
_PHASES: Mapping[str, Phase] = MappingProxyType(
    {
        "submitted": Phase.ORDERED,
        "acknowledgement": Phase.ACKNOWLEDGEMENT,
        "backup": Phase.BACKUP,
        "preparing": Phase.ORDERED,
        "domain_removal": Phase.DOMAINS_OFF,
        "buying": Phase.BUYING,
        CREDIT_CHECK: Phase.CREDIT,
        "migrating": Phase.USERS,
        "escalated": Phase.USERS,
        "licenses_reassigned": Phase.CLOSING,
        "domain_return": Phase.DOMAINS_BACK,
        "domain_overdue": Phase.DOMAINS_BACK,
        "adding_domains": Phase.DOMAINS_BACK,
        "rolling_back": Phase.GOING_BACK,
        "completed": Phase.ENDED,
        "failed": Phase.ENDED,
        "cancelled": Phase.ENDED,
    }
)
"""By state; while licences are reassigned the state is still that of the users."""
_ORDER = {phase: place for place, phase in enumerate(Phase)}


def phase_of(state: str) -> Phase:
    """The phase in which a state begins; one that is not known belongs to the preparation."""
    return _PHASES.get(state, Phase.ORDERED)


def passages(
    entered: Iterable[tuple[str, datetime]], licences_since: datetime | None, *, ended: bool, manual: bool
) -> tuple[Passage, ...]:
    """The phases that a change came through, and those that lie ahead while it goes well.

    Args:
        entered: the states that it came into and when, the first one first; there is at least one.
        licences_since: when its licences began to be reassigned; None before that.
        ended: whether it has ended.
        manual: whether it goes the manual way, on which the new plan is bought after people have prepared it (R46).
    """
    begun: dict[Phase, datetime] = {}
    now = Phase.ORDERED
    for state, at in entered:
        now = phase_of(state)
        begun.setdefault(now, at)
    if licences_since is not None:
        begun[Phase.LICENCES] = licences_since
        now = Phase.LICENCES if now is Phase.USERS else now
    back = Phase.GOING_BACK in begun or (ended and Phase.CLOSING not in begun)
    ahead = () if ended else (Phase.ENDED,) if back else (*_ALWAYS, *([Phase.BUYING] if manual else []))
    shown = {*begun, *(phase for phase in ahead if _ORDER[phase] > _ORDER[now])}
    return tuple(_passage(phase, now, begun, ended=ended) for phase in sorted(shown, key=_ORDER.__getitem__))


def _passage(phase: Phase, now: Phase, begun: Mapping[Phase, datetime], *, ended: bool) -> Passage:
    if phase is now and not ended:
        standing = Standing.NOW
    else:
        standing = Standing.DONE if _ORDER[phase] <= _ORDER[now] else Standing.AHEAD
    return Passage(phase, standing, begun.get(phase) if standing is not Standing.AHEAD else None)


class Billed(StrEnum):
    """Which of a change's two subscriptions is billed; never both are (rules.md J1)."""

    OLD = "old"
    NONE = "none"
    """Between the order and its end (R18, R19)."""
    NEW = "new"


BILLING = frozenset({"place_order", "start_billing", "restore_billing"})
"""The operations of a provider that decide it."""


def billed(done: Iterable[tuple[str, Mapping[str, object]]]) -> Billed:
    """Which subscription is billed.

    Args:
        done: those of `BILLING` that were done, in their order, each with what was asked for.
    """
    now = Billed.OLD
    for operation, request in done:
        if operation == "place_order":
            now = Billed.OLD if request.get("keep_old_billing") else Billed.NONE
        else:
            now = Billed.NEW if operation == "start_billing" else Billed.OLD
    return now


def expected_end(
    expected: Expected,
    passed: Sequence[Passage],
    moved: tuple[int, int] | None = None,
    moved_at: datetime | None = None,
) -> datetime | None:
    """When a change is done that is migrating, by how fast it went so far; None before and after (rules.md R30, R31).

    Args:
        moved: how many users were moved at last, of how many.
        moved_at: when that was.
    """
    begun = {one.phase: one.since for one in passed if one.since is not None}
    now = next((one.phase for one in passed if one.standing is Standing.NOW), None)
    if now is Phase.LICENCES:
        return begun[now] + expected.licences
    if now is not Phase.USERS:
        return None
    if moved and moved_at and 0 < moved[0] < moved[1] and moved_at > begun[now]:
        return begun[now] + (moved_at - begun[now]) * (moved[1] / moved[0]) + expected.licences
    return begun[now] + expected.ninetieth
