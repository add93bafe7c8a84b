"""Replays: plan first, then exactly that (design §5)."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import Query
from pydantic import Field, model_validator

from overstap.app.replay_planning import Wish
from overstap.domain.run_filter import RunFilter
from overstap.entrypoints import replay_shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import MOST, Body, Duration, Moment, PlanId, Reasoned, Text
from overstap.entrypoints.api.routes.runs import chosen, known
from overstap.entrypoints.api.routing import Router
from overstap.workflow.replay import DeadlinePolicy
from overstap.workflow.run import Status

router = Router(tags=["replays"])


class Filter(Body):
    """Which runs; as the queries of `GET /runs`."""

    filter: Annotated[str | None, Field(max_length=200)] = None
    state: Annotated[list[Text] | None, Field(max_length=50)] = None
    status: Annotated[list[Status] | None, Field(max_length=10)] = None
    tenant: Text | None = None
    plan: Text | None = None
    workflow: Text | None = None
    version: Annotated[int | None, Field(ge=1, le=MOST)] = None
    stuck: bool | None = None
    escalated: bool | None = None
    overdue: bool | None = None
    held: bool | None = None
    error: Text | None = None
    older_than: Duration | None = None
    since: Moment | None = None
    until: Moment | None = None

    def wanted(self, call: Call) -> RunFilter:
        """The same as the application takes it."""
        given = self.model_dump()
        for name in ("state", "status"):
            given[name] = None if given[name] is None else tuple(str(one) for one in given[name])
        return chosen(call, {"name": given.pop("filter"), **given})


class PlannedReplay(Body):
    """Which runs, from where on, and what becomes of their deadlines."""

    runs: Annotated[list[Text] | None, Field(max_length=10_000, description="Their ids, instead of a filter.")] = None
    filter: Filter | None = None
    deadline: Annotated[str, Field(max_length=50, description="keep, reset or extend:DURATION")]
    step: Annotated[
        Text | None, Field(alias="from", description="STEP or STATE/STEP; where it sticks if left out.")
    ] = None
    resolve: Annotated[bool, Field(description="Look unknown effects up at the provider.")] = False

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.runs is None) == (self.filter is None):
            raise ValueError("give runs (their ids) or filter, and not both")
        return self


@router.get("/replays")
def list_replays(
    call: Called, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> Items[replay_shapes.ListedReplayPlan]:
    """The plans, the newest first."""
    return {"items": [replay_shapes.listed(*one) for one in call.app.replays.all(limit)]}


@router.post("/replays", status_code=201)
def plan_replay(call: Called, body: PlannedReplay) -> replay_shapes.ReplayReceipt:
    """Write the plan of a replay; nothing else is changed."""
    wish = Wish(DeadlinePolicy.parse(body.deadline), body.step, resolve=body.resolve)
    runs = [known(one) for one in body.runs] if body.runs is not None else None
    wanted = runs if body.filter is None else body.filter.wanted(call)
    made, _ = call.app.replays.plan(wanted or [], wish, actor=call.actor)
    return replay_shapes.receipt(call.app.replays.receipt(made.id))


@router.get("/replays/{plan_id}")
def show_replay(call: Called, plan_id: PlanId) -> replay_shapes.ReplayReceipt:
    """A plan, who approved and ran it, and what came of each run: its receipt."""
    return replay_shapes.receipt(call.app.replays.receipt(known(plan_id)))


@router.post("/replays/{plan_id}/approve")
def approve_replay(call: Called, plan_id: PlanId, body: Reasoned) -> replay_shapes.ReplayPlanSummary:
    """Approve a plan as a second person."""
    made = call.app.replays.approve(known(plan_id), actor=call.actor, reason=body.reason)
    return replay_shapes.plan_summary(made)


@router.post("/replays/{plan_id}/run")
def run_replay(call: Called, plan_id: PlanId, body: Reasoned) -> replay_shapes.ReplayReceipt:
    """Do what a plan says and nothing else; again gives the same receipt, and does nothing."""
    call.app.replays.run(known(plan_id), actor=call.actor, reason=body.reason)
    return replay_shapes.receipt(call.app.replays.receipt(known(plan_id)))


@router.post("/replays/{plan_id}/rehearse")
def rehearse_replay(call: Called, plan_id: PlanId) -> Items[replay_shapes.RehearsedRun]:
    """Play a plan on a copy, and say what would happen; nothing real is touched."""
    return {"items": [replay_shapes.rehearsed(one) for one in call.app.rehearsals.play(known(plan_id))]}
