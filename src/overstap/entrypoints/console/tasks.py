"""Tasks as the staff and tenants' admins see them alike: what is asked, of whom, until when; and that it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import htpy as h
from nicegui import ui

from overstap.app.tasks import Task
from overstap.entrypoints.console.acting import Act, in_one_line
from overstap.entrypoints.console.live import Live, spot
from overstap.entrypoints.console.parts import chip, empty, facts, note, phrase, show, table, time
from overstap.entrypoints.console.visit import Visit, desk
from overstap.errors import BadInput, Conflict
from overstap.language import lazy_gettext, lazy_ngettext

TITLE = lazy_gettext("Tasks")
OVER = lazy_gettext("This is over: somebody has answered it, or its deadline has passed.")
_NO_NOTE = lazy_gettext("The note is missing: write what there is to know about it.")

_IN_YOUR_NAME = lazy_gettext("It is noted in your name, and the change goes on by itself. This cannot be undone.")


@dataclass(frozen=True, slots=True)
class Manner:
    """How tasks are shown to those who look.

    Attributes:
        to_task: the address of a task's page.
        to_run: the address of what its run does.
        staff: whether they look at the tasks of all tenants.
    """

    to_task: Callable[[Task], str]
    to_run: Callable[[Task], str]
    staff: bool


def listed(visit: Visit, tasks: Sequence[Task], manner: Manner) -> None:
    """Put the open tasks on the page, and what becomes of them while it is open."""
    say = visit.say
    if not tasks:
        show(
            empty(
                say(lazy_gettext("Nobody has to do anything.")),
                say(lazy_gettext("A change that goes the manual way asks for something here when its turn comes.")),
            )
        )
        return
    columns = [say(lazy_gettext("Task"))]
    columns += [say(lazy_gettext("Tenant"))] if manner.staff else []
    columns += [
        say(lazy_gettext("Whose turn it is")),
        say(lazy_gettext("Since")),
        say(lazy_gettext("Deadline")),
        say(lazy_gettext("Change")),
    ]

    def row(task: Task) -> list[h.Node]:
        name = str(task.run.input.get("tenant_name") or task.run.tenant_id)
        tenant = [h.a(href=f"/console/tenants/{task.run.tenant_id}")[name]] if manner.staff else []
        return [
            [h.a(href=manner.to_task(task))[task.title(visit.words)], " ", spot(f"task-{task.id}")],
            *tenant,
            _people(visit, task),
            time(task.since, "ago"),
            [time(task.deadline_at), " ", h.span(".hint")[time(task.deadline_at, "left")]],
            h.a(href=manner.to_run(task))[
                say(lazy_gettext("Its run")) if manner.staff else say(lazy_gettext("Status"))
            ],
        ]

    show(table(say(TITLE), columns, [row(task) for task in tasks]))


def follow(visit: Visit, tasks: Sequence[Task], tenant_id: str | None, place: str) -> None:
    """Tell what is new or over since the page was opened.

    Args:
        tenant_id: whose tasks are shown; None for all.
        place: the address that shows them anew.
    """
    shown = {task.id for task in tasks}

    def spots(found: Collection[str]) -> dict[str, h.Node]:
        now = set(found)
        new = len(now - shown)
        told = lazy_ngettext("{count} new task", "{count} new tasks")
        return {
            "new-tasks": [visit.say(told, count=new), " ", h.a(href=place)[visit.say(lazy_gettext("Show"))]]
            if new
            else None,
            **{f"task-{one}": None if one in now else chip(visit.say(lazy_gettext("over"))) for one in shown},
        }

    show(h.p(".news")[spot("new-tasks")])
    looks = desk().looks
    live = Live(visit, lambda: looks.look(("tasks", tenant_id), lambda: visit.app.tasks.open_ids(tenant_id)), spots)
    live.knows(spots(shown))


def whole(visit: Visit, task: Task, manner: Manner) -> None:
    """Put one task on the page: what to do, and the acts that say that it is done."""
    say = visit.say
    name = str(task.run.input.get("tenant_name") or task.run.tenant_id)
    show(
        h.div(data_live="over"),
        h.section(".card")[h.ol(".todo")[(h.li[one] for one in task.instructions(visit.words))]],
        h.section(".card")[
            facts(
                [
                    (
                        say(lazy_gettext("Tenant")),
                        h.a(href=f"/console/tenants/{task.run.tenant_id}")[name] if manner.staff else name,
                    ),
                    (say(lazy_gettext("Whose turn it is")), _people(visit, task)),
                    (say(lazy_gettext("Since")), [time(task.since), " ", h.span(".hint")[time(task.since, "ago")]]),
                    (say(lazy_gettext("Reminder")), time(task.remind_at)),
                    (
                        say(lazy_gettext("Deadline")),
                        [time(task.deadline_at), " ", h.span(".hint")[time(task.deadline_at, "left")]],
                    ),
                    (
                        say(lazy_gettext("Change")),
                        h.a(href=manner.to_run(task))[
                            say(lazy_gettext("Its run")) if manner.staff else say(lazy_gettext("Status"))
                        ],
                    ),
                ]
            )
        ],
        classes="parts",
    )
    with ui.element("div").classes("buttons"):
        _answer(visit, task, manner, declined=False)
        if task.kind.declined is not None:
            _answer(visit, task, manner, declined=True)

    def look() -> bool:
        try:
            visit.app.tasks.get(task.id)
        except Conflict:
            return False
        return True

    def spots(is_open: bool) -> dict[str, h.Node]:
        return {"over": None if is_open else note([say(OVER), " ", h.a(href=manner.to_run(task))[name]], "warn")}

    live = Live(visit, lambda: desk().looks.look(("task", task.id), look), spots)
    live.knows(spots(True))


async def _foreseen(visit: Visit, task: Task, event: str) -> h.Node:
    """What an answer to a task does, in the words of those who give it."""
    if visit.principal.upn is not None:
        return h.p[visit.say(_IN_YOUR_NAME)]
    foreseen = await visit.ask(visit.app.looking.foresee, task.run.id, event)
    return h.ul(".preview")[(h.li[phrase(visit.words, one.message, **one.params)] for one in foreseen.sentences)]


def _answer(visit: Visit, task: Task, manner: Manner, *, declined: bool) -> None:
    """The act that says that a task is done, or that its advice is not followed."""
    say = visit.say
    given: dict[str, ui.select | ui.textarea] = {}
    own = visit.principal.upn
    event = (task.kind.declined if declined else None) or task.kind.done

    def fields() -> None:
        if own is None:
            given["by"] = ui.select(
                list(task.people),
                label=say(lazy_gettext("Which of its administrators did it")),
                value=task.people[0] if len(task.people) == 1 else None,
            ).props("outlined")
        hint = say(lazy_gettext("It goes into the run's journal, for instance where the backup is."))
        given["note"] = ui.textarea(say(lazy_gettext("Note"))).props(f'outlined autogrow maxlength=2000 hint="{hint}"')

    def perform(_reason: str) -> object:
        by = own or given["by"].value
        if not by:
            raise BadInput(say(lazy_gettext("Say which of the tenant's administrators did it.")))
        told = in_one_line(given["note"].value)
        if not told:
            raise BadInput(say(_NO_NOTE))
        return visit.app.tasks.done(task.id, by=by, note=told, declined=declined, locale=visit.words.locale)

    Act(
        visit=visit,
        command="finish_task",
        label=lazy_gettext("Decline the advice") if declined else lazy_gettext("It is done"),
        title=lazy_gettext("Say that the advice is not followed") if declined else lazy_gettext("Say that it is done"),
        perform=perform,
        ask_preview=lambda: _foreseen(visit, task, event),
        reason=False,
        main=not declined,
        fields=fields,
        then=lambda _: ui.navigate.to(manner.to_run(task)),
    ).put()


def _people(visit: Visit, task: Task) -> h.Node:
    if task.people:
        return ", ".join(task.people)
    nobody = lazy_gettext("Nobody has the role that it takes: {role}")
    return chip(visit.say(nobody, role=str(task.needed)), "bad")
