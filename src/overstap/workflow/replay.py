"""A replay of one run: where it goes on, with which deadline, and what came of it (design §5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from overstap.clock import format_duration, parse_duration
from overstap.errors import BadInput
from overstap.workflow.decide import Decision, record
from overstap.workflow.definition import Definition
from overstap.workflow.rewind import NotReplayable, Place
from overstap.workflow.run import JournalEntry, Kind, Run, Status

_ATTEMPT = re.compile(r" \(attempt \d+, the last one\)")


@dataclass(frozen=True, slots=True)
class DeadlinePolicy:
    """What becomes of a deadline: `keep`, `reset` to the state's own time from now, or `extend` by `longer`."""

    kind: Literal["keep", "reset", "extend"]
    longer: timedelta = timedelta(0)

    @classmethod
    def parse(cls, text: str) -> DeadlinePolicy:
        """Read `keep`, `reset` or `extend:DURATION`.

        Raises:
            BadInput: when it is anything else.
        """
        match text.strip().partition(":"):
            case ("keep" | "reset") as kind, "", "":
                return cls(kind)
            case "extend", ":", duration:
                try:
                    longer = parse_duration(duration)
                except (ValueError, OverflowError) as error:
                    raise BadInput(f"--deadline {text}: {error}") from None
                if longer > timedelta(0):
                    return cls("extend", longer)
        raise BadInput(f"--deadline {text!r}: write keep, reset or extend:DURATION, like extend:2h")

    def __str__(self) -> str:
        return f"extend:{format_duration(self.longer)}" if self.kind == "extend" else self.kind

    def applied(self, definition: Definition, place: Place, now: datetime) -> datetime | None:
        """The deadline that a run gets; None where it has none.

        Raises:
            NotReplayable: when the workflow fixes the deadline, or the one to keep has passed.
        """
        deadline = definition.states[place.state].deadline
        if deadline is None:
            return None
        if deadline.fixed and self.kind != "keep":
            span = format_duration(deadline.after)
            raise NotReplayable(
                f"the deadline of {place.state} is fixed at {span} by the rules of the business: keep it"
            )
        if self.kind == "reset":
            return now + deadline.after
        before = place.deadline_at
        if self.kind == "extend":
            return (now if before is None else max(now, before)) + self.longer
        if before is not None and before <= now:
            other = "" if deadline.fixed else "; say --deadline reset or extend:DURATION"
            raise NotReplayable(f"the deadline of {place.state} passed at {before:%Y-%m-%d %H:%M:%S} UTC{other}")
        return before


def put_back(
    definition: Definition, run: Run, place: Place, policy: DeadlinePolicy, *, plan: str, actor: str, reason: str,
    now: datetime,
) -> Decision:  # fmt: skip
    """The run, ready to go on at a place, as if it had not failed there before.

    Raises:
        NotReplayable: when its deadline forbids it.
    """
    deadline_at = policy.applied(definition, place, now)
    data = {
        "plan": plan,
        "reason": reason,
        "visit": place.visit,
        "step": place.step,
        "chunk": place.chunk,
        "cause": place.cause,
        "deadline_at": None if deadline_at is None else deadline_at.isoformat(),
        "before": {
            "state": run.state,
            "visit": run.visit,
            "step": definition.states[run.state].steps[run.step],
            "status": run.status.value,
            "attempt": run.attempt,
            "error": run.error,
            "deadline_at": None if run.deadline_at is None else run.deadline_at.isoformat(),
        },
    }
    step = definition.states[place.state].steps[place.step]
    to_state = None if place.state == run.state else place.state
    return record(run, Kind.REPLAYED, now, to_state=to_state, step=step, actor=actor, data=data)


class Result(StrEnum):
    """What came of a replay."""

    PASSED = "passed"
    """It got beyond the step that it stuck on."""
    SAME_ERROR = "stuck_again_same_error"
    NEW_ERROR = "stuck_again_new_error"
    LEFT = "left"
    """Something else took it away from there: a deadline, a signal, or a step that gave up."""
    UNDER_WAY = "under_way"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a replay, and the entry that tells it: its event or its error."""

    result: Result
    why: str | None = None
    seq: int | None = None


def outcome(definition: Definition, replayed: JournalEntry, later: Iterable[JournalEntry]) -> Outcome:
    """What came of a replay: the first entry after it that tells it decides, so that it never changes again.

    A chunk's progress is not enough, and neither is a wait: the step has to be done.

    Args:
        replayed: its journal entry.
        later: all that the run's journal has after it, in its order.
    """
    before: Mapping[str, Any] = replayed.data["before"]
    for entry in later:
        told = _told(definition, before, entry)
        if told is not None:
            return told
    return Outcome(Result.UNDER_WAY)


def _told(definition: Definition, before: Mapping[str, Any], entry: JournalEntry) -> Outcome | None:
    match entry.kind:
        case Kind.STEP_DONE if entry.step == before["step"]:
            return Outcome(Result.PASSED, entry.step, entry.seq)
        case Kind.RETRY | Kind.STUCK:
            error = entry.data["error"]
            same = before["error"] is not None and _plain(error) == _plain(before["error"])
            return Outcome(Result.SAME_ERROR if same else Result.NEW_ERROR, error, entry.seq)
        case Kind.TRANSITION:
            # The step's own end, or that of the whole state where the step is not among its steps.
            spec = definition.states.get(str(entry.from_state))  # another version may have had other states
            all_done = spec is not None and entry.event == spec.on_done
            by_step = (
                entry.step is not None and "error" not in entry.data and (entry.step == before["step"] or all_done)
            )
            return Outcome(Result.PASSED if by_step else Result.LEFT, entry.event, entry.seq)
        case Kind.REPLAYED:
            return Outcome(Result.LEFT, str(entry.kind), entry.seq)
        case _:
            return None


def _plain(error: str) -> str:
    return _ATTEMPT.sub("", error)


def sticks(run: Run) -> bool:
    """Whether it does not get on by itself, or only by trying again what failed."""
    return run.status in {Status.STUCK, Status.RETRYING}
