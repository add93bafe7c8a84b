"""Following one run: a live picture in a terminal, one line per change anywhere else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from overstap.app.service import Service
from overstap.app.tasks import Task, Tasks
from overstap.entrypoints import words
from overstap.workflow.run import JournalEntry, Run, Status

_LOOK_EVERY = 0.25  # seconds of the machine's time
_LINES = 8

_Look = tuple[Run, Sequence[JournalEntry], datetime, Task | None]


def watch_run(service: Service, tasks: Tasks, run_id: str, out: Console) -> str:
    """Show a run until it has ended.

    Returns:
        The state it ended in.

    Raises:
        NotFound: when there is no such run.
    """
    looks = _looks(service, tasks, run_id)
    return _live(looks, out) if out.is_terminal else _lines(looks, out)


def _looks(service: Service, tasks: Tasks, run_id: str) -> Iterator[_Look]:
    """The run again and again, the last time when it has ended."""
    journal: list[JournalEntry] = []
    task: Task | None = None
    while True:
        run = service.run(run_id).run
        if not journal or journal[-1].seq < run.seq:
            journal = service.journal(run_id)
            task = tasks.of(run)
        yield run, journal, service.now(), task
        if run.status is Status.ENDED and journal[-1].seq >= run.seq:
            return
        time.sleep(_LOOK_EVERY)


def _live(looks: Iterator[_Look], out: Console) -> str:
    state = ""
    with Live(console=out, auto_refresh=False) as live:
        for run, journal, now, task in looks:
            live.update(_picture(run, journal, now, task), refresh=True)
            state = run.state
    return state


def _lines(looks: Iterator[_Look], out: Console) -> str:
    told, state = 0, ""
    for run, journal, _, _ in looks:
        for entry in journal[told:]:
            out.file.write(f"{words.when(entry.at)}  {words.line(entry)}\n")
        out.file.flush()
        told, state = len(journal), run.state
    return state


def _picture(run: Run, journal: Sequence[JournalEntry], now: datetime, task: Task | None) -> RenderableType:
    waits = f"  {words.waits_for(run, now, task)}"
    head = Text.assemble((words.title(run), "bold"), f"  {words.change(run)}  ", words.state(run.state), waits)
    parts: list[RenderableType] = [head]
    if run.total and run.ended_at is None:
        row = words.table("", "")
        row.show_header = False
        row.add_row(words.bar(run, 40), f"{run.done} of {run.total} users")
        parts.append(row)
    if run.deadline_at is not None:
        parts.append(Text(f"deadline {words.deadline(run.deadline_at, now)}", "dim"))
    parts.append(Text())
    parts += [Text(f"{words.when(entry.at)}  {words.line(entry)}") for entry in journal[-_LINES:]]
    return Group(*parts)
