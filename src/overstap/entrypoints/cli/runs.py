"""`overstap runs …`: look at runs, or follow one to its end."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli import looking
from overstap.entrypoints.cli.face import Face, JsonFlag, command, find_tenant, run_id
from overstap.entrypoints.cli.looking import RunArgument
from overstap.entrypoints.cli.watching import watch_run

group = typer.Typer(help="Runs: each carries one plan change.", no_args_is_help=True)

_PAGE = 50
_ALL = 1_000_000


def list_(
    face: Face,
    state: Annotated[str | None, typer.Option(metavar="S", help="Only those in this state.")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="T", help="Only those of this tenant, by id or name.")] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"At most so many; {_PAGE}, and all with --json.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="ID", help="Only those older than this run.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List runs, the newest first."""
    limit = limit or (_ALL if as_json else _PAGE)
    older_than = None if before is None else run_id(before)
    with face.app() as app:
        tenant_id = None if tenant is None else find_tenant(app.service, tenant).id
        found = app.service.runs(state=state, tenant_id=tenant_id, limit=limit, before=older_than)
        tasks = {} if as_json else {stored.run.id: app.tasks.of(stored.run) for stored in found}
        now = app.service.now()
    if as_json:
        face.json([shapes.run_summary(stored) for stored in found])
        return
    if not found:
        face.tell("No such runs." if state or tenant or before else "No runs yet; `overstap submit` orders a change.")
        return
    table = words.table("run", "tenant", "change", "state", "progress", "waits for, or how it ended")
    for stored in found:
        run = stored.run
        progress = f"{run.done}/{run.total}" if run.total else ""
        waits = words.waits_for(run, now, tasks[run.id])
        table.add_row(run.id, words.title(run), words.change(run), words.state(run.state), progress, waits)
    face.print(table)
    if len(found) == limit:
        face.tell(f"There may be more: --before {found[-1].run.id}")


def watch(
    face: Face,
    run: RunArgument,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="Exit 1 when the run ends in anything but completed.")
    ] = False,
) -> None:
    """Follow a run until it has ended (Ctrl-C leaves it alone)."""
    with face.app() as app:
        end = watch_run(app.service, app.tasks, run_id(run), face.out)
    if exit_status and end != "completed":
        raise typer.Exit(1)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "list")(list_)
    looking.add_to(group)
    command(group, "watch")(watch)
    app.add_typer(group, name="runs")
