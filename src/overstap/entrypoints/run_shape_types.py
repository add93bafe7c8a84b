"""What the functions of `run_shapes` answer, key by key.

Moments are ISO 8601 in UTC, durations are in seconds.
"""

from __future__ import annotations

from typing import Any, NotRequired

from typing_extensions import TypedDict

from overstap.domain.findings import ToldFinding
from overstap.entrypoints.shape_types import Json, RunSummary
from overstap.workflow.run import Status


class RunEntry(TypedDict):
    """A journal entry, written at a moment in ISO 8601, UTC; `kind` tells which keys `data` has."""

    seq: int
    at: str
    kind: str
    event: str | None
    from_state: str | None
    to_state: str | None
    step: str | None
    actor: str
    data: Json
    hash: str


class RunHolder(TypedDict):
    """The worker that holds a run, until a moment in ISO 8601, UTC, at which any other may take it."""

    worker: str
    until: str
    seen_at: str | None
    stopped_at: str | None
    alive: bool


class LimitWait(TypedDict):
    """The limit that keeps a run's step from being started, of its `provider` or its `tenant`; ISO 8601, UTC."""

    provider: str
    cause: str
    since: str
    until: str


class RunEffect(TypedDict):
    """A call to a provider, which is `intended`, `confirmed`, `unknown` or `refused`; moments in ISO 8601, UTC."""

    key: str
    operation: str
    status: str
    at: str
    settled_at: str | None
    error: str | None


class PendingSignal(TypedDict):
    """A signal that came in at a moment in ISO 8601, UTC."""

    event: str
    reason: str
    actor: str
    at: str


class RunSignal(PendingSignal):
    """A signal and what became of it; `settled_at` is null while it waits for its time."""

    id: str
    settled_at: str | None
    applied: bool


class RunVisit(TypedDict):
    """One stay in a state: moments in ISO 8601, UTC, `took` in seconds, `share` of the whole time from 0 to 1."""

    visit: int
    state: str
    entered: str
    left: str | None
    took: float
    share: float
    failures: int
    event: str | None
    actor: str


class RunSpell(TypedDict):
    """A time in which nothing was written, and why: moments in ISO 8601, UTC, `took` in seconds."""

    visit: int
    state: str
    step: str | None
    why: str
    since: str
    until: str
    took: float


class SpellSum(TypedDict):
    """All spells of one kind in one visit: `took` and `longest` in seconds, `longest_since` in ISO 8601, UTC."""

    visit: int
    state: str
    step: str | None
    why: str
    times: int
    took: float
    longest: float
    longest_since: str


class StepAttempts(TypedDict):
    """What came of a step in one visit: its first and last answer in ISO 8601, UTC, and what the last one was."""

    visit: int
    state: str
    step: str
    first: str
    last: str
    tries: int
    failures: int
    answered: str
    failed: bool
    error: str | None


class RunTimeline(TypedDict):
    """Where a run's time went from one moment to another in ISO 8601, UTC; `lasted` is in seconds."""

    since: str
    until: str
    lasted: float
    counted_from: int
    visits: list[RunVisit]
    spells: list[RunSpell]
    waited: list[SpellSum]
    attempts: list[StepAttempts]


class LeftOut(TypedDict):
    """How many journal entries and effects a run has beside those that are shown."""

    journal: int
    effects: int


class RunWhole(RunSummary):
    """A run with everything that is known of it at a moment in ISO 8601, UTC."""

    findings: list[ToldFinding]
    at: str
    held_by: RunHolder | None
    waits_for_limit: LimitWait | None
    task_id: str | None
    journal: list[RunEntry]
    timeline: RunTimeline
    effects: list[RunEffect]
    effect_counts: dict[str, int]
    signals: list[RunSignal]
    pending_signals: list[PendingSignal]
    left_out: LeftOut


class RunAnswer(TypedDict):
    """A question about a run, by its name and in words, and what there is to say to it."""

    question: str
    title: str
    sentences: list[str]


class RunExplained(TypedDict):
    """What there is to say about a run at a moment in ISO 8601, UTC, told in one language."""

    run_id: str
    state: str
    status: Status
    at: str
    locale: str
    answers: list[RunAnswer]


class ChangedValue(TypedDict):
    """A value of a run that is different; `before` or `after` is missing where there was no value."""

    path: list[str]
    before: NotRequired[Any]
    after: NotRequired[Any]


_From = TypedDict("_From", {"from": int})


class RunCompared(_From):
    """What is different in a run between two of its journal entries, by their numbers; 0 is before the first."""

    run_id: str
    to: int
    changes: list[ChangedValue]
    entries: list[RunEntry]
