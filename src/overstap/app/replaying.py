"""Replays: preview first, then exactly that (design §5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ulid import ULID

from overstap.app.finding import By, Search, Sort
from overstap.app.replay_planning import Planner, Wish, place_of, unreplayable
from overstap.app.replay_receipt import Receipt, read_receipt
from overstap.clock import Clock, format_duration
from overstap.domain.reading import one_line
from overstap.domain.run_filter import RunFilter
from overstap.errors import BadInput, NotFound, Refused
from overstap.settings import ReplaySettings
from overstap.store.replays import PlanBook, ReplayItem, ReplayPlan, digest_of
from overstap.store.runs import StoredRun
from overstap.workflow.decide import Decision
from overstap.workflow.files import Library
from overstap.workflow.replay import DeadlinePolicy, put_back
from overstap.workflow.rewind import NotReplayable
from overstap.workflow.run import Status

_AT_ONCE = 100
"""Runs of one transaction."""
_NOTHING_SAID = (
    "Say which runs: their ids, or a filter such as --stuck. A filter that says nothing would mean every run."
)


class TooMuch(StrEnum):
    """Of what a plan has so much that a second person approves it."""

    RUNS = "runs"
    AMOUNT = "amount"


class Replays:
    """Plans, approves and executes replays."""

    def __init__(
        self, book: PlanBook, search: Search, planner: Planner, library: Library, settings: ReplaySettings, clock: Clock
    ) -> None:
        self._book = book
        self._search = search
        self._planner = planner
        self._library = library
        self._settings = settings
        self._clock = clock

    def plan(self, runs: Sequence[str] | RunFilter, wish: Wish, *, actor: str) -> tuple[ReplayPlan, list[ReplayItem]]:
        """Write the plan of a replay; nothing else is changed.

        Args:
            runs: their ids, or what they are: of those all that have not ended.

        Raises:
            NotFound: when there are no runs, or one of them does not exist.
            BadInput: when nothing says which runs, or no workflow has the step to go back to.
        """
        self._planner.check_step(wish.step)
        ids = self._selected(runs)
        named = not isinstance(runs, RunFilter)
        now = self._clock.now()
        evidence = self._book.evidence(ids, journals=wish.step is not None)
        items = [self._planner.judge(one, wish, now, named=named) for one in evidence]
        missing = sorted(set(ids) - {item.run_id for item in items})
        if missing:
            raise NotFound(f"There is no run {missing[0]!r}; `overstap runs list` shows those there are.")
        will_run = [item for item in items if item.will_run]
        cents = sum(item.detail["touched"]["monthly_cents"] for item in will_run)
        options = {
            "selected": _said(runs),
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
            needs_approval=bool(self.why_approval(len(will_run), cents)),
        )
        plan = replace(plan, digest=digest_of(plan, items))
        self._book.add(plan, items, "planned")
        return plan, items

    def why_approval(self, runs: int, monthly_cents: int) -> list[TooMuch]:
        """Why a plan needs a second person; empty when it needs none.

        Args:
            runs: that it replays.
            monthly_cents: of their new subscriptions together.
        """
        many, dear = runs > self._settings.approve_runs, monthly_cents > self._settings.approve_cents
        return [why for why, holds in ((TooMuch.RUNS, many), (TooMuch.AMOUNT, dear)) if holds]

    def matches(self, runs: Sequence[str] | RunFilter, most: int) -> tuple[int, list[StoredRun]]:
        """How many runs a plan would be about now, and the first of them.

        Args:
            runs: as `plan` takes them.
            most: how many of the runs are answered.

        Raises:
            BadInput: when nothing says which runs.
        """
        if not isinstance(runs, RunFilter):
            ids = sorted(set(self._selected(runs)))
            return len(ids), [one.stored for one in self._book.evidence(ids[:most], journals=False)]
        wanted = _not_ended(runs)
        found = self._search.page(wanted, sort=Sort.OLDEST, limit=most)
        return sum(self._search.count(wanted, by=By.STATUS).values()), [one.stored for one in found]

    def _selected(self, runs: Sequence[str] | RunFilter) -> list[str]:
        if not isinstance(runs, RunFilter):
            if not runs:
                raise BadInput(_NOTHING_SAID)
            return list(runs)
        # A page at a time: PostgreSQL takes no more than 65,535 values in one statement.
        ids = [one.stored.run.id for one in self._search.listing(_not_ended(runs), sort=Sort.OLDEST)]
        if not ids:
            raise NotFound("No run that has not ended is like that; `overstap runs list` shows those there are.")
        return ids

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
        first = self.begin(plan_id, actor=actor, reason=reason)
        self.carry_out(plan_id)
        return first

    def begin(self, plan_id: str, *, actor: str, reason: str) -> bool:
        """Write down that a plan is executed, as `run` does; `carry_out` does what it says."""
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
        return read_receipt(self._book, self._library, plan_id, self._clock.now())


def _not_ended(runs: RunFilter) -> RunFilter:
    """Which runs a filter means: of those that it finds all that have not ended."""
    if runs.is_empty:
        raise BadInput(_NOTHING_SAID)
    active = tuple(str(status) for status in Status if status is not Status.ENDED)
    return replace(runs, status=runs.status or active)


def _said(runs: Sequence[str] | RunFilter) -> dict[str, Any]:
    """Which runs were asked for, as JSON values."""
    if not isinstance(runs, RunFilter):
        return {"ids": sorted(set(runs))}
    given = {one.name: getattr(runs, one.name) for one in fields(runs) if getattr(runs, one.name) != one.default}
    return {name: value if isinstance(value, str | int | bool) else _plainly(value) for name, value in given.items()}


def _plainly(value: Any) -> Any:
    match value:
        case timedelta():
            return format_duration(value)
        case datetime():
            return value.isoformat()
    return list(value)


def _ensure_sound(plan: ReplayPlan, items: Sequence[ReplayItem], now: datetime) -> None:
    if digest_of(plan, items) != plan.digest:
        raise Refused(f"Plan {plan.id} is not what was planned any more: its digest differs. Make a new plan.")
    if plan.executed_at is None and plan.valid_until < now:
        raise Refused(
            f"Plan {plan.id} has expired at {plan.valid_until:%Y-%m-%d %H:%M:%S} UTC: runs may be elsewhere by now. "
            "Make a new plan."
        )
