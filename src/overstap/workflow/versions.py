"""Whether a run can be carried to another version of its workflow: judged by the structure of both, and nothing else.

Pure, as `decide`: what the run has in its inbox and in the ledger of effects is given. The rehearsal and the migration
ask the same question, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from overstap.workflow.decide import Decision, awaits_sometime, effect_key, record
from overstap.workflow.definition import Definition
from overstap.workflow.mapping import Place
from overstap.workflow.run import Kind, Run, Status
from overstap.workflow.spec import StateSpec

UNSETTLED = ("intended", "unknown")
"""Effects of which nobody knows yet whether they happened."""


class Judgement(StrEnum):
    """Whether a run can be carried to another version."""

    COMPATIBLE = "compatible"
    NEEDS_MAPPING = "needs a mapping"
    BLOCKED = "blocked"
    BUSY = "worked on"
    """It could be carried, were it not in the hands of a worker at the moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged of one run.

    Attributes:
        state, step: where it goes on in the new version; None where it cannot, and for a step in a state without any.
        index: of the step in its state.
        reason: why it cannot, and what to do; empty for a compatible run.
    """

    judgement: Judgement
    state: str | None = None
    step: str | None = None
    index: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of a run beside itself.

    Attributes:
        pending: the events in its inbox.
        effects: its effects in the present visit, or with nothing known of how they turned out: status by key.
        held_by: the worker that holds it now.
    """

    pending: Collection[str] = ()
    effects: Mapping[str, str] = field(default_factory=dict)
    held_by: str | None = None


class _CannotError(Exception):
    """Why not."""

    def __init__(self, judgement: Judgement, reason: str) -> None:
        super().__init__(reason)
        self.verdict = Verdict(judgement, reason=reason)


def judge(old: Definition | None, new: Definition, run: Run, around: Around, mapping: Mapping[Place, Place]) -> Verdict:
    """Whether a live run can be carried to a new version of its workflow, and where it goes on there.

    Args:
        old: the version it follows; None where that is not here.
        mapping: what the operator said of states, or of steps in them, that have another name or place.
    """
    try:
        found = _judge(old, new, run, around, mapping)
    except _CannotError as error:
        return error.verdict
    if around.held_by is not None:
        reason = f"worker {around.held_by} works on it at the moment: run the command again."
        return Verdict(Judgement.BUSY, found.state, found.step, found.index, reason)
    return found


def migrate(new: Definition, run: Run, verdict: Verdict, reason: str, actor: str, now: datetime) -> Decision:
    """The run in the new version, where the verdict says; everything else about it stays as it is.

    Raises:
        ValueError: when the verdict is anything but compatible.
    """
    if verdict.judgement is not Judgement.COMPATIBLE or verdict.state is None:
        raise ValueError(f"run {run.id} is {verdict.judgement}: {verdict.reason}")
    data = {
        "reason": reason,
        "from_version": run.version,
        "version": new.version,
        "digest": new.digest,
        "step": verdict.index,
    }
    renamed = verdict.state if verdict.state != run.state else None
    # An entry that names a step tells of a try of it: this one does not.
    return record(run, Kind.MIGRATED, now, to_state=renamed, actor=actor, data=data)


def _judge(
    old: Definition | None, new: Definition, run: Run, around: Around, mapping: Mapping[Place, Place]
) -> Verdict:
    if old is None or old.digest != run.digest or run.state not in old.states:
        told = f"{run.workflow}.v{run.version}.yaml"
        raise _blocked(f"the file that it follows is not here, so nothing can be compared: put {told} back as it was.")
    here = old.states[run.state]
    present = here.steps[run.step] if run.step < len(here.steps) else None
    mapped = mapping.get(Place(run.state, present)) or mapping.get(Place(run.state))
    place = mapped or Place(run.state)
    spec = _state(new, run, place, mapped)
    step = place.step or present
    index = _index(new, run, spec, step, present, mapped)
    against = [
        *_steps(old, new, run, spec, index),
        *_names(run, around.effects, spec, step, present),
        *_what_comes(old, new, run, spec, around.pending),
    ]
    if against:
        raise _blocked(against[0])
    return Verdict(Judgement.COMPATIBLE, spec.name, step, index)


def _blocked(reason: str) -> _CannotError:
    return _CannotError(Judgement.BLOCKED, reason)


def _needs_mapping(reason: str) -> _CannotError:
    return _CannotError(Judgement.NEEDS_MAPPING, reason)


def _state(new: Definition, run: Run, place: Place, mapped: Place | None) -> StateSpec:
    spec = new.states.get(place.state)
    if spec is None and mapped is None:
        raise _needs_mapping(
            f"v{new.version} has no state {run.state}: say what it is there with --map {run.state}=STATE."
        )
    if spec is None:
        raise _blocked(f"the map leads to {place.state}, which v{new.version} does not have: map to one of its states.")
    if spec.final:
        raise _blocked(f"{place.state} is an end in v{new.version}: a run comes to its end by its own work, by no map.")
    return spec


