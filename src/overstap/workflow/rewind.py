"""Where a run may be put back to: its own way here, and what the workflow's structure forbids (ADR 12).

Nothing here knows a state by name: each refusal is computed from the chart, the locks, and what each step may send.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from overstap.errors import Refused
from overstap.workflow.definition import Definition
from overstap.workflow.fold import apply
from overstap.workflow.run import JournalEntry, Kind, Run, Status

StepEvents = Mapping[str, AbstractSet[str]]
"""The events that each registered step may send."""


class NotReplayable(Refused):
    """A run cannot be replayed in this way; the text says why, without the run's id."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run goes on.

    Attributes:
        visit: the number of the stay in the state; part of the idempotency keys.
        step: index of the step in the state.
        cause: the event that led into the state at that visit.
        deadline_at: the deadline as it stood there last.
    """

    state: str
    visit: int
    step: int
    chunk: int
    cause: str | None
    deadline_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay of a run in a state, on the way to where it is now.

    Attributes:
        step: index of the last step it came to.
        by_signal: somebody outside sent it there.
        migrated: since it came there it was carried to another version of its workflow.
    """

    visit: int
    state: str
    cause: str | None
    step: int
    deadline_at: datetime | None
    by_signal: bool
    migrated: bool = False


def here(run: Run) -> Place:
    """Where the run is."""
    return Place(run.state, run.visit, run.step, run.chunk, run.cause, run.deadline_at)


def way(journal: Iterable[JournalEntry]) -> list[Stay]:
    """The stays by which a run came to where it is now, in their order; what a rewind left behind is none of them."""
    run: Run | None = None
    stays: list[Stay] = []
    for entry in journal:
        run = apply(run, entry)
        while stays and stays[-1].visit > run.visit:
            stays.pop()
        if not stays or stays[-1].visit < run.visit:
            stays.append(Stay(run.visit, run.state, run.cause, 0, None, by_signal="signal" in entry.data))
        stays[-1] = replace(stays[-1], state=run.state, step=run.step, deadline_at=run.deadline_at)
        if entry.kind is Kind.MIGRATED:
            stays = [replace(stay, migrated=True) for stay in stays]
    return stays


def rewind(definition: Definition, events: StepEvents, run: Run, journal: Sequence[JournalEntry], wanted: str) -> Place:
    """The nearest place on the run's own way here that has the step.

    Args:
        events: what each step may send.
        wanted: `STEP` or `STATE/STEP`.

    Raises:
        NotReplayable: when it was never there, or the workflow's structure forbids it to go back there.
    """
    if run.status is Status.ENDED:
        raise NotReplayable(f"it has ended ({run.state})")
    stays = way(journal)
    found = next((stay for stay in reversed(stays) if _has(definition, stay, wanted)), None)
    if found is None:
        raise NotReplayable(_never_there(definition, run, stays, wanted))
    step = definition.states[found.state].steps.index(wanted.rpartition("/")[2])
    if (found.visit, step) == (run.visit, run.step):
        return here(run)
    if found.migrated:
        # Names are part of the keys: under another name an effect that was confirmed would be done again.
        raise NotReplayable(
            f"since {wanted} it was carried to v{run.version} of its workflow, where what it did may have other names"
        )
    signals = [stay for stay in stays if stay.visit > found.visit and stay.by_signal]
    if signals:
        raise NotReplayable(
            f"since {wanted} it went on to {signals[0].state} by the signal {signals[0].cause}, "
            "which somebody outside would have to send again"
        )
    why = unsafe(definition, events, (run.state, run.step), (found.state, step))
    if why is not None:
        raise NotReplayable(why)
    return Place(found.state, found.visit, step, 0, found.cause, found.deadline_at)


def unsafe(definition: Definition, events: StepEvents, present: tuple[str, int], target: tuple[str, int]) -> str | None:
    """Why the workflow's structure forbids to go back from one place to another; None when it does not.

    Args:
        present, target: a state, and the index of a step in it.
    """
    open_locks = definition.states[present[0]].locks - definition.states[target[0]].locks
    if open_locks:
        return (
            f"{present[0]} locks {', '.join(sorted(open_locks))} and {target[0]} does not: "
            "what is half done would be open to changes from outside"
        )
    before, after = _on_the_way(definition, events, *present), _on_the_way(definition, events, *target)
    for end, passed in sorted(after.items()):
        if end not in before:
            return f"from {target[0]} it could end as {end}, which is ruled out by now"
        missing = sorted(before[end] - passed)
        if missing:
            step = definition.states[target[0]].steps[target[1]]
            return f"from {target[0]}/{step} it could end as {end} without {missing[0]}, which it needs by now"
    return None


def _on_the_way(definition: Definition, events: StepEvents, state: str, step: int) -> dict[str, AbstractSet[str]]:
    """For each end that can be reached from a step on: the states that every way there goes through."""
    first = _ways_out(definition, events, state, step)
    ends = _reached(definition, first, without=None) & definition.chart.finals
    others = [name for name in definition.states if name != state]
    return {
        end: {name for name in others if name != end and end not in _reached(definition, first, without=name)}
        for end in ends
    }


def _ways_out(definition: Definition, events: StepEvents, state: str, step: int) -> set[str]:
    """The states that may follow directly from a step of a state on."""
    spec = definition.states[state]
    sent = {spec.on_done, spec.on_stop, *spec.signals, *(event for name in spec.steps[step:] for event in events[name])}
    if spec.deadline is not None:
        sent.add(spec.deadline.event)
    return {target for event, target in definition.chart.moves[state].items() if event in sent}


def _reached(definition: Definition, first: Iterable[str], without: str | None) -> set[str]:
    seen = {state for state in first if state != without}
    ahead = list(seen)
    while ahead:
        for target in definition.chart.moves[ahead.pop()].values():
            if target not in seen and target != without:
                seen.add(target)
                ahead.append(target)
    return seen


def _has(definition: Definition, stay: Stay, wanted: str) -> bool:
    state, _, step = wanted.rpartition("/")
    spec = definition.states.get(stay.state)  # another version of the workflow may have had other states
    return spec is not None and state in {"", stay.state} and step in spec.steps[: stay.step + 1]


def _never_there(definition: Definition, run: Run, stays: Sequence[Stay], wanted: str) -> str:
    state, _, step = wanted.rpartition("/")
    spec = definition.states[run.state]
    if state in {"", run.state} and step in spec.steps:
        return f"{wanted} comes later than {run.state}/{spec.steps[run.step]}, where it is"
    came = ", ".join(dict.fromkeys(stay.state for stay in stays))
    return f"{wanted} is not in its history: it came through {came}"
