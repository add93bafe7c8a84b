"""`overstap runs list` and `runs count`: find runs among all there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from overstap.app.finding import By, Sort
from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli import runs
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.entrypoints.cli.filters import Chosen, takes_filter
from overstap.store.runs import StoredRun

_PAGE = 50
_COLUMNS = ("run", "tenant", "change", "state", "status", "progress", "waits for, or how it ended", "held by")


@takes_filter
def list_(
    face: Face,
    chosen: Chosen,
    sort: Annotated[
        Sort,
        typer.Option(help="deadline: only active runs that have one; attempts: only runs whose last try failed."),
    ] = Sort.NEWEST,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"At most so many; {_PAGE}, and all with --json.")
    ] = None,
    cursor: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on behind the run that a listing ended with.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """List runs, the newest first; all that is asked for must hold."""
    with face.app() as app:
        wanted = chosen.filter(app)
        if as_json:
            face.json([shapes.listed(one) for one in app.search.listing(wanted, sort=sort, cursor=cursor, most=limit)])
            return
        listed = list(app.search.listing(wanted, sort=sort, cursor=cursor, most=(limit or _PAGE) + 1))
        shown = listed[: limit or _PAGE]
        tasks = {one.stored.run.id: app.tasks.of(one.stored.run) for one in shown}
        now, pauses = app.service.now(), app.operators.pauses()
    if not shown:
        nothing = wanted.is_empty and cursor is None and sort in {Sort.NEWEST, Sort.OLDEST}
        face.tell("No runs yet; `overstap submit` orders a change." if nothing else "No such runs.")
        return
    face.print(_table([(one.stored, words.waits_for(one.stored.run, now, tasks[one.stored.run.id])) for one in shown]))
    words.paused(face.tell, pauses)
    if len(listed) > len(shown):
        face.tell(f"There are more: --cursor {shown[-1].cursor}")


def _table(listed: Sequence[tuple[StoredRun, str]]) -> Table:
    """Runs, each with what it waits for; a column that is empty for all of them gives its room to the others."""
    rows = [_row(stored, waits) for stored, waits in listed]
    used = [place for place, cells in enumerate(zip(*rows, strict=True)) if any(map(str, cells))]
    table = words.table(*(_COLUMNS[place] for place in used))
    table.columns[0].no_wrap = True  # an id is copied whole, or not at all
    for row in rows:
        table.add_row(*(row[place] for place in used))
    return table


def _row(stored: StoredRun, waits: str) -> tuple[str | Text, ...]:
    run = stored.run
    tried = f"{run.status}/{run.attempt}" if run.attempt else str(run.status)
    progress = f"{run.done}/{run.total}" if run.total else ""
    about = (run.id, words.title(run), words.change(run), words.state(run.state))
    return (*about, tried, progress, waits, stored.claimed_by or "")


@takes_filter
def count(
    face: Face,
    chosen: Chosen,
    by: Annotated[
        By, typer.Option(help="What to count by; error counts runs that have one, age those that have not ended.")
    ] = By.STATE,
    as_json: JsonFlag = False,
) -> None:
    """Count runs; all that is asked for must hold."""
    with face.app() as app:
        counts = app.search.count(chosen.filter(app), by=by)
    total = sum(counts.values())
    if as_json:
        face.json({"by": by.value, "counts": counts, "total": total})
        return
    table = words.table(by.value, "runs#")
    for name, number in counts.items():
        table.add_row(words.state(name) if by is By.STATE else name, f"{number:,}")
    table.add_row("all of these", f"{total:,}", style="bold")
    face.print(table)


def add_to(_app: typer.Typer) -> None:
    """Register the commands, in the group of `runs`."""
    command(runs.group, "list")(list_)
    command(runs.group, "count")(count)
