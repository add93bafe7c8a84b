"""How plans of replays and their receipts look as plain JSON values; see `shapes`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from typing_extensions import TypedDict

from overstap.app.rehearsing import Rehearsed
from overstap.app.replay_planning import REPEATED
from overstap.app.replay_receipt import Line, Receipt
from overstap.entrypoints.shape_types import Json
from overstap.entrypoints.shapes import moment
from overstap.store.replays import ReplayItem, ReplayPlan
from overstap.workflow.replay import Outcome, Result


class PlanAct(TypedDict):
    """Who approved or executed a plan, why, and when in ISO 8601, UTC."""

    actor: str
    reason: str | None
    at: str | None


class ReplayPlanSummary(TypedDict):
    """A plan without its runs; `options` is what was asked for, moments are in ISO 8601, UTC."""

    id: str
    at: str
    actor: str
    valid_until: str
    options: Json
    digest: str
    needs_approval: bool
    approved: PlanAct | None
    executed: PlanAct | None


class ListedReplayPlan(ReplayPlanSummary):
    """A plan in a listing, with how many runs it replays and how many it skips."""

    will_run: int
    skipped: int


class RunTouches(TypedDict):
    """What a run touches when it goes on: users, seats, and the monthly cost of the new subscription in cents."""

    users: int
    seats: int
    monthly_cents: int


class ReplayTotals(RunTouches):
    """What the runs that a plan replays touch together, and how many they are."""

    runs: int


class ReplayPlace(TypedDict):
    """Where a run goes on; `step` is its index in the state, the deadline is as it stood there last (ISO 8601, UTC)."""

    state: str
    visit: int
    step: int
    chunk: int
    cause: str | None
    deadline_at: str | None


class PlannedEffect(TypedDict):
    """An effect of a run in a plan; `fate` is what becomes of it."""

    key: str
    operation: str
    status: str
    fate: str


class ReplayEffect(PlannedEffect):
    """An effect and whether the provider is asked for it again."""

    repeated: bool


class PlannedRun(RunTouches):
    """One run of a plan; `why` says why it is skipped, `deadline_at` is what it would get, in ISO 8601, UTC."""

    run_id: str
    seq: int
    verdict: Literal["will_run", "skipped"]
    why: str | None
    tenant_id: str
    state: str
    sticks_at: str | None
    error: str | None
    place: ReplayPlace | None
    step: str | None
    deadline_at: str | None
    effects: list[ReplayEffect]


class ReplayOutcome(TypedDict):
    """What came of a replay, by which journal entry that is known, and its event or error."""

    outcome: Result | None
    told_by: int | None
    because: str | None


class ReceiptLine(ReplayOutcome):
    """What was done with a run of a plan; `replayed_seq` is the journal entry that replayed it."""

    skipped: str | None
    replayed_seq: int | None


class ReceiptRun(PlannedRun):
    """One run of a plan, and what came of it."""

    receipt: ReceiptLine


class ReplayReceipt(ReplayPlanSummary):
    """A plan, its runs, and what came of them; `passed` is null until it is executed."""

    totals: ReplayTotals
    passed: bool | None
    runs: list[ReceiptRun]


class NewEffect(TypedDict):
    """An effect that nothing real has done yet."""

    key: str
    operation: str


class RehearsedRun(ReplayOutcome):
    """What would become of one run; `state` is where it would be in the end, null for one that is not replayed."""

    run_id: str
    skipped: str | None
    state: str | None
    done_anew: list[NewEffect]


def plan_summary(plan: ReplayPlan) -> ReplayPlanSummary:
    """A plan without its runs."""
    return {
        "id": plan.id,
        "at": moment(plan.at),
        "actor": plan.actor,
        "valid_until": moment(plan.valid_until),
        "options": dict(plan.options),
        "digest": plan.digest,
        "needs_approval": plan.needs_approval,
        "approved": _act(plan.approved_by, plan.approved_why, moment(plan.approved_at)),
        "executed": _act(plan.executed_by, plan.executed_why, moment(plan.executed_at)),
    }


def _act(actor: str | None, reason: str | None, at: str | None) -> PlanAct | None:
    return None if actor is None else {"actor": actor, "reason": reason, "at": at}


def listed(plan: ReplayPlan, will_run: int, skipped: int) -> ListedReplayPlan:
    """A plan as the listing shows it."""
    return {**plan_summary(plan), "will_run": will_run, "skipped": skipped}


def totals(items: Sequence[ReplayItem]) -> ReplayTotals:
    """What the runs that a plan replays touch together."""
    touched: list[RunTouches] = [item.detail["touched"] for item in items if item.will_run]
    return {
        "runs": len(touched),
        "users": sum(one["users"] for one in touched),
        "seats": sum(one["seats"] for one in touched),
        "monthly_cents": sum(one["monthly_cents"] for one in touched),
    }


def item(given: ReplayItem) -> PlannedRun:
    """One run of a plan."""
    detail = given.detail
    effects: list[PlannedEffect] = detail["effects"]
    touched: RunTouches = detail["touched"]
    return {
        "run_id": given.run_id,
        "seq": given.run_seq,
        "verdict": "will_run" if given.will_run else "skipped",
        "why": given.why,
        "tenant_id": detail["tenant_id"],
        "state": detail["state"],
        "sticks_at": detail.get("sticks_at"),
        "error": detail.get("error"),
        "place": detail.get("place"),
        "step": detail.get("step"),
        "deadline_at": detail.get("deadline_at"),
        "effects": [{**effect, "repeated": effect["fate"] in REPEATED} for effect in effects],
        **touched,
    }


def receipt(given: Receipt) -> ReplayReceipt:
    """A plan, its runs, and what came of them; the same for whoever asks once everything is known."""
    items = [line.item for line in given.lines]
    return {
        **plan_summary(given.plan),
        "totals": totals(items),
        "passed": given.passed if given.plan.executed_at is not None else None,
        "runs": [{**item(line.item), "receipt": _line(line)} for line in given.lines],
    }


def _line(line: Line) -> ReceiptLine:
    return {"skipped": line.skipped, "replayed_seq": line.item.replayed_seq, **_outcome(line.outcome)}


def _outcome(given: Outcome | None) -> ReplayOutcome:
    if given is None:
        return {"outcome": None, "told_by": None, "because": None}
    return {"outcome": given.result, "told_by": given.seq, "because": given.why}


def rehearsed(given: Rehearsed) -> RehearsedRun:
    """What would become of one run."""
    new: list[NewEffect] = [{"key": key, "operation": operation} for key, operation in given.done_anew]
    return {
        "run_id": given.run_id,
        "skipped": given.skipped,
        **_outcome(given.outcome),
        "state": given.state,
        "done_anew": new,
    }
