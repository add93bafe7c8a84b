"""Tasks: what runs ask people to do."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from overstap.entrypoints import shapes
from overstap.entrypoints.api.call import Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import Body
from overstap.entrypoints.api.routes.runs import known
from overstap.entrypoints.api.routing import Router, problems
from overstap.entrypoints.shape_types import OpenTask, RunSummary
from overstap.errors import BadInput

router = Router(tags=["tasks"])

TaskId = Annotated[str, Path(min_length=1, max_length=80, description="The run and its visit, such as 01KJ…-3.")]


class Answer(Body):
    """That a task is done, and by whom."""

    note: Annotated[str, Field(min_length=1, max_length=2000, description="It goes into the run's journal.")]
    by: Annotated[str | None, Field(min_length=1, max_length=200, description="UPN; a tenant's token says it.")] = None
    declined: Annotated[bool, Field(description="The advice is not followed.")] = False


@router.get("/tasks", responses=problems(404))
def list_tasks(call: Called, tenant: Annotated[str | None, Query(max_length=64)] = None) -> Items[OpenTask]:
    """The open tasks, those of the oldest run first."""
    own = call.principal.tenant_id if tenant is None else call.tenant(tenant).id
    return {"items": [shapes.task(one, call.locale) for one in call.app.tasks.open(own)]}


@router.get("/tasks/{task_id}")
def show_task(call: Called, task_id: TaskId) -> OpenTask:
    """What to do."""
    return shapes.task(call.app.tasks.get(known(task_id)), call.locale)


@router.post("/tasks/{task_id}/done")
def finish_task(call: Called, task_id: TaskId, body: Answer) -> RunSummary:
    """Say that a task is done; the run goes on with it."""
    by = call.acting(body.by)
    if by is None:
        raise BadInput("by: say which of the tenant's admins did it.")
    stored = call.app.tasks.done(known(task_id), by=by, note=body.note, declined=body.declined, locale=call.locale)
    return shapes.run_summary(stored)
