"""What an operator may do to one run, and what it becomes by that: pure functions, as in `decide`.

Each act is refused with a sentence where the run's state, or the structure of its workflow, does not allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from overstap.clock import format_duration
from overstap.errors import Conflict
from overstap.workflow.decide import Decision, record, send
from overstap.workflow.definition import Definition
from overstap.workflow.run import Kind, Run, Status


def hold(definition: Definition, run: Run, reason: str, actor: str, now: datetime) -> Decision:
    """The run, held: it does no steps until it is released; its deadline and signals still count.

    Raises:
        Conflict: when it has ended, or is held already.
    """
    _ensure("hold", definition, run)
    return record(run, Kind.HELD, now, actor=actor, data={"reason": reason})


def release(definition: Definition, run: Run, reason: str, actor: str, now: datetime) -> Decision:
    """The run, free to go on where it was held.

    Raises:
        Conflict: when nobody holds it.
    """
    _ensure("release", definition, run)
    return record(run, Kind.RELEASED, now, actor=actor, data={"reason": reason, "was_held": run.held})


def retry(definition: Definition, run: Run, reason: str, actor: str, now: datetime) -> Decision:
    """The run with its present step due at once, as if it had not failed before.

    Raises:
        Conflict: when it has ended, is held, has no step to try, or is due already.
    """
    _ensure("retry", definition, run)
    step = definition.states[run.state].steps[run.step]
    data = {"reason": reason, "attempt": run.attempt, "error": run.error}
    return record(run, Kind.RETRIED, now, step=step, actor=actor, data=data)


def extend(
    definition: Definition, run: Run, deadline: timedelta | datetime, reason: str, actor: str, now: datetime
) -> Decision:
    """The run with a later deadline.

    Args:
        deadline: how much later than it is, or the moment that it becomes.

    Raises:
        Conflict: when the run has ended or has no deadline, nobody may move it, or it would not become later.
    """
    _ensure("extend", definition, run)
    before = run.deadline_at
    if before is None:
        raise ValueError(f"run {run.id} has no deadline")  # `_ensure` has refused it
    try:
        after = before + deadline if isinstance(deadline, timedelta) else deadline
    except OverflowError:
        raise Conflict(f"Run {run.id} cannot get a deadline so late: the calendar ends before it.") from None
    if after <= max(before, now):
        than = "its present one" if before >= now else "the present moment"
        raise Conflict(f"Run {run.id} cannot get the deadline {after:%Y-%m-%d %H:%M:%S} UTC: that is not after {than}.")
    data = {"reason": reason, "deadline_at": after.isoformat(), "before": before.isoformat()}
    return record(run, Kind.EXTENDED, now, actor=actor, data=data)


def take_over(run: Run, holder: str, reason: str, actor: str, now: datetime) -> Decision:
    """The run as it is, out of its worker's hands: what that worker still commits is dropped."""
    return record(run, Kind.TAKEN_OVER, now, actor=actor, data={"reason": reason, "held_by": holder})


def fail(definition: Definition, run: Run, reason: str, actor: str, now: datetime) -> Decision:
    """The run on its workflow's own way to failure, with the compensation that stands there.

    Raises:
        Conflict: when it has ended, or its state has no such way.
    """
    _ensure("fail", definition, run)
    event = definition.states[run.state].on_stop
    return send(definition, run, event, now, actor=actor, error=reason, cause={"reason": reason})


def _ended(run: Run) -> str | None:
    return f"it has ended ({run.state})" if run.status is Status.ENDED else None


def _no_hold(run: Run) -> str | None:
    return _ended(run) or (f"it is held already: {run.held}" if run.held is not None else None)


def _no_release(run: Run) -> str | None:
    return _ended(run) or ("nobody holds it" if run.held is None else None)


def _no_retry(definition: Definition, run: Run) -> str | None:
    if run.held is not None:
        return f"it is held: {run.held}; `overstap runs release {run.id}` lets it go on"
    if not definition.states.get(run.state) or run.step >= len(definition.states[run.state].steps):
        return _ended(run) or f"{run.state} has no step to try: it waits for {_awaited(definition, run)}"
    return _ended(run) or ("its step is due already" if run.status is Status.READY else None)


def _no_extension(definition: Definition, run: Run) -> str | None:
    spec = definition.states[run.state].deadline
    if run.status is Status.ENDED:
        return _ended(run)
    if spec is None or run.deadline_at is None:
        instead = _no_retry(definition, run) is None
        return f"{run.state} has no deadline" + (
            f"; `overstap runs retry {run.id}` has it try its step now" if instead else ""
        )
    if spec.fixed:
        return f"the deadline of {run.state} is fixed at {format_duration(spec.after)} by the rules of the business"
    return None


def _no_failure(definition: Definition, run: Run) -> str | None:
    event = definition.states[run.state].on_stop
    target = definition.next_state(run.state, event) if event else None
    # A state's way out when a step stops is a failure only where it gives up an end that is still open.
    if target is None or definition.ends(target) >= definition.ends(run.state):
        return _ended(run) or (
            f"{run.state} has no way to failure, it only leads to {', '.join(sorted(definition.ends(run.state)))}"
        )
    return None


_REFUSALS: Mapping[str, Callable[[Definition, Run], str | None]] = {
    "hold": lambda _, run: _no_hold(run),
    "release": lambda _, run: _no_release(run),
    "retry": _no_retry,
    "extend": _no_extension,
    "fail": _no_failure,
}


def refusal(act: str, definition: Definition, run: Run) -> str | None:
    """Why an act is not possible for a run, None when it is."""
    return _REFUSALS[act](definition, run)


def possible(definition: Definition, run: Run) -> list[str]:
    """The acts that the run allows as it is."""
    return [act for act, refuse in _REFUSALS.items() if refuse(definition, run) is None]


def _ensure(act: str, definition: Definition, run: Run) -> None:
    why = refusal(act, definition, run)
    if why is not None:
        raise Conflict(f"Cannot {act} run {run.id}: {why}.")


def _awaited(definition: Definition, run: Run) -> str:
    return ", ".join(sorted(definition.states[run.state].signals)) or "nothing"
