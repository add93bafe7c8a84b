"""Workflows: what they say, how they look, and bringing runs to a newer version."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path as File
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import Field
from typing_extensions import TypedDict

from overstap.app.versions import Counts, Judged
from overstap.entrypoints import shapes, version_shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import MOST, Body, Reason, Text
from overstap.entrypoints.api.routes.runs import known
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.shape_types import WorkflowFile
from overstap.steps import STEP_EVENTS
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.spec import WorkflowError

router = Router(tags=["workflows"])

Name = Annotated[str, Path(min_length=1, max_length=100, description="Such as plan_change.")]
Version = Annotated[int | None, Query(ge=1, le=MOST, description="The newest if left out.")]


class Picture(StrEnum):
    """How a workflow can be drawn."""

    MERMAID = "mermaid"
    SVG = "svg"
    TABLE = "table"


class ListedWorkflow(TypedDict):
    """A workflow of this installation."""

    workflow: str
    version: int
    digest: str
    states: list[str]


class CheckedWorkflow(TypedDict):
    """Whether a workflow file can be used, and every problem with its line."""

    ok: bool
    workflow: str | None
    version: int | None
    problems: list[str]


class VersionReport(TypedDict):
    """What would become, or became, of live runs; `runs` has the first thousand."""

    workflow: str
    to: int
    runs: list[version_shapes.JudgedRun]
    counts: version_shapes.JudgementCounts


class WorkflowText(Body):
    """A workflow file."""

    text: Annotated[str, Field(min_length=1, max_length=200_000, description="YAML.")]


class VersionWish(Body):
    """Which live runs are to be carried to which version."""

    to: Annotated[int, Field(ge=1, le=MOST)]
    maps: Annotated[tuple[Text, ...], Field(max_length=100, description="OLD=NEW or OLD/STEP=NEW/STEP.")] = ()
    runs: Annotated[tuple[Text, ...], Field(max_length=10_000, description="Only these; all if left out.")] = ()


class VersionOrder(VersionWish):
    """The same, to be done."""

    reason: Reason


def _definition(call: Call, name: str, version: int | None) -> Definition:
    library = call.app.library
    return library.latest(name) if version is None else library.get(name, version)


@router.get("/workflows")
def list_workflows(call: Called) -> Items[ListedWorkflow]:
    """The workflows of this installation, by name and version."""
    return {
        "items": [
            {"workflow": one.name, "version": one.version, "digest": one.digest, "states": list(one.states)}
            for one in call.app.library.all()
        ]
    }


@router.get("/workflows/{name}")
def show_workflow(call: Called, name: Name, version: Version = None) -> WorkflowFile:
    """What a workflow says: states, steps, deadlines, retries, locks."""
    return shapes.workflow(_definition(call, name, version))


@router.get(
    "/workflows/{name}/diagram",
    response_class=PlainTextResponse,
    responses={200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}}},
)
def draw_workflow(
    call: Called,
    name: Name,
    version: Version = None,
    picture: Annotated[Picture, Query(alias="format")] = Picture.MERMAID,
) -> Response:
    """A workflow as a picture (SVG), a Mermaid diagram or a table."""
    drawn = _definition(call, name, version).draw(picture.value)
    kind = "image/svg+xml" if picture is Picture.SVG else "text/plain; charset=utf-8"
    return Response(drawn, media_type=kind)


@router.post("/workflows/check")
def check_workflow(_: Called, body: WorkflowText) -> CheckedWorkflow:
    """Whether a workflow file could be used; every problem with its line."""
    with TemporaryDirectory(prefix="overstap-check-") as folder:
        file = File(folder, "workflow.yaml")
        file.write_text(body.text, encoding="utf-8")
        try:
            found = load_definition(file, STEP_EVENTS)
        except WorkflowError as error:
            problems = [one.replace(f"{file}:", "line ") for one in error.problems]
            return {"ok": False, "workflow": None, "version": None, "problems": problems}
    return {"ok": True, "workflow": found.name, "version": found.version, "problems": []}


@router.post("/workflows/{name}/rehearsal")
def rehearse_migration(call: Called, name: Name, body: VersionWish) -> VersionReport:
    """Whether each live run can be carried to a newer version, and why not; nothing is touched."""
    change = call.app.versions.change(name, body.to, maps=body.maps, run_ids=[known(one) for one in body.runs])
    report = _Report()
    for judged in call.app.versions.rehearse(change):
        report.add(judged)
    return report.told(name, body.to)


@router.post("/workflows/{name}/migration")
def migrate_runs(call: Called, name: Name, body: VersionOrder) -> VersionReport:
    """Carry live runs to a newer version: those that are compatible then; the others stay untouched."""
    change = call.app.versions.change(name, body.to, maps=body.maps, run_ids=[known(one) for one in body.runs])
    report = _Report()
    call.app.versions.migrate(change, reason=body.reason, actor=call.actor, tell=report.add)
    return report.told(name, body.to)


class _Report:
    """How many runs got which judgement, and the first thousand of them."""

    _MOST = 1000

    def __init__(self) -> None:
        self._counts = Counts()
        self._shown: list[version_shapes.JudgedRun] = []

    def add(self, judged: Judged) -> None:
        self._counts.add(judged)
        if len(self._shown) < self._MOST:
            self._shown.append(version_shapes.judged(judged))

    def told(self, name: str, to: int) -> VersionReport:
        return {"workflow": name, "to": to, "runs": self._shown, "counts": version_shapes.judgements(self._counts)}
