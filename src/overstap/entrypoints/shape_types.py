"""What the functions of `shapes` answer, key by key; `tenant_shape_types` has tenants and what is sold.

Moments are ISO 8601 in UTC, durations are in seconds.
"""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from overstap.domain.tenant import AdminRole
from overstap.store.fleet import Standing
from overstap.store.schema import SchemaState
from overstap.workflow.breaches import What
from overstap.workflow.pauses import Scope
from overstap.workflow.priority import Priority
from overstap.workflow.run import Status

Json = dict[str, Any]
"""A JSON object of which nobody here says what is in it."""


class Progress(TypedDict):
    """How many users a run has done in its state, and of how many; 0 of 0 where its steps do not count users."""

    done: int
    total: int


class RunSummary(TypedDict):
    """A run without its journal and effects; moments in ISO 8601, UTC."""

    id: str
    workflow: str
    version: int
    state: str
    status: Status
    tenant_id: str
    subscription_id: str
    target_plan: str
    attempt: int
    wake_at: str | None
    deadline_at: str | None
    claimed_by: str | None
    priority: Priority
    held: str | None
    progress: Progress
    created_at: str
    updated_at: str
    ended_at: str | None
    error: str | None
    input: Json
    data: Json


class ListedRun(RunSummary):
    """A run in a listing, with the place behind it, from which the listing can go on."""

    cursor: str


class OpenTask(TypedDict):
    """What a run asks of a person, in one language; moments in ISO 8601, UTC."""

    id: str
    run_id: str
    tenant_id: str
    tenant_name: str | None
    kind: str
    title: str
    instructions: list[str]
    can_be_declined: bool
    since: str
    remind_at: str | None
    deadline_at: str
    needed_role: AdminRole
    people: list[str]


class FleetWorker(TypedDict):
    """A worker process as it told of itself; moments in ISO 8601, UTC, `rate` in steps per second."""

    id: str
    host: str
    pid: int
    version: str
    started_at: str
    heartbeat_at: str
    stopped_at: str | None
    steps: int
    rate: float
    held: int
    standing: Standing


class PauseInForce(TypedDict):
    """A pause, since a moment in ISO 8601, UTC; `name` is empty where everything is paused."""

    scope: Scope
    name: str
    reason: str
    actor: str
    since: str


class StateDeadline(TypedDict):
    """How many seconds a run may stay in a state, and the event that is sent then."""

    after: float
    event: str
    fixed: bool


class StateRetry(TypedDict):
    """How long failed steps wait, in seconds; `attempts` is null where they never give up."""

    first: float
    factor: float
    most: float
    jitter: float
    attempts: int | None


class StateTransition(TypedDict):
    """An event and the state that it leads to."""

    event: str
    target: str


class WorkflowState(TypedDict):
    """What is done in one state of a workflow, and where it leads."""

    name: str
    final: bool
    steps: list[str]
    on_done: str | None
    on_stop: str | None
    signals: list[str]
    deadline: StateDeadline | None
    retry: StateRetry
    locks: list[str]
    transitions: list[StateTransition]


class WorkflowFile(TypedDict):
    """One version of a workflow as its file says it; `digest` is the SHA-256 of that file, in hex."""

    name: str
    version: int
    digest: str
    description: str
    initial: str
    states: list[WorkflowState]


class VerifiedLaw(TypedDict):
    """One truth of rules.md §J, how many things it was checked on, and a sentence for each that breaks it."""

    rule: str
    law: str
    looked_at: int
    breaches: list[str]


class VerifyResult(TypedDict):
    """What `verify` checked and found."""

    ok: bool
    checks: list[VerifiedLaw]


class DatabaseSchema(TypedDict):
    """How a database stands to the code; `revision` is null for one without tables."""

    url: str
    revision: str | None
    head: str
    state: SchemaState


class AuditHead(TypedDict):
    """The head of all chains that an audit was compared with; it was made at a moment in ISO 8601."""

    format: Literal[1]
    database: str
    checkpoint: int
    at: str
    digest: str
    runs: int
    acts: int


class AuditLookedAt(TypedDict):
    """How much an audit looked at."""

    runs: int
    entries: int
    acts: int
    checkpoints: int


class AuditFinding(TypedDict):
    """The first breach of one chain, which is `run`, `acts` or `checkpoints`."""

    chain: str
    run_id: str | None
    seq: int
    what: What
    sentence: str


class AuditResult(TypedDict):
    """What `audit verify` looked at and found; `breaches` counts all broken chains, `findings` has the first ones."""

    ok: bool
    against: AuditHead | None
    looked_at: AuditLookedAt
    breaches: int
    findings: list[AuditFinding]
