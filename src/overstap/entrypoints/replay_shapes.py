"""How plans of replays and their receipts look as plain JSON values; see `shapes`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from overstap.app.rehearsing import Rehearsed
from overstap.app.replay_planning import REPEATED
from overstap.app.replay_receipt import Line, Receipt
from overstap.entrypoints.shapes import Json, moment
from overstap.store.replays import ReplayItem, ReplayPlan
from overstap.workflow.replay import Outcome


def plan_summary(plan: ReplayPlan) -> Json:
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


def _act(actor: str | None, reason: str | None, at: str | None) -> Json | None:
    return None if actor is None else {"actor": actor, "reason": reason, "at": at}


def listed(plan: ReplayPlan, will_run: int, skipped: int) -> Json:
    """A plan as the listing shows it."""
    return {**plan_summary(plan), "will_run": will_run, "skipped": skipped}


def totals(items: Sequence[ReplayItem]) -> dict[str, int]:
    """What the runs that a plan replays touch together."""
    sums: Counter[str] = Counter({"runs": 0, "users": 0, "seats": 0, "monthly_cents": 0})
    for item in items:
        if item.will_run:
            sums.update({"runs": 1, **item.detail["touched"]})
    return dict(sums)


def item(given: ReplayItem) -> Json:
    """One run of a plan."""
    detail = given.detail
    return {
        "run_id": given.run_id,
        "seq": given.run_seq,
        "verdict": "will_run" if given.will_run else "skipped",
        "why": given.why,
        **{
            name: detail.get(name)
            for name in ("tenant_id", "state", "sticks_at", "error", "place", "step", "deadline_at")
        },
        "effects": [{**effect, "repeated": effect["fate"] in REPEATED} for effect in detail["effects"]],
        **detail["touched"],
    }


def receipt(given: Receipt) -> Json:
    """A plan, its runs, and what came of them; the same for whoever asks once everything is known."""
    items = [line.item for line in given.lines]
    return {
        **plan_summary(given.plan),
        "totals": totals(items),
        "passed": given.passed if given.plan.executed_at is not None else None,
        "runs": [{**item(line.item), "receipt": _line(line)} for line in given.lines],
    }


def _line(line: Line) -> Json:
    return {"skipped": line.skipped, "replayed_seq": line.item.replayed_seq, **_outcome(line.outcome)}


def _outcome(given: Outcome | None) -> Json:
    if given is None:
        return {"outcome": None, "told_by": None, "because": None}
    return {"outcome": str(given.result), "told_by": given.seq, "because": given.why}


def rehearsed(given: Rehearsed) -> Json:
    """What would become of one run."""
    new = [{"key": key, "operation": operation} for key, operation in given.done_anew]
    return {
        "run_id": given.run_id,
        "skipped": given.skipped,
        **_outcome(given.outcome),
        "state": given.state,
        "done_anew": new,
    }
