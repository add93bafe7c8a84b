"""`overstap pause`, `resume` and `pauses`: what workers start no steps of for the time being."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.entrypoints import shapes, words
from overstap.entrypoints.cli.acting import ReasonArgument
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.entrypoints.cli.orders import operator
from overstap.workflow.pauses import Scope

ScopeArgument = Annotated[Scope, typer.Argument(metavar="WHAT", help="everything, workflow, step or provider.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Which one; nothing for everything.")]


def pause(face: Face, what: ScopeArgument, reason: ReasonArgument, name: NameArgument = "") -> None:
    """Start no more steps of something; what is under way ends, deadlines pass and signals count."""
    with face.app() as app:
        made = app.operators.pause(what, name, reason=reason, actor=operator())
    face.tell(f"Paused: {made.what}. Workers see it within a second or two; steps that are under way end.")
    face.tell(f"Deadlines still pass. Go on: overstap resume {made.what} --reason TEXT")


def resume(face: Face, what: ScopeArgument, reason: ReasonArgument, name: NameArgument = "") -> None:
    """Lift a pause; what waited for it goes on at once."""
    with face.app() as app:
        due = app.operators.resume(what, name, reason=reason, actor=operator())
        left = app.operators.pauses()
    face.tell(f"Resumed: {what} {name}".rstrip() + f"; {due} run{'' if due == 1 else 's'} had been waiting.")
    words.paused(face.tell, left)


def pauses(face: Face, as_json: JsonFlag = False) -> None:
    """List what is paused."""
    with face.app() as app:
        found = app.operators.pauses()
    if as_json:
        face.json([shapes.pause(one) for one in found])
        return
    if not found:
        face.tell("Nothing is paused.")
        return
    table = words.table("paused", "since", "by", "why")
    for one in found:
        table.add_row(one.what, words.when(one.since), one.actor, one.reason)
    face.print(table)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(app, "pause")(pause)
    command(app, "resume")(resume)
    command(app, "pauses")(pauses)
