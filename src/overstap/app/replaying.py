"""Replays: preview first, then exactly that (design §5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ulid import ULID

from overstap.app.replay_planning import Planner, Wish, place_of, unreplayable
from overstap.clock import Clock
from overstap.domain.reading import one_line
from overstap.errors import BadInput, NotFound, Refused
from overstap.settings import ReplaySettings
from overstap.store.replays import PlanBook, ReplayItem, ReplayPlan, digest_of
from overstap.store.runs import StoredRun
from overstap.workflow.decide import Decision
from overstap.workflow.files import Library
from overstap.workflow.replay import DeadlinePolicy, Outcome, Result, outcome, put_back
from overstap.workflow.rewind import NotReplayable

_AT_ONCE = 100
"""Runs of one transaction."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a receipt says of one run.

    Attributes:
        outcome: None for a run that was not replayed, or not yet.
        skipped: why it was not replayed, in the plan or at its execution.
        parked: it waits for something that may take long: a moment, a signal.
    """

    item: ReplayItem
    outcome: Outcome | None
    skipped: str | None
    parked: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """A plan, and what came of it; the same for whoever asks."""

    plan: ReplayPlan
    lines: list[Line]

    @property
    def settled(self) -> bool:
        """Whether it is known of every run what came of it."""
        return not self.under_way

    @property
    def under_way(self) -> list[Line]:
        """The runs of which it is not known yet what came of them."""
        return [line for line in self.lines if line.outcome is not None and line.outcome.result is Result.UNDER_WAY]

    @property
    def passed(self) -> bool:
        """Whether every run that the plan was to replay was replayed, and got beyond the step that it stuck on."""
        planned = [line for line in self.lines if line.item.will_run]
        return all(line.outcome is not None and line.outcome.result is Result.PASSED for line in planned)


class Replays:
    """Plans, approves and executes replays."""

    def __init__(
        self, book: PlanBook, planner: Planner, library: Library, settings: ReplaySettings, clock: Clock
    ) -> None:
        self._book = book
        self._planner = planner
        self._library = library
        self._settings = settings
        self._clock = clock

    def plan(
        self, ids: Sequence[str], wish: Wish, *, actor: str, said: dict[str, Any], reason: str = "planned"
    ) -> tuple[ReplayPlan, list[ReplayItem]]:
        """Write the plan of a replay; nothing else is changed.

        Args:
            ids: the runs; those of a filter are what it finds now.
            said: the filter as it was given, JSON values, to be kept with the plan.

        Raises:
            NotFound: when there are no runs, or one of them does not exist.
            BadInput: when no workflow has the step to go back to.
        """
        if not ids:
            raise NotFound("No run is like that; `overstap runs list` shows those there are.")
        self._check_step(wish.step)
        now = self._clock.now()
        evidence = self._book.evidence(ids, journals=wish.step is not None)
        items = [self._planner.judge(one, wish, now) for one in evidence]
        missing = sorted(set(ids) - {item.run_id for item in items})
        if missing:
            raise NotFound(f"There is no run {missing[0]!r}; `overstap runs list` shows those there are.")
        will_run = [item for item in items if item.will_run]
        cents = sum(item.detail["touched"]["monthly_cents"] for item in will_run)
        options = {
            "selected": said,
            "from": wish.step,
            "deadline": str(wish.deadline),
            "resolve": "lookup" if wish.resolve else None,
        }
        plan = ReplayPlan(
            id=str(ULID.from_datetime(now)),
            at=now,
            actor=actor,
            valid_until=now + self._settings.valid_for,
            options=options,
            digest="",
            needs_approval=len(will_run) > self._settings.approve_runs or cents > self._settings.approve_cents,
        )
        plan = replace(plan, digest=digest_of(plan, items))
        self._book.add(plan, items, reason)
        return plan, items

    def _check_step(self, wanted: str | None) -> None:
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

    def all(self, limit: int = 50) -> list[tuple[ReplayPlan, int, int]]:
        """The plans, the newest first, each with how many runs it replays and how many it skips."""
        return self._book.all(limit)

    def get(self, plan_id: str) -> tuple[ReplayPlan, list[ReplayItem]]:
        """A plan, and its items.

        Raises:
            NotFound: when there is none with this id.
        """
        return self._book.get(plan_id)

    def approve(self, plan_id: str, *, actor: str, reason: str) -> ReplayPlan:
        """Approve a plan as a second person.

        Raises:
            NotFound: when there is none with this id.
            Refused: when it needs no approval, is approved already, has expired or was changed, or the actor made it.
        """
        reason = one_line(reason, "The reason of an approval")
        with self._book.hold(plan_id) as held:
            plan, now = held.plan, self._clock.now()
            if not plan.needs_approval:
                raise Refused(f"Plan {plan.id} needs no approval: `overstap replay run {plan.id} --reason TEXT`.")
            if plan.approved_by is not None:
                raise Refused(f"Plan {plan.id} is approved already, by {plan.approved_by}.")
            if plan.actor == actor:
                raise Refused(f"Plan {plan.id} was made by {actor}: a second person has to approve it.")
            _ensure_sound(plan, held.items(), now)
            held.approve(actor, reason, now)
        return self._book.get(plan_id)[0]

    def run(self, plan_id: str, *, actor: str, reason: str) -> bool:
        """Do what a plan says, and nothing else; done once, however often and by how many it is asked for.

        Who comes while it is being done, or after its doing broke off, goes on with what is left.

        Returns:
            Whether this was the first execution.

        Raises:
            NotFound: when there is none with this id.
            Refused: when it has expired, waits for approval, or is not what was planned any more.
        """
        reason = one_line(reason, "The reason of a replay")
        with self._book.hold(plan_id) as held:
            plan, now = held.plan, self._clock.now()
            first = plan.executed_at is None
            if first:
                _ensure_sound(plan, held.items(), now)
                if plan.needs_approval and plan.approved_by is None:
                    raise Refused(
                        f"Plan {plan.id} needs the approval of a second person: "
                        f"`overstap replay approve {plan.id} --reason TEXT`."
                    )
                held.begin(actor, reason, now)
        self.carry_out(plan_id)
        return first

    def carry_out(self, plan_id: str) -> None:
        """Do what is left of a plan that was begun."""
        while True:
            with self._book.hold(plan_id) as held:
                now = self._clock.now()
                if not held.carry_out(_AT_ONCE, now, lambda item, stored: self._decide(held.plan, item, stored, now)):  # noqa: B023
                    return

    def _decide(self, plan: ReplayPlan, item: ReplayItem, stored: StoredRun | None, now: datetime) -> Decision | str:
        if stored is None:
            return "it is gone"
        run = stored.run
        why = unreplayable(stored, now)
        if why is not None:
            return why
        if run.seq != item.run_seq:
            return f"changed since: entry {run.seq} of its journal, the plan saw {item.run_seq}"
        try:
            return put_back(
                self._library.get(run.workflow, run.version),
                run,
                place_of(item),
                DeadlinePolicy.parse(plan.options["deadline"]),
                plan=plan.id,
                actor=str(plan.executed_by),
                reason=str(plan.executed_why),
                now=now,
            )
        except NotReplayable as error:
            return str(error)

    def receipt(self, plan_id: str) -> Receipt:
        """What came of a plan so far; each run's outcome is final once it is known.

        Raises:
            NotFound: when there is none with this id.
        """
        plan, items = self._book.get(plan_id)
        later = {stored.run.id: (stored, journal) for stored, journal in self._book.afterwards(plan_id)}
        lines = []
        for item in items:
            skipped = item.why or item.skipped
            if item.run_id not in later:
                lines.append(Line(item, None, skipped))
                continue
            stored, journal = later[item.run_id]
            definition = self._library.get(stored.run.workflow, stored.run.version)
            what = outcome(definition, journal[0], journal[1:])
            lines.append(Line(item, what, skipped, parked=_parked(stored, self._clock.now())))
        return Receipt(plan, lines)

    def progress(self, plan_id: str) -> Iterator[Receipt]:
        """The receipt again and again, until it is known of every run what came of it; the caller waits between."""
        while True:
            receipt = self.receipt(plan_id)
            yield receipt
            if receipt.settled:
                return


def _parked(stored: StoredRun, now: datetime) -> bool:
    return stored.claimed_by is None and (stored.due_at is None or stored.due_at > now)


def _ensure_sound(plan: ReplayPlan, items: Sequence[ReplayItem], now: datetime) -> None:
    if digest_of(plan, items) != plan.digest:
        raise Refused(f"Plan {plan.id} is not what was planned any more: its digest differs. Make a new plan.")
    if plan.executed_at is None and plan.valid_until < now:
        raise Refused(
            f"Plan {plan.id} has expired at {plan.valid_until:%Y-%m-%d %H:%M:%S} UTC: runs may be elsewhere by now. "
            "Make a new plan."
        )
