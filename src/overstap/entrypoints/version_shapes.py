"""How runs look that are judged for another version of their workflow, as plain JSON values; see `shapes`."""

from __future__ import annotations

from typing_extensions import TypedDict

from overstap.app.versions import Counts, Judged
from overstap.entrypoints.shapes import moment
from overstap.workflow.run import Status
from overstap.workflow.versions import Judgement


class NewPlace(TypedDict):
    """Where a run goes on in another version; `step` is null in a state without any."""

    state: str
    step: str | None


class JudgedRun(TypedDict):
    """A run and its verdict; `window_left` is in seconds until its deadline (ISO 8601, UTC), below zero once passed."""

    id: str
    tenant_id: str
    version: int
    state: str
    status: Status
    verdict: Judgement
    reason: str | None
    goes_on_at: NewPlace | None
    deadline_at: str | None
    window_left: float | None


_Spaced = TypedDict("_Spaced", {"needs a mapping": int, "worked on": int})


class JudgementCounts(_Spaced):
    """How many runs there were, and how many of them got which judgement."""

    runs: int
    compatible: int
    blocked: int


def judged(one: Judged) -> JudgedRun:
    """A run, and whether it can be carried to another version of its workflow."""
    run, verdict = one.run, one.verdict
    return {
        "id": run.id,
        "tenant_id": run.tenant_id,
        "version": run.version,
        "state": run.state,
        "status": run.status,
        "verdict": verdict.judgement,
        "reason": verdict.reason or None,
        "goes_on_at": None if verdict.state is None else {"state": verdict.state, "step": verdict.step},
        "deadline_at": moment(run.deadline_at),
        "window_left": None if one.left is None else one.left.total_seconds(),
    }


def judgements(counts: Counts) -> JudgementCounts:
    """How many runs got which judgement."""
    return {
        "runs": counts.runs,
        "compatible": counts.by[Judgement.COMPATIBLE],
        "needs a mapping": counts.by[Judgement.NEEDS_MAPPING],
        "blocked": counts.by[Judgement.BLOCKED],
        "worked on": counts.by[Judgement.BUSY],
    }
