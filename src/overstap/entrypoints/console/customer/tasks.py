"""What a tenant's changes ask of its admins."""

from __future__ import annotations

import htpy as h

from overstap.app.tasks import Task
from overstap.entrypoints.console import tasks
from overstap.entrypoints.console.customer.surroundings import enter, home, status_path, surroundings
from overstap.entrypoints.console.pages import page
from overstap.entrypoints.console.parts import address, choice, note, show
from overstap.entrypoints.console.visit import Visit
from overstap.errors import Conflict, NotFound
from overstap.language import lazy_gettext

_MINE = "mine"
_TITLE, _OPEN = lazy_gettext("Task"), lazy_gettext("What is open now")


def _manner(tenant_id: str) -> tasks.Manner:
    return tasks.Manner(
        to_task=lambda task: f"{home(tenant_id)}/tasks/{task.id}",
        to_run=lambda task: status_path(tenant_id, task.run.id),
        staff=False,
    )


@page("/tenants/{tenant_id}/tasks", tasks.TITLE, "list_tasks")
async def list_tasks(visit: Visit) -> None:
    """The tenant's open tasks: everybody's, or one's own."""
    entered = await enter(visit, None)
    tenant, upn = entered.tenant, visit.principal.upn
    found: list[Task] = await visit.ask(visit.app.tasks.open, tenant.id)
    mine = upn is not None and visit.query("whose") == _MINE
    shown = [task for task in found if not mine or upn in task.people]
    here = f"{home(tenant.id)}/tasks"
    with surroundings(visit, entered, visit.say(tasks.TITLE)):
        if upn is not None:
            options = [(_MINE, visit.say(lazy_gettext("mine")))]
            show(
                h.form(".filters", method="get", data_at_once=True)[
                    choice(
                        visit.words, "whose", visit.say(lazy_gettext("Whose tasks")), options, _MINE if mine else None
                    )
                ]
            )
        tasks.listed(visit, shown, _manner(tenant.id))
        tasks.follow(visit, found, tenant.id, address(here, whose=_MINE if mine else None))


@page("/tenants/{tenant_id}/tasks/{task_id}", _TITLE, "show_task")
async def show_task(visit: Visit) -> None:
    """One open task."""
    entered = await enter(visit, None)
    task_id = str(visit.path["task_id"]).strip().upper()
    try:
        task = await visit.ask(visit.app.tasks.get, task_id)
    except Conflict:
        with surroundings(visit, entered, visit.say(_TITLE)):
            show(note([visit.say(tasks.OVER), " ", h.a(href=f"{home(entered.tenant.id)}/tasks")[visit.say(_OPEN)]]))
        return
    if task.run.tenant_id != entered.tenant.id:
        raise NotFound(f"{entered.tenant.name} has no task {task_id}.")
    with surroundings(visit, entered, task.title(visit.words)):
        tasks.whole(visit, task, _manner(entered.tenant.id))
