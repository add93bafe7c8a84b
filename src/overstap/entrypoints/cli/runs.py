"""`overstap runs …`: find runs, look at one, follow it to its end."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.entrypoints.cli import looking
from overstap.entrypoints.cli.face import Face, command, run_id
from overstap.entrypoints.cli.looking import RunArgument
from overstap.entrypoints.cli.watching import watch_run

group = typer.Typer(help="Runs: each carries one plan change.", no_args_is_help=True)


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
    looking.add_to(group)
    command(group, "watch")(watch)
    app.add_typer(group, name="runs")
