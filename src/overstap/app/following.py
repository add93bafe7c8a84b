"""Following one plan change as its customer does: how far it is, what is locked and billed, when it will be done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from overstap.app.operators import Operators
from overstap.app.service import WORKFLOWS
from overstap.app.tasks import Task, Tasks
from overstap.clock import Clock
from overstap.domain.change import Route
from overstap.domain.findings import Finding
from overstap.domain.locks import CREDIT_CHECK, ActiveRun, Guard, PortalPage
from overstap.domain.phases import BILLING, Billed, Passage, Phase, Standing, billed, expected_end, passages
from overstap.domain.quote import Expected
from overstap.store.history import History
from overstap.store.past import Past
from overstap.store.runs import Runs, StoredRun
from overstap.workflow.run import JournalEntry, Kind, Run

_MOVES = 200
"""States that are looked back to."""
_STEP = "move_users"
_ENDINGS = frozenset({"rolled_back", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Turn:
    """What sent a change back, or ended it without a change.

    Attributes:
        event: of its chart, such as `credit_declined`.
        actor: who sent it, as journals name them.
        reason: what they gave; None where nobody did.
    """

    event: str
    actor: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Followed:
    """A plan change as it is at one moment.

    Attributes:
        passages: its phases.
        moved: how many users are moved, of how many; None where that is not known yet.
        escalated_at: when it was found to take too long (rules.md R32); None while it is not.
        decided_by: when the credit check ends at the latest (R34); None outside it.
        locks: what is locked now.
        closed: the pages of the portal that the lock closes (R15).
        done_at: when it is expected to be done; None where that depends on others.
        turn: what sent it back; None while it goes well.
        findings: what the rules said against it.
        cancellable: whether it can still be cancelled.
        task: what it asks of an administrator now.
    """

    stored: StoredRun
    at: datetime
    passages: tuple[Passage, ...]
    moved: tuple[int, int] | None
    escalated_at: datetime | None
    decided_by: datetime | None
    locks: frozenset[str]
    closed: frozenset[PortalPage]
    billed: Billed
    done_at: datetime | None
    turn: Turn | None
    findings: tuple[Finding, ...]
    cancellable: bool
    task: Task | None

    @property
    def run(self) -> Run:
        """The run that carries it."""
        return self.stored.run

    @property
    def phase(self) -> Phase:
        """Where it is."""
        return next((one.phase for one in self.passages if one.standing is Standing.NOW), Phase.ENDED)


class Following:
    """Looks at the plan changes of one database, and changes nothing."""

    def __init__(
        self,
        runs: Runs,
        history: History,
        past: Past,
        tasks: Tasks,
        operators: Operators,
        guard: Guard,
        clock: Clock,
    ) -> None:
        self._runs = runs
        self._history = history
        self._past = past
        self._tasks = tasks
        self._operators = operators
        self._guard = guard
        self._clock = clock

    def expected(self, run: Run) -> Expected:
        """How long the migrations of changes of this kind and way take, by the earlier ones (rules.md R30)."""
        kind = str(run.input.get("kind"))
        return Expected.of(self._past.times(run.workflow, kind, entered="migrating", left="licenses_reassigned"))

    def follow(self, run_id: str, expected: Expected) -> Followed:
        """A plan change as it is now.

        Args:
            expected: how long its migration takes.

        Raises:
            NotFound: when there is no such run.
        """
        stored = self._runs.get(run_id)
        run = stored.run
        moves = self._history.moves(run_id, run.seq + 1, _MOVES)
        moving = self._history.progress(run_id, _STEP)
        ended = run.ended_at is not None
        all_moved = moving is not None and moving.kind is Kind.STEP_DONE
        passed = passages(
            [(str(one.to_state), one.at) for one in reversed(moves)],
            moving.at if moving is not None and all_moved else None,
            ended=ended,
            manual=run.workflow == WORKFLOWS[Route.MANUAL],
        )
        moved = _moved(run, moving)
        active = None if ended else _active(stored)
        calls = [(one.operation, one.request) for one in self._history.done(run_id, BILLING)]
        return Followed(
            stored=stored,
            at=self._clock.now(),
            passages=passed,
            moved=moved,
            escalated_at=moves[0].at if run.state == "escalated" else None,
            decided_by=run.deadline_at if run.state == CREDIT_CHECK else None,
            locks=self._guard.locks(active),
            closed=frozenset(page for page in PortalPage if self._guard.closes(active, page)),
            billed=billed(calls),
            done_at=expected_end(expected, passed, moved, moving.at if moving is not None else None),
            turn=_turn(moves),
            findings=tuple(Finding.from_data(data) for data in run.data.get("findings", ())),
            cancellable="cancel" in self._operators.possible(stored),
            task=self._tasks.of(run),
        )


def _moved(run: Run, moving: JournalEntry | None) -> tuple[int, int] | None:
    known = run.data.get("users")
    if moving is None:
        return None if known is None else (0, int(known))
    if moving.kind is Kind.STEP_DONE:
        total = int(known or 0)
        return total, total
    return int(moving.data["done"]), int(moving.data["total"])


def _active(stored: StoredRun) -> ActiveRun:
    run = stored.run
    return ActiveRun(
        run.id, run.tenant_id, stored.subscription_id, run.workflow, run.version, run.state, run.seq, run.deadline_at
    )


def _turn(moves: list[JournalEntry]) -> Turn | None:
    """What led into the way back, or straight to an end without a change; the moves with the newest first."""
    bad = [one for one in moves if one.to_state in {"rolling_back", "failed", "cancelled"}]
    if not bad or bad[0] is not moves[0]:
        return None
    turn = next((one for one in bad if one.event not in _ENDINGS), None)
    if turn is None:
        return None
    return Turn(str(turn.event), turn.actor, turn.data.get("reason"))