def _index(
    new: Definition, run: Run, spec: StateSpec, step: str | None, present: str | None, mapped: Place | None
) -> int:
    if step is None:
        if spec.steps:
            raise _blocked(
                f"{run.state} only waits, and {spec.name} of v{new.version} begins with {spec.steps[0]}, which the run "
                "would never do: let it stay on its version."
            )
        return 0
    if step in spec.steps:
        return spec.steps.index(step)
    if mapped is not None and mapped.step is not None:
        raise _blocked(
            f"the map leads to step {step}, which {spec.name} of v{new.version} does not have: map to one that it has."
        )
    if not spec.steps:
        raise _blocked(
            f"{spec.name} of v{new.version} has no steps, and the run has {present} to do: let it stay on its version."
        )
    raise _needs_mapping(
        f"{spec.name} of v{new.version} has no step {present}: say where it goes on with "
        f"--map {run.state}/{present}={spec.name}/STEP."
    )


def _steps(old: Definition, new: Definition, run: Run, spec: StateSpec, index: int) -> Iterator[str]:
    """No step that the run has to do is passed over, and none that it has done is done again."""
    done = old.states[run.state].steps[: run.step]
    for step in spec.steps[:index]:
        if step not in done:
            at = f"{run.state}/{_present(old, run)}={spec.name}/{step}"
            yield (
                f"step {step} of v{new.version} comes before the one it is at, and it never did that: --map {at} lets "
                "it do that first, if it has not begun its own."
            )
    before, after = _ahead(old, run.state, run.step), _ahead(new, spec.name, index)
    for step in sorted(after - before):
        if _left_a_state(step, old, new):
            yield (
                f"step {step} comes later in v{new.version} than in v{run.version}: the run may have done it and would "
                "do it again; let the run stay on its version."
            )
    for step in sorted(before - after):
        if _left_a_state(step, new, old):
            yield (
                f"step {step} comes earlier in v{new.version} than in v{run.version}: the run has it still to do and "
                "would never do it; let the run stay on its version."
            )
    for step in done:
        if step in spec.steps[index:]:
            yield f"step {step} is done and comes again in {spec.name} of v{new.version}: put it where it was."


def _names(
    run: Run, effects: Mapping[str, str], spec: StateSpec, step: str | None, present: str | None
) -> Iterator[str]:
    """An effect's idempotency key holds the names of its state and step: under others it could be done twice."""
    if (spec.name, step) == (run.state, present):
        return
    if present is not None and step != present and (run.chunk or run.status is Status.WAITING):
        yield f"step {present} has begun and cannot go on as {step}: let it be done first, then run the command again."
    visit = f"{run.id}:{run.state}:{run.visit}:"
    key = effect_key(run, present) if present is not None else None
    for known, status in effects.items():
        if known.startswith(visit) and (status in UNSETTLED or (known == key and status == "confirmed")):
            yield (
                f"effect {known} is {status}, and under the new name it could be done a second time: "
                "let the step be done first, then run the command again."
            )


def _what_comes(old: Definition, new: Definition, run: Run, spec: StateSpec, pending: Collection[str]) -> Iterator[str]:
    """Locks, the deadline, what the run waits for and what it may still come to."""
    here = old.states[run.state]
    if fewer := sorted(here.locks - spec.locks):
        yield (
            f"{spec.name} of v{new.version} does not lock {', '.join(fewer)}, which the tenant's run holds now "
            "(rules.md J5): keep it under `locks`."
        )
    if run.deadline_at is not None and spec.deadline is None:
        yield f"{spec.name} of v{new.version} has no deadline, and the run would lose its own: keep a `deadline`."
    if run.deadline_at is None and spec.deadline is not None:
        yield f"{spec.name} of v{new.version} has a deadline, and the run has none to keep: let it stay on its version."
    if run.status is Status.WAITING and (lost := sorted(here.signals - spec.signals)):
        yield f"it waits, and {spec.name} of v{new.version} does not await {', '.join(lost)}: keep that under `await`."
    for event in pending:
        if awaits_sometime(old, run.state, event) and not awaits_sometime(new, spec.name, event):
            yield (
                f"signal {event} is in its inbox, and v{new.version} never awaits that from {spec.name} on: "
                "keep it under `await`."
            )
    if gone := sorted(old.ends(run.state) - new.ends(spec.name)):
        yield (
            f"it could not end as {', '.join(gone)} any more from {spec.name} of v{new.version} on: keep a way there."
        )


def _present(old: Definition, run: Run) -> str:
    return old.states[run.state].steps[run.step]


def _ahead(definition: Definition, state: str, index: int) -> frozenset[str]:
    """The steps that a run may still do."""
    later = {name for target in definition.chart.moves[state].values() for name in definition.reachable(target)}
    return frozenset(definition.states[state].steps[index:]).union(*(definition.states[name].steps for name in later))


def _left_a_state(step: str, one: Definition, other: Definition) -> bool:
    """Whether a state does a step in one version and not in the other."""
    return any(
        step in spec.steps and (name not in other.states or step not in other.states[name].steps)
        for name, spec in one.states.items()
    )
