"""What operators do to runs, and what they pause."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from typing import Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import TypedDict

from overstap.entrypoints import shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import Body, Duration, Moment, Reason, Reasoned, RunId, Text
from overstap.entrypoints.api.routes.runs import known, tagged
from overstap.entrypoints.api.routing import Answer, Router
from overstap.entrypoints.shape_types import PauseInForce, RunSummary
from overstap.store.runs import StoredRun
from overstap.workflow.pauses import Scope

router = Router(tags=["operators"])


class Resumed(TypedDict):
    """What goes on again.

    Attributes:
        runs: how many had been parked.
    """

    scope: Scope
    name: str
    runs: int


class SentSignal(Body):
    """Something from outside for a run."""

    event: Text
    reason: Reason


class Extension(Reasoned):
    """A later deadline: so much later than it is, or a moment."""

    by: Duration | None = None
    to: Moment | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.by is None) == (self.to is None):
            raise ValueError("give by (how much later) or to (a moment), and not both")
        return self


class Paused(Reasoned):
    """What is paused or resumed; `everything` has no name."""

    scope: Scope
    name: Annotated[str, Field(max_length=200)] = ""


def _act(call: Call, run_id: str, body: Reasoned, act: Callable[..., StoredRun]) -> Answer[RunSummary]:
    stored = act(known(run_id), reason=body.reason, actor=call.actor, if_seq=call.if_seq)
    return tagged(stored, shapes.run_summary(stored))


@router.post("/runs/{run_id}/signals", status_code=202)
def send_signal(call: Called, run_id: RunId, body: SentSignal) -> RunSummary:
    """Send a run something from outside: `credit_approved`, `credit_declined` or `cancel`."""
    stored = call.app.service.signal(known(run_id), body.event, reason=body.reason, actor=call.actor)
    return shapes.run_summary(stored)


@router.post("/runs/{run_id}/hold")
def hold_run(call: Called, run_id: RunId, body: Reasoned) -> Answer[RunSummary]:
    """Keep a run from doing steps until it is released; its deadline and signals still count."""
    return _act(call, run_id, body, call.app.operators.hold)


@router.post("/runs/{run_id}/release")
def release_run(call: Called, run_id: RunId, body: Reasoned) -> Answer[RunSummary]:
    """Let a held run go on."""
    return _act(call, run_id, body, call.app.operators.release)


@router.post("/runs/{run_id}/retry")
def retry_run(call: Called, run_id: RunId, body: Reasoned) -> Answer[RunSummary]:
    """Have a run try its step now, its attempts counted anew."""
    return _act(call, run_id, body, call.app.operators.retry)


@router.post("/runs/{run_id}/extend")
def extend_run(call: Called, run_id: RunId, body: Extension) -> Answer[RunSummary]:
    """Move the deadline of a run's state."""
    later = body.by if body.to is None else body.to.astimezone(UTC)

    def extend(run: str, **by: object) -> StoredRun:
        return call.app.operators.extend(run, later, **by)  # type: ignore[arg-type]

    return _act(call, run_id, body, extend)


@router.post("/runs/{run_id}/fail")
def fail_run(call: Called, run_id: RunId, body: Reasoned) -> Answer[RunSummary]:
    """Send a run on its way to failure: what was done is taken back first."""
    return _act(call, run_id, body, call.app.operators.fail)


@router.post("/runs/{run_id}/takeover")
def take_over_run(call: Called, run_id: RunId, body: Reasoned) -> Answer[RunSummary]:
    """Force a run out of its worker's hands; nothing that worker still writes counts."""
    return _act(call, run_id, body, call.app.operators.take_over)


@router.get("/pauses")
def list_pauses(call: Called) -> Items[PauseInForce]:
    """What is paused, since when, by whom and why."""
    return {"items": [shapes.pause(one) for one in call.app.operators.pauses()]}


@router.post("/pauses", status_code=201)
def pause(call: Called, body: Paused) -> PauseInForce:
    """Keep workers from starting steps of everything, or of one workflow, step or provider."""
    made = call.app.operators.pause(body.scope, body.name, reason=body.reason, actor=call.actor)
    return shapes.pause(made)


@router.post("/pauses/resume")
def resume(call: Called, body: Paused) -> Resumed:
    """Lift a pause; what waited for it goes on at once."""
    runs = call.app.operators.resume(body.scope, body.name, reason=body.reason, actor=call.actor)
    return {"scope": body.scope, "name": body.name, "runs": runs}
