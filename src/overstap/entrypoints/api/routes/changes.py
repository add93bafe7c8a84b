"""Plan changes: ordered, followed and cancelled. A plan change is carried by one run, and has its id."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from overstap.domain.findings import NotEligible
from overstap.entrypoints import run_shapes, shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routes.params import Reasoned, RunId
from overstap.entrypoints.api.routes.tenants import Question
from overstap.entrypoints.api.routing import Answer, Router
from overstap.entrypoints.run_shape_types import RunExplained
from overstap.entrypoints.shape_types import RunSummary
from overstap.workflow.priority import Priority

router = Router(tags=["plan changes"])


class FollowedChange(RunSummary):
    """A plan change, and what there is to say of it in the reader's language."""

    explained: RunExplained


class Order(Question):
    """A plan change to be done."""

    manual: Annotated[bool, Field(description="The manual way, for what the wizard does not do.")] = False
    acknowledged: Annotated[bool, Field(description="That there is no way back from another family.")] = False
    priority: Annotated[Priority, Field(description="An operator's to give.")] = Priority.NORMAL


@router.post("/plan-changes", status_code=201)
def submit_plan_change(call: Called, body: Order) -> Answer[RunSummary]:
    """Order a plan change. The same `Idempotency-Key` gives the same run, never a second one.

    Refused with all findings when a rule blocks it (422), or with the active run when the tenant has one (409).
    """
    change = body.change(call, manual=body.manual, acknowledged=body.acknowledged)
    actor = call.actor if change.acting_upn is None else f"admin:{change.acting_upn}"
    try:
        stored, _ = call.app.service.submit(
            change, key=call.key, actor=actor, locale=call.locale, priority=body.priority
        )
    except NotEligible as error:
        if "acknowledgement_missing" in {finding.code for finding in error.findings}:
            error.add_note("Send acknowledged: true to acknowledge it.")
        raise
    answer = shapes.run_summary(stored)
    headers = {"Location": f"/api/v1/plan-changes/{stored.run.id}"}
    return Answer(answer, headers)


@router.get("/plan-changes/{run_id}")
def show_plan_change(call: Called, run_id: RunId) -> FollowedChange:
    """Where a plan change is, what it waits for and what comes next, in the reader's language."""
    found = call.app.looking.explain(run_id.strip().upper())
    tenant = call.app.service.tenant(found.stored.run.tenant_id)
    return {**shapes.run_summary(found.stored), "explained": run_shapes.explained(found, call.spoken(tenant))}


@router.post("/plan-changes/{run_id}/cancel", status_code=202)
def cancel_plan_change(call: Called, run_id: RunId, body: Reasoned) -> RunSummary:
    """Cancel a change where that is still possible; what was done is taken back first."""
    stored = call.app.service.signal(run_id.strip().upper(), "cancel", reason=body.reason, actor=call.actor)
    return shapes.run_summary(stored)
