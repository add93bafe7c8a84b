"""`overstap workflow …`: check workflow files and draw them, without a database; carry runs to a newer version."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from overstap.entrypoints import shapes
from overstap.entrypoints.cli import versions
from overstap.entrypoints.cli.face import Face, JsonFlag, command
from overstap.errors import BadInput
from overstap.steps import STEP_EVENTS
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.files import load_library
from overstap.workflow.spec import WorkflowError

group = typer.Typer(
    help="Workflows: check their files, draw them, bring runs to a newer version.", no_args_is_help=True
)


class Picture(StrEnum):
    """How a workflow can be drawn."""

    TABLE = "table"
    MERMAID = "mermaid"
    SVG = "svg"


def check(
    face: Face,
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE", help="Workflow files.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All files of the folder that the settings name.")] = False,
) -> None:
    """Check workflow files; every problem is told with its file and line."""
    if not files and not all_:
        raise typer.BadParameter("give a FILE, or --all")
    failed = False
    readings: list[Callable[[], list[Definition]]] = [partial(_one, file) for file in files or []]
    if all_:
        readings.append(lambda: load_library(face.settings.workflows, STEP_EVENTS).all())
    for read in readings:
        try:
            for definition in read():
                size = f"{len(definition.states)} states"
                face.tell(f"{definition.path or definition.name}: ok, {definition.name} v{definition.version}, {size}")
        except WorkflowError as error:
            face.tell("\n".join(error.problems))
            failed = True
    if failed:
        raise typer.Exit(1)


def _one(file: Path) -> list[Definition]:
    if not file.is_file():
        raise BadInput(f"{file}: there is no such file")
    return [load_definition(file, STEP_EVENTS)]


def show(
    face: Face,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as plan_change.")],
    version: Annotated[int | None, typer.Option(min=1, metavar="N", help="The newest if left out.")] = None,
    picture: Annotated[Picture, typer.Option("--format", help="How to draw it.")] = Picture.TABLE,
    as_json: JsonFlag = False,
) -> None:
    """Draw a workflow."""
    library = load_library(face.settings.workflows, STEP_EVENTS)
    definition = library.latest(name) if version is None else library.get(name, version)
    if as_json:
        face.json(shapes.workflow(definition))
        return
    face.tell(definition.draw(picture.value).rstrip("\n"))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "check")(check)
    command(group, "show")(show)
    command(group, "rehearse")(versions.rehearse)
    command(group, "migrate")(versions.migrate)
    app.add_typer(group, name="workflow")
