"""Which request over HTTP asked for what a journal entry tells."""

from __future__ import annotations

from overstap.workflow.chain import BEGINNING, sealed
from overstap.workflow.decide import Decision
from overstap.workflow.fold import apply
from overstap.workflow.run import Run


def requested(decision: Decision, before: Run | None, request: str | None) -> Decision:
    """The same decision, its entry naming the request over HTTP that asked for it.

    Args:
        before: the run that it was decided for; None for a new one.
        request: its id; None leaves the decision as it is.
    """
    if request is None:
        return decision
    entry = decision.entry
    entry = sealed(
        BEGINNING if before is None else before.head,
        run_id=entry.run_id,
        seq=entry.seq,
        at=entry.at,
        kind=entry.kind,
        event=entry.event,
        from_state=entry.from_state,
        to_state=entry.to_state,
        step=entry.step,
        actor=entry.actor,
        data={**entry.data, "request": request},
    )
    return Decision(apply(before, entry), entry)
