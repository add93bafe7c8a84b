"""`overstap workflow rehearse` and `migrate`: bring live runs to a newer version of their workflow."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from overstap.app.versions import Counts, Judged, VersionChange
from overstap.entrypoints import version_shapes, words
from overstap.entrypoints.cli.face import Face, JsonFlag, ReasonOption, run_id
from overstap.entrypoints.cli.orders import operator
from overstap.workflow.versions import Judgement

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Of the workflow.")]
ToOption = Annotated[int, typer.Option("--to", min=1, metavar="N", help="The version that the runs are to follow.")]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OLD=NEW", help="A state with another name there; STATE/STEP=STATE/STEP for a step."),
]
RunOption = Annotated[list[str] | None, typer.Option("--run", metavar="ID", help="Only this run; may be repeated.")]

_ROWS = 50
_STYLES = {
    Judgement.COMPATIBLE: "green",
    Judgement.NEEDS_MAPPING: "yellow",
    Judgement.BLOCKED: "red",
    Judgement.BUSY: "cyan",
}


def rehearse(
    face: Face,
    to: ToOption,
    name: NameArgument = "plan_change",
    maps: MapOption = None,
    run: RunOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell for each live run whether it can be carried to a newer version; nothing is touched."""
    with face.app() as app:
        change = app.versions.change(name, to, maps=maps or (), run_ids=_ids(run))
        report = _Report(change, as_json=as_json)
        for judged in app.versions.rehearse(change):
            report.add(judged)
    counts = report.end(face)
    if not as_json and counts.by[Judgement.COMPATIBLE]:
        given = "".join(f" --map {text}" for text in maps or ()) + "".join(f" --run {one}" for one in _ids(run))
        face.tell(f"To do it: overstap workflow migrate {name} --to {to}{given} --reason TEXT")
    if counts.left_behind:
        raise typer.Exit(1)


def migrate(
    face: Face,
    to: ToOption,
    reason: ReasonOption,
    name: NameArgument = "plan_change",
    maps: MapOption = None,
    run: RunOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Carry live runs to a newer version: those that are compatible then; the others stay untouched."""
    with face.app() as app:
        change = app.versions.change(name, to, maps=maps or (), run_ids=_ids(run))
        report = _Report(change, as_json=as_json)
        errors = Console(stderr=True)
        with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
            task = progress.add_task("runs", total=app.versions.count(change))

            def tell(judged: Judged) -> None:
                report.add(judged)
                progress.advance(task)

            app.versions.migrate(change, reason=reason, actor=operator(), tell=tell)
    counts = report.end(face, done=True)
    if counts.left_behind:
        raise typer.Exit(1)


def _ids(given: list[str] | None) -> list[str]:
    return [run_id(one) for one in given or ()]


class _Report:
    """What is shown of a great many runs: the first ones and how many of each kind; as JSON all, each at once."""

    def __init__(self, change: VersionChange, *, as_json: bool) -> None:
        self._change = change
        self._as_json = as_json
        self._counts = Counts()
        self._first: dict[bool, list[Judged]] = {True: [], False: []}
        if as_json:
            head = f'"workflow": {json.dumps(change.new.name)},\n  "to": {change.new.version}'
            sys.stdout.write(f'{{\n  {head},\n  "runs": [')

    def add(self, judged: Judged) -> None:
        self._counts.add(judged)
        if self._as_json:
            comma = "," if self._counts.runs > 1 else ""
            sys.stdout.write(f"{comma}\n    {json.dumps(version_shapes.judged(judged), ensure_ascii=False)}")
            return
        first = self._first[judged.verdict.judgement is Judgement.COMPATIBLE]
        if len(first) < _ROWS:
            first.append(judged)

    def end(self, face: Face, *, done: bool = False) -> Counts:
        counts = self._counts
        if self._as_json:
            sys.stdout.write(f'\n  ],\n  "counts": {json.dumps(version_shapes.judgements(counts))}\n}}\n')
            return counts
        new = self._change.new
        if not counts.runs:
            face.tell(f"No live run follows an older version of {new.name} than v{new.version}.")
            return counts
        # Those that stay behind are what somebody has to look at; after a migration the others are done.
        shown = list(itertools.chain(self._first[False], [] if done else self._first[True]))[:_ROWS]
        if shown:
            face.print(_table(shown, new.version))
        if not done and counts.runs > len(shown):
            face.tell(f"These are {len(shown)} of {counts.runs}; --json tells them all.")
        face.tell(_summary(counts, f"carried to v{new.version}" if done else "compatible"))
        return counts


def _table(shown: list[Judged], version: int) -> Table:
    table = words.table(
        "run", "tenant", "state", "verdict", f"goes on in v{version} at", "deadline", "left#", "why not"
    )
    for judged in shown:
        run, verdict = judged.run, judged.verdict
        place = verdict.state if verdict.step is None else f"{verdict.state}/{verdict.step}"
        left = "" if judged.left is None else words.span(judged.left)
        kind = Text(str(verdict.judgement), _STYLES[verdict.judgement])
        moments = (words.when(run.deadline_at), left)
        table.add_row(run.id, words.title(run), words.state(run.state), kind, place or "", *moments, verdict.reason)
    return table


def _summary(counts: Counts, compatible: str) -> str:
    names = {**{each: str(each) for each in Judgement}, Judgement.COMPATIBLE: compatible}
    parts = [f"{counts.by[each]} {names[each]}" for each in Judgement if counts.by[each]]
    return f"{counts.runs} live run{'s' if counts.runs > 1 else ''}: {', '.join(parts)}."
