"""`overstap runs show|explain|history|diff`: one run, as it is and as it was."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import typer

from overstap.app.look import Look
from overstap.clock import parse_duration, parse_moment
from overstap.entrypoints import run_shapes, words
from overstap.entrypoints.cli.face import JSON_LAST, Face, JsonFlag, LocaleOption, command, run_id
from overstap.entrypoints.run_page import page
from overstap.errors import BadInput
from overstap.language import language
from overstap.workflow.difference import ABSENT
from overstap.workflow.explain import QUESTIONS

_PAGE = 50
_SEQ = re.compile(r"#(\d{1,15})|(\d{1,7})")
_FORMS = "write a moment like 2026-03-02T14:00, how long ago like 2h, or a journal entry like '#12'"

RunArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the run.")]
LastOption = Annotated[
    int | None,
    typer.Option(
        "--last", min=1, metavar="N", help=f"So many journal entries and effects; {_PAGE}, and {JSON_LAST} with --json."
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="All journal entries and effects, however many.")]


def show(
    face: Face, run: RunArgument, last: LastOption = None, whole: AllOption = False, as_json: JsonFlag = False
) -> None:
    """Show one run: where it is, how its time went, its history, effects and signals."""
    with face.app() as app:
        look = app.looking.look(run_id(run), _last(last, whole=whole, as_json=as_json))
        pauses = app.operators.pauses()
    _put(face, look, whole=whole, as_json=as_json)
    if not as_json and look.run.ended_at is None:
        words.paused(face.tell, pauses)
        face.tell(f"\nWhy it is there, and what you can do: overstap runs explain {look.run.id}")


def explain(face: Face, run: RunArgument, locale: LocaleOption = None, as_json: JsonFlag = False) -> None:
    """Say why a run is where it is, what wakes it, who holds it, what comes next, and what you can do."""
    with face.app() as app:
        given = app.looking.explain(run_id(run))
    spoken = language(locale or "en")
    if as_json:
        face.json(run_shapes.explained(given, spoken))
        return
    about = given.stored.run
    face.tell(f"Run {about.id}  {about.workflow} v{about.version}  {words.title(about)}  {words.change(about)}")
    for name, sentences in given.explanation.answers():
        face.tell(f"\n{spoken.say(QUESTIONS[name])}")
        for sentence in sentences:
            face.tell(f"  {spoken.tell(sentence)}")


def history(
    face: Face,
    run: RunArgument,
    at: Annotated[
        str, typer.Option("--at", metavar="TIME", help="A moment, how long ago such as 2h, or an entry such as '#12'.")
    ],
    last: LastOption = None,
    whole: AllOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Show a run as it was at a moment."""
    with face.app() as app:
        when = _when(at, app.service.now())
        look = app.looking.back(run_id(run), **when, last=_last(last, whole=whole, as_json=as_json))
    if not as_json:
        face.tell(f"As it was at {words.when(look.at)}, after entry #{look.run.seq}.")
    _put(face, look, whole=whole, as_json=as_json)


def diff(
    face: Face,
    run: RunArgument,
    first: Annotated[
        int | None, typer.Option("--from", min=0, metavar="SEQ", help="After this entry; the one before --to.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--to", min=0, metavar="SEQ", help="Up to this entry; the newest.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what changed in a run between two entries of its journal; 0 is before it existed."""
    with face.app() as app:
        given = app.looking.compare(run_id(run), first, last)
    if as_json:
        face.json(run_shapes.compared(given))
        return
    face.tell(f"Run {given.run_id} from #{given.first} to #{given.last}")
    if not given.changes:
        face.tell("Nothing is different.")
        return
    table = words.table("what", "before", "after")
    for change in given.changes:
        table.add_row(".".join(change.path), _value(change.before), _value(change.after))
    face.print(table)
    entries = words.table("#", "at", "what", title="\nEntries between")
    for entry in given.entries:
        entries.add_row(
            str(entry.seq), words.when(entry.at), words.line(entry), style="bold" if entry.to_state else None
        )
    face.print(entries)


def _put(face: Face, look: Look, *, whole: bool, as_json: bool) -> None:
    if as_json:
        face.json(run_shapes.run_whole(look))
        return
    face.tell(f"Run {look.run.id}  {look.run.workflow} v{look.run.version}")
    for part in page(look, whole=whole):
        face.print(part)


def _last(last: int | None, *, whole: bool, as_json: bool) -> int | None:
    if whole and last is not None:
        raise BadInput("--last and --all contradict each other; give one of them.")
    return None if whole else last or (JSON_LAST if as_json else _PAGE)


def _when(text: str, now: datetime) -> dict[str, Any]:
    """A moment or an entry, as `Looking.back` takes it."""
    given = text.strip()
    if number := _SEQ.fullmatch(given):
        return {"seq": int(number[1] or number[2])}
    try:
        return {"at": now - parse_duration(given)}
    except ValueError:
        pass
    try:
        return {"at": parse_moment(given)}
    except ValueError:
        raise BadInput(f"{text!r} is no moment; {_FORMS}.") from None


def _value(value: object) -> str:
    if value is ABSENT:
        return "(none)"
    return words.when(value) if isinstance(value, datetime) else str(value)


def add_to(group: typer.Typer) -> None:
    """Register the commands."""
    command(group, "show")(show)
    command(group, "explain")(explain)
    command(group, "history")(history)
    command(group, "diff")(diff)
