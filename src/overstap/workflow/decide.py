"""What happens next to a run: pure functions of the run, what came in, and the time (design §4).

`next_action` says what a worker that holds the run has to do; `submit`, `settle`, `receive`, `expire` and `discard` say
what the run becomes. None of them reads a clock, a database or a provider.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from overstap.workflow.chain import BEGINNING, canonical_data, sealed
from overstap.workflow.definition import Definition
from overstap.workflow.fold import apply
from overstap.workflow.outcome import Done, Outcome, Progress, Retry, Stop, Wait
from overstap.workflow.retry import backoff
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.value import value


@dataclass(frozen=True, slots=True)
class Signal:
    """Something from outside for a run, waiting in its inbox.

    Attributes:
        event: the chart's event it asks for.
        at: when it came in; a signal that came before the deadline beats it, however late a worker looks.
        request: the id of the request over HTTP that brought it.
    """

    id: str
    event: str
    reason: str
    actor: str
    at: datetime
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Perform:
    """Do this step of the present state."""

    step: str


@dataclass(frozen=True, slots=True)
class Receive:
    """Apply this signal."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop this signal: no state the run can still reach awaits it."""

    signal: Signal


@dataclass(frozen=True, slots=True)
class Expire:
    """The deadline of the present state has passed."""


Action = Perform | Receive | Discard | Expire

_perform = lru_cache(maxsize=256)(Perform)
_TRANSITION, _WAITING = Kind.TRANSITION, Status.WAITING  # to look one up takes as long as to make an entry


@value
class Decision:
    """The run as it becomes, and the journal entry that makes it so."""

    run: Run
    entry: JournalEntry


def next_action(definition: Definition, run: Run, inbox: Sequence[Signal], now: datetime) -> Action | None:
    """What a worker that holds the run has to do now; None: let it go until `run.due_at` or a signal.

    Args:
        inbox: the pending signals, in the order they came.
    """
    deadline_at = run.deadline_at
    if inbox:
        awaited = definition.states[run.state].signals
        for signal in inbox:
            if not awaits_sometime(definition, run.state, signal.event):
                return Discard(signal)
            if signal.event in awaited and (deadline_at is None or signal.at <= deadline_at):
                return Receive(signal)
    # What an operator holds does no steps, so it cannot look at an answer either; its deadline comes all the same.
    wake_at = None if run.held is not None else run.wake_at
    awake = wake_at is not None and wake_at <= now
    # An answer that was due before the deadline is looked at first, however late one looks. Only what waited for one: a
    # step that takes its worker down each time must not keep the deadline from coming.
    answer_due = run.status is _WAITING and wake_at is not None and deadline_at is not None and wake_at < deadline_at
    if deadline_at is not None and deadline_at <= now and not answer_due:
        return Expire()
    return _perform(definition.states[run.state].steps[run.step]) if awake else None


def awaits_sometime(definition: Definition, state: str, event: str) -> bool:
    """Whether the state, or one that can still follow it, awaits the event from outside."""
    return any(event in definition.states[name].signals for name in definition.reachable(state))


def effect_key(run: Run, step: str) -> str:
    """The idempotency key of a step's effect: `run:state:visit:step[:chunk]` (rules.md J7)."""
    chunk = f":{run.chunk}" if run.chunk else ""
    return f"{run.id}:{run.state}:{run.visit}:{step}{chunk}"


def submit(
    definition: Definition, run_id: str, tenant_id: str, order: Mapping[str, Any], actor: str, now: datetime
) -> Decision:
    """A new run in the definition's initial state."""
    data = {
        "workflow": definition.name,
        "version": definition.version,
        "digest": definition.digest,
        "tenant_id": tenant_id,
        "input": dict(order),
        **_entering(definition, definition.initial, now)[0],
    }
    entry = sealed(BEGINNING, run_id, 1, now, Kind.SUBMITTED, None, None, definition.initial, None, actor, data)
    return Decision(apply(None, entry), entry)


