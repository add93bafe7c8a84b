"""A rehearsal of a plan: the same replay, played on a copy in a time of its own; nothing real is touched.

Effects that the ledger knows are answered from it, as they would be. Effects that are new are played against a copy of
the embedded provider's books, without its faults: they tell what would be asked, not that it would be granted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from structlog.contextvars import bound_contextvars

from overstap.app.driving import Driver
from overstap.app.engine import Engine
from overstap.app.replaying import Replays
from overstap.clock import VirtualClock
from overstap.domain.ports import Provider
from overstap.errors import Refused
from overstap.store.copying import copy_plan, copy_runs
from overstap.store.database import Database
from overstap.store.replays import PlanBook
from overstap.workflow.replay import Outcome

_MOST = timedelta(hours=1)
_BATCH = 100


class Stage(Protocol):
    """An application over a copy."""

    database: Database
    replays: Replays

    @property
    def engine(self) -> Engine:
        """What advances its runs."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would become of one run.

    Attributes:
        outcome: None for a run that is not replayed.
        skipped: why it is not.
        state: where it was at the end; None for a run that is not replayed.
        done_anew: the effects that nothing real has done yet, as (key, operation).
    """

    run_id: str
    outcome: Outcome | None
    skipped: str | None
    state: str | None
    done_anew: list[tuple[str, str]]


class Rehearsals:
    """Plays plans.

    Args:
        set_up: opens an application over a fresh database, with the clock that it lives by.
        most_runs: how many runs a copy may have.
    """

    def __init__(
        self,
        database: Database,
        provider: Provider,
        set_up: Callable[[], AbstractContextManager[tuple[Stage, VirtualClock]]],
        *,
        most_runs: int,
    ) -> None:
        self._database = database
        self._book = PlanBook(database)
        self._provider = provider
        self._set_up = set_up
        self._most_runs = most_runs

    def play(self, plan_id: str, tell: Callable[[int, int], None] | None = None) -> list[Rehearsed]:
        """What would become of each run of a plan, within an hour.

        Args:
            tell: told from time to time of how many runs it is known what would become of them, and of how many.

        Raises:
            NotFound: when there is no such plan.
            Refused: when it was executed already, or has too many runs to copy.
        """
        plan, items = self._book.get(plan_id)
        if plan.executed_at is not None:
            raise Refused(f"Plan {plan.id} was executed already: `overstap replay show {plan.id}` has its receipt.")
        run_ids = [item.run_id for item in items if item.will_run]
        if len(run_ids) > self._most_runs:
            raise Refused(
                f"Plan {plan.id} replays {len(run_ids)} runs; a rehearsal copies {self._most_runs} at most "
                "(rehearse_runs in [replay] of the settings). Rehearse a plan of some of them."
            )
        with bound_contextvars(rehearsal=plan_id), self._set_up() as (stage, clock):
            copy_runs(self._database, stage.database, run_ids, [item.detail["tenant_id"] for item in items])
            copy_plan(self._database, stage.database, plan_id)
            return self._played(stage, clock, plan_id, tell or (lambda _known, _all: None))

    def _played(
        self, stage: Stage, clock: VirtualClock, plan_id: str, tell: Callable[[int, int], None]
    ) -> list[Rehearsed]:
        stage.replays.carry_out(plan_id)
        driver = Driver(stage.engine, clock, worker_id="rehearsal", batch=_BATCH)
        end = clock.now() + _MOST
        while True:
            driver.run_until_idle()
            receipt = stage.replays.receipt(plan_id)
            tell(len(receipt.lines) - len(receipt.under_way), len(receipt.lines))
            due = stage.engine.claims.next_due(clock.now())
            if receipt.settled or due is None or due > end:
                break
            clock.advance_to(due)
        known = [line.item.run_id for line in receipt.lines if line.outcome is not None]
        after = {one.stored.run.id: one for one in PlanBook(stage.database).evidence(known, journals=False)}
        played = []
        for line in receipt.lines:
            one = after.get(line.item.run_id)
            effects = [] if one is None else [each for each in one.effects if each.status == "confirmed"]
            new = [(each.key, each.operation) for each in effects if self._provider.lookup(each.key, each.at) is None]
            state = None if one is None else one.stored.run.state
            played.append(Rehearsed(line.item.run_id, line.outcome, line.skipped, state, new))
        return played
