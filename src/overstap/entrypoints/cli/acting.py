"""What an operator does to one run, and the two answers of a credit check; each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

import typer

from overstap.bootstrap import App
from overstap.clock import TooLong, parse_duration, parse_moment
from overstap.entrypoints import words
from overstap.entrypoints.cli.face import Face, JsonFlag, command, run_id, whole
from overstap.entrypoints.cli.looking import RunArgument
from overstap.entrypoints.cli.orders import operator
from overstap.store.runs import StoredRun

ReasonArgument = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it goes into the journal.")]

Act = Callable[[App, str], StoredRun]


def _deadline(text: str) -> timedelta | datetime:
    try:
        return parse_duration(text)
    except TooLong as error:
        raise typer.BadParameter(str(error)) from None
    except ValueError:
        pass
    try:
        return parse_moment(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a duration, like 2h or 1d12h, nor a moment, like 2026-03-02T18:00"
        ) from None


DeadlineOption = Annotated[
    str, typer.Option("--deadline", metavar="DURATION|TIME", help="So much later, such as 2h; or the moment.")
]


def hold(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Keep a run from doing steps until it is released; its deadline and signals still count."""
    stored = _act(face, run, lambda app, known: app.operators.hold(known, reason=reason, actor=operator()), as_json)
    if stored.run.deadline_at is not None and not as_json:
        face.tell(f"Its deadline still comes: {words.when(stored.run.deadline_at)}.")


def release(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Let a held run go on where it was."""
    _act(face, run, lambda app, known: app.operators.release(known, reason=reason, actor=operator()), as_json)


def retry(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Have a run try its step now, its attempts counted anew; whether it gets on is seen afterwards."""
    _act(face, run, lambda app, known: app.operators.retry(known, reason=reason, actor=operator()), as_json)


def extend(
    face: Face, run: RunArgument, deadline: DeadlineOption, reason: ReasonArgument, as_json: JsonFlag = False
) -> None:
    """Move the deadline of a run's state to a later moment."""
    later = _deadline(deadline)
    _act(face, run, lambda app, known: app.operators.extend(known, later, reason=reason, actor=operator()), as_json)


def fail(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Send a run on its way to failure: what was done is taken back first; of a held one once it is released."""
    stored = _act(face, run, lambda app, known: app.operators.fail(known, reason=reason, actor=operator()), as_json)
    if stored.run.held is not None and stored.run.ended_at is None and not as_json:
        face.tell("It is on its way to failure, but it is held: nothing is taken back before it is released:")
        face.tell(f"overstap runs release {stored.run.id} --reason TEXT")


def takeover(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Force a run out of its worker's hands; nothing that worker still writes counts."""
    _act(face, run, lambda app, known: app.operators.take_over(known, reason=reason, actor=operator()), as_json)


def cancel(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Cancel a plan change; what was done is taken back first."""
    _signal(face, run, "cancel", reason, as_json)


def approve(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Approve the credit of a plan change."""
    _signal(face, run, "credit_approved", reason, as_json)


def decline(face: Face, run: RunArgument, reason: ReasonArgument, as_json: JsonFlag = False) -> None:
    """Decline the credit of a plan change."""
    _signal(face, run, "credit_declined", reason, as_json)


def _signal(face: Face, run: str, event: str, reason: str, as_json: bool) -> None:
    def send(app: App, known: str) -> StoredRun:
        return app.service.signal(known, event, reason=reason, actor=operator())

    _act(face, run, send, as_json)
    if not as_json:
        face.tell(f"{event} is in its inbox; it is applied once the run awaits it.")


def _act(face: Face, run: str, act: Act, as_json: bool) -> StoredRun:
    with face.app() as app:
        before = app.service.run(run_id(run))
        stored = act(app, before.run.id)
        now, pauses = app.service.now(), app.operators.pauses()
        if as_json:
            face.json(whole(app, stored))
            return stored
    now_is = f"{stored.run.state} ({stored.run.status})"
    face.tell(f"{stored.run.id}  {words.title(stored.run)}  {words.change(stored.run)}  {now_is}")
    face.tell(f"It waits for {words.waits_for(stored.run, now)}." if stored.run.ended_at is None else "It has ended.")
    if before.claimed_by and stored.claimed_by is None:
        face.tell(f"It was in the hands of {before.claimed_by}; what that began is looked up before it is repeated.")
    words.paused(face.tell, pauses)
    return stored


def add_to(app: typer.Typer, runs: typer.Typer) -> None:
    """Register the commands: acts in the group of runs, and a group for credit."""
    for act in (hold, release, retry, extend, cancel, fail, takeover):
        command(runs, act.__name__)(act)
    credit = typer.Typer(help="Credit checks: the answer, where a person gives it.", no_args_is_help=True)
    command(credit, "approve")(approve)
    command(credit, "decline")(decline)
    app.add_typer(credit, name="credit")