def settle(definition: Definition, run: Run, outcome: Outcome, now: datetime) -> Decision:
    """The run after its present step answered."""
    spec = definition.states[run.state]
    step = spec.steps[run.step]
    match outcome:
        case Done():
            if outcome.event is None and run.step + 1 < len(spec.steps):
                return record(run, Kind.STEP_DONE, now, step=step, data=_learned(outcome.data))
            return send(definition, run, outcome.event or spec.on_done, now, step=step, learned=outcome.data)
        case Progress(done=done, total=total, data=data):
            return record(run, Kind.PROGRESS, now, step=step, data={"done": done, "total": total, **_learned(data)})
        case Wait(until=until):
            return record(run, Kind.WAIT, now, step=step, data={"wake_at": _iso(until)})
        case Retry(reason=reason):
            attempt = run.attempt + 1
            if spec.retry.attempts is not None and attempt >= spec.retry.attempts:
                return settle(definition, run, Stop(f"{reason} (attempt {attempt}, the last one)"), now)
            wake_at = now + backoff(spec.retry, attempt, f"{run.id}:{run.visit}:{run.step}:{run.chunk}")
            data = {"attempt": attempt, "error": reason, "wake_at": _iso(wake_at)}
            return record(run, Kind.RETRY, now, step=step, data=data)
        case Stop(reason=reason, data=data):
            if spec.on_stop is None:
                return record(run, Kind.STUCK, now, step=step, data={"error": reason, **_learned(data)})
            return send(definition, run, spec.on_stop, now, step=step, learned=data, error=reason)


def receive(definition: Definition, run: Run, signal: Signal, now: datetime) -> Decision:
    """The run after a signal that its state awaits."""
    return send(definition, run, signal.event, now, actor=signal.actor, cause=_told(signal))


def expire(definition: Definition, run: Run, now: datetime) -> Decision:
    """The run after its state's deadline passed."""
    deadline = definition.states[run.state].deadline
    if deadline is None:
        raise ValueError(f"state {run.state!r} of {definition.name} has no deadline to pass")
    cause = {"deadline": _iso(run.deadline_at)}
    return send(definition, run, deadline.event, now, actor="deadline", cause=cause)


def discard(run: Run, signal: Signal, now: datetime) -> Decision:
    """The run with one more entry that says its signal came too late."""
    return record(run, Kind.SIGNAL_DISCARDED, now, event=signal.event, actor=signal.actor, data=_told(signal))


def _told(signal: Signal) -> dict[str, Any]:
    """What an entry tells of the signal that caused it."""
    told = {"signal": signal.id, "reason": signal.reason, "received_at": _iso(signal.at)}
    return told if signal.request is None else {**told, "request": signal.request}


def send(
    definition: Definition,
    run: Run,
    event: str | None,
    now: datetime,
    *,
    step: str | None = None,
    actor: str = "worker",
    learned: Mapping[str, Any] | None = None,
    error: str | None = None,
    cause: Mapping[str, Any] | None = None,
) -> Decision:
    """The run after an event of the chart; stuck where the event leads nowhere."""
    target = definition.next_state(run.state, event) if event else None
    if target is None:
        # The lint rules this out for files it has seen; a step that invents an event must not lose the run.
        reason = f"step {step} sent {event!r}, which leads nowhere from {run.state!r}"
        return record(run, Kind.STUCK, now, step=step, event=event, data={"error": reason, **_learned(learned or {})})
    data, told = _entering(definition, target, now)
    if learned or cause or error is not None:
        failed = {} if error is None else {"error": error}
        data, told = {**data, **_learned(learned or {}), **(cause or {}), **failed}, None
    return record(run, _TRANSITION, now, event=event, to_state=target, step=step, actor=actor, data=data, told=told)


@lru_cache(maxsize=256)  # a batch enters the same few at the same few moments
def _entering(definition: Definition, state: str, now: datetime) -> tuple[Mapping[str, Any], bytes | None]:
    """What an entry tells that enters a state, with its canonical form; entries share it."""
    spec = definition.states[state]
    data: dict[str, Any] = {"status": Status.WAITING.value}
    if spec.final:
        data = {"status": Status.ENDED.value}
    elif spec.steps:
        data = {"status": Status.READY.value, "wake_at": _iso(now)}
    if spec.deadline is not None and not spec.final:
        data["deadline_at"] = _iso(now + spec.deadline.after)
    return data, canonical_data(data)


def record(
    run: Run,
    kind: Kind,
    now: datetime,
    *,
    event: str | None = None,
    to_state: str | None = None,
    step: str | None = None,
    actor: str = "worker",
    data: Mapping[str, Any],
    told: bytes | None = None,
) -> Decision:
    """The run with one more entry in its journal.

    Args:
        told: the canonical form of `data`, where it is known already.
    """
    entry = sealed(run.head, run.id, run.seq + 1, now, kind, event, run.state, to_state, step, actor, data, told)
    return Decision(apply(run, entry), entry)


def _learned(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"learned": dict(data)} if data else {}


@lru_cache(maxsize=256)  # the moments of a batch are the same few
def _iso(moment: datetime | None) -> str | None:
    """In UTC: the same moment of two zones is one key of the cache."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs its time zone: {moment!r}")
    return (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
