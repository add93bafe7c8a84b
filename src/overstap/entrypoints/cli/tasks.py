"""`overstap tasks …`: what people have to do, and that they have done it."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, LocaleOption, command, find_tenant, run_id, whole
from overstap.language import language

group = typer.Typer(help="Tasks: what people do in a change that goes the manual way.", no_args_is_help=True)

TaskArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the task.")]


def list_(
    face: Face,
    tenant: Annotated[str | None, typer.Option(metavar="T", help="Only those of this tenant, by id or name.")] = None,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the open tasks, the oldest change first."""
    with face.app() as app:
        tenant_id = None if tenant is None else find_tenant(app.service, tenant).id
        found = app.tasks.open(tenant_id)
    if as_json:
        face.json([shapes.task(task, locale) for task in found])
        return
    if not found:
        face.tell("Nobody has anything to do.")
        return
    table = words.table("task", "tenant", "what", "since", "reminder", "deadline", "whose turn")
    for task in found:
        moments = (words.when(moment) for moment in (task.since, task.remind_at, task.deadline_at))
        spoken = language(locale or task.locale)
        turn = ", ".join(task.people) or f"nobody: it takes a {task.needed}"
        table.add_row(task.id, words.title(task.run), task.title(spoken), *moments, turn)
    face.print(table)


def show(face: Face, task: TaskArgument, locale: LocaleOption = None, as_json: JsonFlag = False) -> None:
    """Show one open task: what to do, and until when."""
    with face.app() as app:
        found = app.tasks.get(run_id(task))
        now = app.service.now()
    if as_json:
        face.json(shapes.task(found, locale))
        return
    spoken = language(locale or found.locale)
    face.tell(found.title(spoken))
    for number, line in enumerate(found.instructions(spoken), start=1):
        face.tell(f"{number}. {line}")
    table = words.table("", "")
    table.show_header = False
    table.add_row("task", found.id)
    table.add_row("tenant", f"{words.title(found.run)}  {found.run.tenant_id}")
    table.add_row("change", words.change(found.run))
    table.add_row("since", words.when(found.since))
    table.add_row("reminder", words.when(found.remind_at))
    table.add_row("deadline", words.deadline(found.deadline_at, now))
    table.add_row("whose turn", f"{', '.join(found.people) or 'nobody'} ({found.needed})")
    face.tell()
    face.print(table)
    face.tell(f"When it is done: overstap tasks done {found.id} --by UPN --note TEXT")
    if found.kind.declined:
        face.tell("When the advice is not followed, add --declined.")


def done(
    face: Face,
    task: TaskArgument,
    by: Annotated[str, typer.Option(metavar="UPN", help="The tenant's admin who did it.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was done; it goes into the journal.")],
    declined: Annotated[
        bool, typer.Option("--declined", help="The advice is not followed; the note says why.")
    ] = False,
    locale: LocaleOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that a task is done; only the open one of a change, in its order."""
    with face.app() as app:
        stored = app.tasks.done(run_id(task), by=by, note=note, declined=declined, locale=locale)
        if as_json:
            face.json(whole(app, stored))
            return
    face.tell(f"Noted. A worker goes on with run {stored.run.id}: overstap runs watch {stored.run.id}")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "list")(list_)
    command(group, "show")(show)
    command(group, "done")(done)
    app.add_typer(group, name="tasks")
