"""`overstap audit …`: whether anybody changed what is on record, and what to keep elsewhere to be able to tell."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import Progress

from overstap.app.auditing import AuditReport
from overstap.app.head import Head
from overstap.clock import parse_duration, parse_moment
from overstap.entrypoints import shapes
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.errors import BadInput

audits = typer.Typer(
    help="The record of what runs and operators did: whether it was changed, and copies of it.", no_args_is_help=True
)


@dataclass(frozen=True, slots=True)
class _Since:
    """A moment, or how long ago."""

    given: datetime | timedelta

    def moment(self, now: datetime) -> datetime:
        return now - self.given if isinstance(self.given, timedelta) else self.given


def _since(text: str) -> _Since:
    with contextlib.suppress(ValueError):
        return _Since(parse_duration(text))
    try:
        return _Since(parse_moment(text))
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a moment, such as 2026-03-01 or 2026-03-01T12:00:00Z, nor a duration, such as 7d"
        ) from None


HeadOption = Annotated[
    Path | None, typer.Option("--head", metavar="FILE", help="Write the head here as well; keep it elsewhere.")
]


def verify(
    face: Face,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A head, or an export, that was kept elsewhere.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="How many breaches are told; all are counted.")] = 20,
    as_json: JsonFlag = False,
) -> None:
    """Look for entries that were changed, removed, inserted, reordered or cut off; name the first of each run."""
    head = None if against is None else Head.read(_tail(against), str(against))
    errors = Console(stderr=True)
    with face.app() as app, Progress(console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("runs", total=None)
        report = app.auditing.verify(
            head, limit=limit, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    if as_json:
        face.json(shapes.audit(report))
    else:
        _tell(face, report)
    if not report.ok:
        raise typer.Exit(1)


def _tell(face: Face, report: AuditReport) -> None:
    looked_at = f"{report.entries} entries of {report.runs} runs, {report.acts} acts, {report.checkpoints} checkpoints"
    for finding in report.findings:
        face.tell(finding.sentence)
    if report.breaches > len(report.findings):
        face.tell(f"… and {report.breaches - len(report.findings)} more.")
    if not report.ok:
        face.tell(f"{report.breaches} chain{'s are' if report.breaches > 1 else ' is'} broken; looked at {looked_at}.")
    elif report.head is not None:
        face.tell(f"Every chain holds, and nothing is missing since {report.head.at}: {looked_at}.")
    else:
        face.tell(
            f"Every chain holds: {looked_at}. Only a head that was kept elsewhere tells whether an end is missing."
        )


def export(
    face: Face,
    since: Annotated[
        _Since | None,
        typer.Option(parser=_since, metavar="TIME|DURATION", help="Only what was done from then on."),
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to; standard output if left out.")] = None,
    head: HeadOption = None,
) -> None:
    """Write every entry and act as JSON lines, each with its hash, and the head last."""
    if out is not None and head is not None and out.absolute() == head.absolute():
        raise BadInput(f"{out} is to be the export, whose last line is its head: give --head another file.")
    with face.app() as app:
        made, lines = app.auditing.export(None if since is None else since.moment(app.service.now()))
        if out is None:
            sys.stdout.flush()
            for line in lines:
                sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
        else:
            count = -1  # the head is no record
            with _whole(out) as file:
                for line in lines:
                    file.write(line)
                    count += 1
            face.tell(f"{out}: {count} records, and the head of checkpoint {made.checkpoint}.")
    if head is not None:
        _write_head(head, made)


def checkpoint(face: Face, head: HeadOption = None) -> None:
    """Bring everything under a checkpoint and show its head; keep that where who changes the database cannot."""
    with face.app() as app:
        made = app.auditing.checkpoint()
    if head is not None:
        _write_head(head, made)
    face.json(made.model_dump())


def _tail(path: Path) -> bytes:
    """A file's text when it is short, else its last line: an export may be larger than memory."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _LINE))
            tail = file.read()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None
    return tail if size <= _LINE else tail.strip().rpartition(b"\n")[2]


_LINE = 65_536


def _write_head(path: Path, head: Head) -> None:
    with _whole(path) as file:
        file.write(orjson.dumps(head.model_dump(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _whole(path: Path) -> Iterator[IO[Any]]:
    """A file that is there whole at the end of the block, or as it was before."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            made = Path(file.name)
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                made.replace(path)
            except BaseException:
                made.unlink()
                raise
    except OSError as error:
        raise BadInput(f"{path} cannot be written: {error.strerror}.") from None


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(audits, "verify")(verify)
    command(audits, "export")(export)
    command(audits, "checkpoint")(checkpoint)
    app.add_typer(audits, name="audit")
