"""What operators do to single runs, and what they pause: each with a reason, and kept with who did it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from overstap.app.foreseeing import SIGNALS
from overstap.clock import Clock
from overstap.domain.reading import one_line
from overstap.errors import BadInput, Conflict
from overstap.logs import request_id
from overstap.store.acts import Acts
from overstap.store.pauses import PauseBook
from overstap.store.runs import StoredRun, ensure_unchanged
from overstap.workflow import acts
from overstap.workflow.decide import Decision, awaits_sometime
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library
from overstap.workflow.outcome import Step
from overstap.workflow.pauses import Pause, Scope
from overstap.workflow.requested import requested
from overstap.workflow.run import Run

Decide = Callable[[Definition, Run, str, str, datetime], Decision]


class Operators:
    """The acts that take effect at once, whoever works on the run; signals wait for their time instead.

    An act takes a run out of its worker's hands: what that worker was doing is dropped at its commit, and an effect it
    had begun is looked up before it is repeated.

    Each act on a run takes `if_seq`, the length of the journal that it was decided by; None acts whatever has happened.
    It raises `Changed` when the journal has grown since.

    Args:
        steps: the registered steps by name.
    """

    def __init__(self, runs: Acts, pauses: PauseBook, library: Library, steps: dict[str, Step], clock: Clock) -> None:
        self._runs = runs
        self._pauses = pauses
        self._library = library
        self._steps = steps
        self._clock = clock

    def hold(self, run_id: str, *, reason: str, actor: str, if_seq: int | None = None) -> StoredRun:
        """Keep a run from doing steps until it is released; its deadline and signals still count.

        Raises:
            NotFound: when there is no such run.
            Conflict: when it has ended, or is held already.
        """
        return self._act(run_id, reason, actor, acts.hold, if_seq)

    def release(self, run_id: str, *, reason: str, actor: str, if_seq: int | None = None) -> StoredRun:
        """Let a held run go on.

        Raises:
            NotFound: when there is no such run.
            Conflict: when nobody holds it.
        """
        return self._act(run_id, reason, actor, acts.release, if_seq)

    def retry(self, run_id: str, *, reason: str, actor: str, if_seq: int | None = None) -> StoredRun:
        """Have a run try its step at once, as if it had not failed before.

        Raises:
            NotFound: when there is no such run.
            Conflict: when it has ended, is held, worked on or due already, or has no step to try.
        """
        return self._act(run_id, reason, actor, acts.retry, if_seq, idle=True)

    def extend(
        self, run_id: str, deadline: timedelta | datetime, *, reason: str, actor: str, if_seq: int | None = None
    ) -> StoredRun:
        """Move the deadline of a run's state.

        Args:
            deadline: how much later than it is, or the moment that it becomes.

        Raises:
            NotFound: when there is no such run.
            Conflict: when it has ended or has no deadline, nobody may move it, or it would not become later.
        """

        def decide(definition: Definition, run: Run, why: str, who: str, now: datetime) -> Decision:
            return acts.extend(definition, run, deadline, why, who, now)

        return self._act(run_id, reason, actor, decide, if_seq)

    def fail(self, run_id: str, *, reason: str, actor: str, if_seq: int | None = None) -> StoredRun:
        """Send a run on its workflow's own way to failure: what was done is compensated first.

        Raises:
            NotFound: when there is no such run.
            Conflict: when it has ended, or its state has no such way.
        """
        return self._act(run_id, reason, actor, acts.fail, if_seq)

    def take_over(self, run_id: str, *, reason: str, actor: str, if_seq: int | None = None) -> StoredRun:
        """Force a run out of its worker's hands: the worker's token is dead, another worker goes on at once.

        Raises:
            NotFound: when there is no such run.
            Conflict: when nobody holds it.
        """
        why = one_line(reason, "The reason")

        def decide(stored: StoredRun) -> Decision:
            ensure_unchanged(stored.run, if_seq)
            if stored.claimed_by is None:
                raise Conflict(f"Cannot take over run {run_id}: no worker holds it.")
            decision = acts.take_over(stored.run, stored.claimed_by, why, actor, self._clock.now())
            return requested(decision, stored.run, request_id())

        return self._runs.change(run_id, decide)

    def pause(self, scope: Scope, name: str, *, reason: str, actor: str) -> Pause:
        """Keep workers from starting steps, those of everything or of one workflow, step or provider.

        Raises:
            BadInput: when there is nothing of that name.
            Conflict: when the same is paused already.
        """
        self._ensure_known(scope, name)
        pause = Pause(scope, name, one_line(reason, "The reason"), actor, self._clock.now())
        self._pauses.add(pause)
        return pause

    def resume(self, scope: Scope, name: str, *, reason: str, actor: str) -> int:
        """Lift a pause; what waited for it goes on at once.

        Returns:
            How many runs had been parked.

        Raises:
            NotFound: when there is no such pause.
        """
        why = one_line(reason, "The reason")
        return self._pauses.remove(scope, name, reason=why, actor=actor, now=self._clock.now())

    def pauses(self) -> list[Pause]:
        """The pauses in force, the oldest first."""
        return self._pauses.all()

    def pauses_of(self, run: Run) -> list[Pause]:
        """The pauses that keep the present step of a run from being started."""
        steps = self._library.get(run.workflow, run.version).states[run.state].steps
        step = self._steps[steps[run.step]] if run.step < len(steps) else None
        return [pause for pause in self.pauses() if step is not None and pause.stops(run.workflow, step)]

    def pauses_in(self, workflows: Collection[str]) -> list[Pause]:
        """The pauses that runs of these workflows may come to, at the step where they are or at a later one."""
        steps = {
            (definition.name, name)
            for definition in self._library.all()
            if definition.name in workflows
            for spec in definition.states.values()
            for name in spec.steps
        }
        return [
            pause
            for pause in self.pauses()
            if any(pause.stops(workflow, self._steps[name]) for workflow, name in steps)
        ]

    def possible(self, stored: StoredRun) -> list[str]:
        """The acts that a run allows as it is, by the names of their commands."""
        run = stored.run
        definition = self._library.get(run.workflow, run.version)
        awaited = definition.states[run.state].signals
        cancellable = awaits_sometime(definition, run.state, "cancel")
        return [
            *acts.possible(definition, run),
            *(name for name in ("approve", "decline") if SIGNALS[name] in awaited),
            *(["cancel"] if cancellable else []),
            *(["takeover"] if stored.claimed_by is not None else []),
        ]

    def _act(
        self, run_id: str, reason: str, actor: str, decide: Decide, if_seq: int | None, *, idle: bool = False
    ) -> StoredRun:
        why = one_line(reason, "The reason")

        def change(stored: StoredRun) -> Decision:
            ensure_unchanged(stored.run, if_seq)
            now, run = self._clock.now(), stored.run
            if idle and stored.claimed_by is not None and stored.claim_until is not None and stored.claim_until > now:
                until = f"until {stored.claim_until:%H:%M:%S} UTC at most"
                raise Conflict(
                    f"Run {run.id} is being worked on by {stored.claimed_by}, {until}. Wait for it, or force it away "
                    f"with `overstap runs takeover {run.id}`."
                )
            decision = decide(self._library.get(run.workflow, run.version), run, why, actor, now)
            return requested(decision, run, request_id())

        return self._runs.change(run_id, change)

    def pausable(self) -> dict[Scope, list[str]]:
        """What can be paused, by scope: the names of it in order."""
        return {
            Scope.EVERYTHING: [""],
            Scope.WORKFLOW: sorted({definition.name for definition in self._library.all()}),
            Scope.STEP: sorted(self._steps),
            Scope.PROVIDER: sorted({step.provider for step in self._steps.values() if step.provider}),
        }

    def stopped_by(self, scope: Scope, name: str) -> dict[tuple[str, int, str], list[str]]:
        """What a pause would keep workers from starting: the steps of each state, by workflow, version and state.

        Raises:
            BadInput: when there is nothing of that name.
        """
        self._ensure_known(scope, name)
        pause = Pause(scope, name, "", "", self._clock.now())
        found = {
            (definition.name, definition.version, state): [
                step for step in spec.steps if pause.stops(definition.name, self._steps[step])
            ]
            for definition in self._library.all()
            for state, spec in definition.states.items()
        }
        return {where: steps for where, steps in found.items() if steps}

    def _ensure_known(self, scope: Scope, name: str) -> None:
        known = self.pausable()[scope]
        if name in known:
            return
        if scope is Scope.EVERYTHING:
            raise BadInput(f"Everything is everything: leave {name!r} out.")
        what = f"no {scope} {name!r}" if name else f"a {scope} to name"
        raise BadInput(f"There is {what}; there is {', '.join(known)}.")
