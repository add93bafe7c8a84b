"""How runs look that are judged for another version of their workflow, as plain JSON values; see `shapes`."""

from __future__ import annotations

from overstap.app.versions import Counts, Judged
from overstap.entrypoints.shapes import Json, moment
from overstap.workflow.versions import Judgement


def judged(one: Judged) -> Json:
    """A run, and whether it can be carried to another version of its workflow."""
    run, verdict = one.run, one.verdict
    return {
        "id": run.id,
        "tenant_id": run.tenant_id,
        "version": run.version,
        "state": run.state,
        "status": str(run.status),
        "verdict": str(verdict.judgement),
        "reason": verdict.reason or None,
        "goes_on_at": None if verdict.state is None else {"state": verdict.state, "step": verdict.step},
        "deadline_at": moment(run.deadline_at),
        "window_left": None if one.left is None else one.left.total_seconds(),
    }


def judgements(counts: Counts) -> Json:
    """How many runs got which judgement."""
    return {"runs": counts.runs, **{str(each): counts.by[each] for each in Judgement}}
