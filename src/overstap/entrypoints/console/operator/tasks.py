"""What runs ask of people: the open tasks of all tenants, for the staff alone."""

from __future__ import annotations

import htpy as h

from overstap.entrypoints.console import tasks
from overstap.entrypoints.console.frame import frame
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, choice, show
from overstap.entrypoints.console.visit import Visit
from overstap.language import lazy_gettext

MANNER = tasks.Manner(
    to_task=lambda task: f"/console/tasks/{task.id}",
    to_run=lambda task: f"/console/runs/{task.run.id}",
    staff=True,
)


@page("/console/tasks", tasks.TITLE, "count_runs")
async def list_tasks(visit: Visit) -> None:
    """The open tasks, those of the oldest run first."""
    wanted = visit.query("tenant")
    tenant_id = visit.call.tenant(wanted).id if wanted else None
    found = await visit.ask(visit.app.tasks.open)
    shown = [task for task in found if tenant_id in (None, task.run.tenant_id)]
    names = {task.run.tenant_id: str(task.run.input.get("tenant_name") or task.run.tenant_id) for task in found}
    if tenant_id and tenant_id not in names:
        names[tenant_id] = (await visit.ask(visit.call.tenant, tenant_id)).name
    options = sorted(names.items(), key=lambda one: one[1].casefold())
    with frame(visit, visit.say(tasks.TITLE)):
        show(
            h.form(".filters", method="get", data_at_once=True)[
                choice(visit.words, "tenant", visit.say(lazy_gettext("Tenant")), options, tenant_id)
            ]
        )
        tasks.listed(visit, shown, MANNER)
        tasks.follow(visit, shown, tenant_id, address("/console/tasks", tenant=tenant_id))


@page("/console/tasks/{task_id}", lazy_gettext("Task"), "count_runs")
async def show_task(visit: Visit) -> None:
    """One open task."""
    task = await visit.ask(visit.app.tasks.get, str(visit.path["task_id"]).strip().upper())
    with frame(visit, task.title(visit.words)):
        tasks.whole(visit, task, MANNER)
