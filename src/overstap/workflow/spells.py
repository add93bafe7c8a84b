"""How a run's time went, in values: stays in a state, times in which nothing was written, and tries of a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from overstap.workflow.run import Kind


class Why(StrEnum):
    """Why nothing was written for a while."""

    DUE = "due"
    """It was a worker's turn: a step was under way, or nobody had taken the run up."""
    PAUSE = "pause"
    """A step had failed, and its next try was not due yet."""
    ANSWER = "answer"
    """A step had asked, and waited until a moment for the answer."""
    OUTSIDE = "outside"
    """It waited for a signal or for its deadline."""
    HELD = "held"
    """An operator held it."""
    STUCK = "stuck"
    """A step had stopped for good: somebody had to look."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One stay in a state.

    Attributes:
        number: the run's `visit`, 1 for the first.
        left: None while it is there; an end is left as it is entered.
        until: when it left, or the moment that is looked from.
        event: what led into it, None for the first.
        actor: who or what sent that.
        failures: tries of its steps that failed.
    """

    number: int
    state: str
    entered: datetime
    left: datetime | None
    until: datetime
    event: str | None
    actor: str
    failures: int = 0

    @property
    def took(self) -> timedelta:
        """How long it stayed, or has been there."""
        return self.until - self.entered


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which nothing was written, or the part of it with one reason.

    Attributes:
        step: the step that it was about, as far as the journal tells.
    """

    visit: int
    state: str
    step: str | None
    why: Why
    since: datetime
    until: datetime

    @property
    def took(self) -> timedelta:
        """How long it was."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Waited:
    """All spells of one kind in one visit.

    Attributes:
        took: their time together.
    """

    longest: Spell
    times: int
    took: timedelta


@dataclass(frozen=True, slots=True)
class Attempts:
    """What came of a step in one visit.

    Attributes:
        tries: how often it answered.
        failures: how many of these were failures.
        answered: what it said last: a journal entry's kind.
        failed: whether that was a failure.
        error: the last failure, None when there was none.
    """

    visit: int
    state: str
    step: str
    first: datetime
    last: datetime
    tries: int
    failures: int
    answered: Kind
    failed: bool
    error: str | None
