"""What a plan says of one run: where it goes on, what is done again and what not, and whether it is replayed at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from overstap.domain.catalog import Catalog
from overstap.domain.ports import Provider
from overstap.domain.touched import touched
from overstap.errors import BadInput
from overstap.store.replays import Evidence, ReplayItem
from overstap.store.rows import EffectRecord
from overstap.store.runs import StoredRun
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library
from overstap.workflow.replay import DeadlinePolicy, sticks
from overstap.workflow.rewind import NotReplayable, Place, StepEvents, here, rewind
from overstap.workflow.run import Run, Status

FATES: Mapping[str, str] = {
    "done": "confirmed, and not asked for again",
    "answered": "confirmed: answered from the ledger",
    "refused": "refused, and not asked for again",
    "asked_again": "refused before: asked again",
    "done_there": "unknown, and done there: not repeated",
    "not_there": "unknown, and not there: repeated under its key",
    "left": "unknown, and not there: not asked for again",
    "unknown": "unknown: it may have been done",
}
"""What becomes of an effect."""
REPEATED = frozenset({"asked_again", "not_there"})
"""The fates by which the provider is asked to do something that it was asked for before."""
_UNKNOWN = frozenset({"unknown", "intended"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for all runs of a plan.

    Attributes:
        step: `STEP` or `STATE/STEP` to go back to; None goes on where each run sticks.
        resolve: look unknown effects up at the provider.
    """

    deadline: DeadlinePolicy
    step: str | None = None
    resolve: bool = False


class Planner:
    """Judges runs, and changes nothing.

    Args:
        events: what each step may send.
    """

    def __init__(self, provider: Provider, catalog: Catalog, library: Library, events: StepEvents) -> None:
        self._provider = provider
        self._catalog = catalog
        self._library = library
        self._events = events

    def check_step(self, wanted: str | None) -> None:
        """Refuse a step that no workflow has.

        Raises:
            BadInput: when none has it.
        """
        if wanted is None:
            return
        state, _, step = wanted.rpartition("/")
        known = [
            name
            for definition in self._library.all()
            for spec in definition.states.values()
            if state in {"", spec.name}
            for name in spec.steps
        ]
        if step not in known:
            where = f" in a state {state}" if state else ""
            steps = ", ".join(sorted(set(known))) or "none"
            raise BadInput(f"No workflow has a step {step!r}{where}; steps are {steps}.")

    def judge(self, evidence: Evidence, wish: Wish, now: datetime, *, named: bool) -> ReplayItem:
        """What a plan says of a run.

        Args:
            named: it was given by its id, so that it is replayed even when it gets on by itself.
        """
        stored, run = evidence.stored, evidence.stored.run
        size = touched(self._catalog, run.input, run.data, done=run.done, total=run.total)
        detail: dict[str, Any] = {
            "tenant_id": run.tenant_id,
            "tenant_name": run.input.get("tenant_name"),
            "workflow": run.workflow,
            "state": run.state,
            "error": run.error,
            "touched": asdict(size),
            "effects": [],
        }
        why = unreplayable(stored, now) or (None if named else _gets_on(run))
        if why is None:
            try:
                definition = self._library.get(run.workflow, run.version)
                place = self._place(definition, evidence, wish)
                deadline_at = wish.deadline.applied(definition, place, now)
                detail |= {"place": _written(place), "step": definition.states[place.state].steps[place.step]}
                detail |= {"sticks_at": definition.states[run.state].steps[run.step], "deadline_at": _iso(deadline_at)}
                effects = self._effects(definition, place, evidence.effects, wish, now)
                detail["effects"] = effects
                unknown = sum(effect["fate"] == "unknown" for effect in effects)
                if unknown:
                    why = f"{unknown} effect{'s' if unknown > 1 else ''} unknown; say --resolve lookup"
            except NotReplayable as error:
                why = str(error)
        return ReplayItem(run.id, run.seq, why, detail)

    def _place(self, definition: Definition, evidence: Evidence, wish: Wish) -> Place:
        run = evidence.stored.run
        if run.step >= len(definition.states[run.state].steps):
            raise NotReplayable(f"{run.state} has no step to do again")
        if wish.step is None:
            return here(run)
        return rewind(definition, self._events, run, evidence.journal, wish.step)

    def _effects(
        self,
        definition: Definition,
        place: Place,
        effects: Sequence[EffectRecord],
        wish: Wish,
        now: datetime,
    ) -> list[dict[str, Any]]:
        steps = definition.states[place.state].steps[place.step :]
        found = []
        for effect in effects:
            fate = self._fate(effect, asked=_comes_again(effect.key, place, steps), wish=wish, now=now)
            found.append({"key": effect.key, "operation": effect.operation, "status": effect.status, "fate": fate})
        return found

    def _fate(self, effect: EffectRecord, *, asked: bool, wish: Wish, now: datetime) -> str:
        if effect.status in _UNKNOWN:
            if not wish.resolve:
                return "unknown"
            if self._provider.lookup(effect.key, now) is not None:
                return "done_there"
            return "not_there" if asked else "left"
        if effect.status == "refused":
            return "asked_again" if asked else "refused"
        return "answered" if asked else "done"


def unreplayable(stored: StoredRun, now: datetime) -> str | None:
    """Why nobody can replay this run now, whatever the plan; None when it can be."""
    run = stored.run
    if run.status is Status.ENDED:
        return f"it has ended ({run.state})"
    if run.held is not None:
        return f"it is on hold: {run.held}"
    if stored.claimed_by is not None and stored.claim_until is not None and stored.claim_until > now:
        return f"claimed by {stored.claimed_by} until {stored.claim_until:%Y-%m-%d %H:%M:%S} UTC"
    return None


def _comes_again(key: str, place: Place, steps: Sequence[str]) -> bool:
    """Whether a run that goes on at a place comes to an effect again before it leaves the state.

    Args:
        steps: of the state, from the place on.
    """
    _, state, visit, step, *chunk = key.split(":")
    if (state, int(visit)) != (place.state, place.visit) or step not in steps:
        return False
    return step != steps[0] or int(chunk[0] if chunk else 0) >= place.chunk


def _gets_on(run: Run) -> str | None:
    if sticks(run):
        return None
    return f"it is {run.status} and gets on by itself; name it by its id to replay it nevertheless"


def place_of(item: ReplayItem) -> Place:
    """Where a plan puts a run back to."""
    values = item.detail["place"]
    deadline = values["deadline_at"]
    return Place(**{**values, "deadline_at": None if deadline is None else datetime.fromisoformat(deadline)})


def _written(place: Place) -> dict[str, Any]:
    return {**asdict(place), "deadline_at": _iso(place.deadline_at)}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
