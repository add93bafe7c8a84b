"""`overstap runs …`: look at one run, or follow it to its end; `finding` lists them."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Annotated

import typer

from overstap.app.tasks import Task
from overstap.clock import format_duration
from overstap.entrypoints import words
from overstap.entrypoints.cli.face import Face, JsonFlag, command, run_id, whole
from overstap.entrypoints.cli.watching import watch_run
from overstap.store.rows import EffectRecord
from overstap.store.runs import StoredRun
from overstap.workflow.decide import Signal
from overstap.workflow.run import JournalEntry

group = typer.Typer(help="Runs: each carries one plan change.", no_args_is_help=True)

RunArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the run.")]


def show(face: Face, run: RunArgument, as_json: JsonFlag = False) -> None:
    """Show one run: where it is, its history, and its effects."""
    with face.app() as app:
        stored = app.service.run(run_id(run))
        if as_json:
            face.json(whole(app, stored))
            return
        known = stored.run.id
        now = app.service.now()
        journal, effects = app.service.journal(known), app.service.effects(known)
        pending = app.service.pending_signals(known)
        task = app.tasks.of(stored.run)
    _header(face, stored, now, task)
    _timeline(face, journal)
    if effects:
        _effects(face, effects)
    _pending(face, pending)


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


def _header(face: Face, stored: StoredRun, now: datetime, task: Task | None) -> None:
    run = stored.run
    order = run.input
    face.tell(f"Run {run.id}  {run.workflow} v{run.version}")
    table = words.table("", "")
    table.show_header = False
    table.add_row("tenant", f"{words.title(run)}  {run.tenant_id}")
    table.add_row("change", f"{words.change(run)}, {order.get('seats')} seats, {order.get('payment_method')}")
    table.add_row("subscription", stored.subscription_id)
    table.add_row("state", words.state(run.state) + f" ({run.status})")
    table.add_row("waits for" if run.ended_at is None else "ended", words.waits_for(run, now, task))
    if task is not None:
        table.add_row("task", task.id)
    if run.total:
        table.add_row("progress", f"{run.done} of {run.total}")
    if run.deadline_at is not None:
        table.add_row("deadline", f"{words.when(run.deadline_at)}, in {words.span(run.deadline_at - now)}")
    if stored.claimed_by:
        table.add_row("held by", f"{stored.claimed_by} until {words.when(stored.claim_until)}")
    if run.error:
        table.add_row("error", run.error)
    for finding in words.findings(run):
        advice = f"{finding.rule}: {finding.sentence(words.ENGLISH)} {finding.advice(words.ENGLISH)}"
        table.add_row(str(finding.severity), advice)
    face.print(table)


def _timeline(face: Face, journal: list[JournalEntry]) -> None:
    table = words.table("#", "at", "after#", "what", title="\nHistory")
    for before, entry in itertools.pairwise([None, *journal]):
        after = "" if before is None or entry is None else format_duration(entry.at - before.at)
        if entry is not None:
            style = "bold" if entry.to_state else None
            table.add_row(str(entry.seq), words.when(entry.at), after, words.line(entry), style=style)
    face.print(table)


def _effects(face: Face, effects: list[EffectRecord]) -> None:
    table = words.table("at", "operation", "status", "key", title="\nEffects")
    for effect in effects:
        style = None if effect.status == "confirmed" else "yellow"
        table.add_row(words.when(effect.at), effect.operation, effect.status, effect.key, style=style)
    face.print(table)


def _pending(face: Face, pending: list[Signal]) -> None:
    for signal in pending:
        face.tell(f"Signal that waits for its time: {signal.event}, by {signal.actor}: {signal.reason}")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "show")(show)
    command(group, "watch")(watch)
    app.add_typer(group, name="runs")
