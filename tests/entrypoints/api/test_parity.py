"""One application, two faces: what the command line can do, the API can, and both by the same commands (design §6)."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from overstap.bootstrap import App
from overstap.entrypoints.api.access import ACCESS
from overstap.entrypoints.cli.main import app as command_line

ENTRYPOINTS = Path(inspect.getfile(App)).parents[1] / "entrypoints"

ROUTES = {
    "audit verify": "verify_audit",
    "audit checkpoint": "make_checkpoint",
    "audit export": "export_audit",
    "catalog pairs": "list_pairs",
    "catalog plans": "list_plans",
    "credit approve": "send_signal",
    "credit decline": "send_signal",
    "db status": "show_database",
    "eligibility": "check_eligibility",
    "notifications list": "show_notifications",
    "options": "list_options",
    "pauses": "list_pauses",
    "pause": "pause",
    "resume": "resume",
    "portal open": "open_portal",
    "quote": "make_quote",
    "runs cancel": "cancel_plan_change",
    "runs diff": "compare_run",
    "runs history": "show_history",
    "runs takeover": "take_over_run",
    "signal": "send_signal",
    "submit": "submit_plan_change",
    "tasks done": "finish_task",
    "verify": "verify_truths",
    "webhooks deliveries": "list_deliveries",
    "webhooks replay": "replay_deliveries",
    "workflow migrate": "migrate_runs",
    "workflow rehearse": "rehearse_migration",
}
"""The route of a command where it has not the command's own words: `tokens create` is `create_token`."""

NO_ROUTE = {
    "db upgrade": "before that there is nothing to serve",
    "demo": "plays on a database of its own, in a terminal",
    "runs watch": "a live stream of the run is the same over HTTP",
    "serve": "is the API",
    "up": "starts processes, which an API has not to do",
    "version": "the OpenAPI document has it",
    "worker": "starts processes, which an API has not to do",
}
"""Commands that no route is for, and why."""

INNER = {"engine", "gate", "runs", "figures", "traces", "dashboard", "readiness"}
"""Parts of an application that no face leads by hand: they are of workers, or tell machines how all that stands."""

ONE_FACE = {
    ("service", "journal"): "Looking.entries is the same, a page at a time; the demo reads it whole",
    ("service", "effects"): "Looking.look tells them",
    ("service", "pending_signals"): "Looking.look tells them",
    ("portal", "locks"): "the portal's own answer tells what it refuses",
    ("portal", "people"): "the console's lists to pick from; elsewhere users are named",
    ("portal", "add_seats"): "how the console resolves a licence conflict; elsewhere another subscription is bought",
    ("service", "ordered"): "a page that is opened again; elsewhere the same key is sent again",
    ("tasks", "of"): "the task of a run is part of how Looking explains it",
    ("operators", "pauses_of"): "part of how Looking explains a run",
    ("operators", "pauses_in"): "the command line names what is paused below a rehearsal",
    ("operators", "possible"): "part of how Looking explains a run",
    ("looking", "entries"): "the command line follows a run by it, and pages need no whole journal",
    ("looking", "foresee"): "what a dialog of the console says before something is done",
    ("looking", "still"): "whether that is what it would do yet; elsewhere `If-Match` says what was seen",
    ("looking", "possible"): "which buttons the console has; elsewhere it is part of how a run is explained",
    ("search", "listing"): "a listing of any length, for a terminal; an answer over HTTP is one page of it",
    ("search", "page"): "a page over HTTP; a terminal has listing",
    ("search", "these"): "the console renews the rows that a page shows",
    ("operators", "pausable"): "what the console's dialog offers; elsewhere it is named, and a wrong name is told",
    ("operators", "stopped_by"): "what that dialog says before something is paused",
    ("tasks", "open_ids"): "whether the console's list of tasks is still what it shows",
    ("questions", "quotes"): "the console's plans to choose from; elsewhere one change is asked about",
    ("tasks", "heading"): "a column of the console's runs",
    ("portal", "closed"): "a page that is open is left when a change closes it; `portal open` tells it once",
    ("versions", "count"): "how far the progress bar has to go",
    ("credit_decisions", "verify"): "the bureau comes over HTTP, signed; a person says `credit approve`",
    ("credit_decisions", "take"): "the same",
    ("webhooks", "ping"): "what `test` does, in the loop of a server",
    ("webhooks", "test"): "what `ping` does, in a loop of its own",
    ("tokens", "recognise"): "only over HTTP does somebody come with a token",
    ("tokens", "is_valid"): "a session that began with a token ends with it",
    ("tokens", "anybody"): "whether a server may listen",
    ("tokens", "make_link"): "a server that starts prints it",
    ("tokens", "use_link"): "a browser opens it",
    ("portal", "locked"): "a column of the console's tenants; elsewhere the locks of one tenant are told",
    ("questions", "what_if"): "a form of the console: nobody types all the facts of a tenant on a command line",
    ("auditing", "acts"): "the console shows pages of what the export has as a whole",
    ("auditing", "kinds_of_acts"): "what the console's filter of acts offers",
}
"""What one face calls alone, or neither, and why."""


def commands() -> Iterator[str]:
    root: Any = typer.main.get_command(command_line)
    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        yield from (f"{name} {sub}" for sub in inner) if inner else [name]


def routes_of(command: str) -> set[str]:
    """The routes that a command's own words can stand for."""
    if command in ROUTES:
        return {ROUTES[command]}
    group, _, verb = command.partition(" ")
    return {f"{verb}_{noun}".replace("-", "_") for noun in (group, group.removesuffix("s"), f"{group}s")}


def services() -> dict[str, type]:
    """What an application has to offer, by the names it has there: whatever is of `overstap.app`."""
    source = ast.parse(inspect.getsource(inspect.getmodule(App)))  # type: ignore[arg-type]
    names = vars(inspect.getmodule(App))
    made = {
        node.targets[0].attr: node.value.func.id
        for node in ast.walk(source)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
    }
    made |= {
        node.name: node.returns.id
        for node in ast.walk(source)
        if isinstance(node, ast.FunctionDef) and node.decorator_list and isinstance(node.returns, ast.Name)
    }
    kinds = {name: names[kind] for name, kind in made.items() if kind in names and name not in INNER}
    return {name: kind for name, kind in kinds.items() if kind.__module__.startswith("overstap.app.")}


def offered() -> set[tuple[str, str]]:
    return {
        (name, method)
        for name, kind in services().items()
        for method, function in vars(kind).items()
        if inspect.isfunction(function) and not method.startswith("_")
    }


def called(face: str) -> set[tuple[str, str]]:
    """What the modules of a face call, as `service.method` behind whatever."""
    found = set()
    for file in (ENTRYPOINTS / face).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Attribute(value=ast.Attribute(attr=service) | ast.Name(id=service), attr=method):
                    found.add((service.lstrip("_"), method))
    return found


def test_each_command_has_a_route_or_a_reason() -> None:
    assert set() == {one for one in commands() if one not in NO_ROUTE and not routes_of(one) & ACCESS.keys()}


def test_no_command_has_a_reason_that_is_none_or_has_a_route() -> None:
    assert set() == (ROUTES.keys() | NO_ROUTE.keys()) - set(commands())
    assert set() == {one for one in NO_ROUTE if routes_of(one) & ACCESS.keys()}


@pytest.mark.parametrize("face", ["cli", "api"])
def test_each_command_of_the_services_is_called_by_each_face(face: str) -> None:
    assert len(offered()) > 50

    assert set() == offered() - called(face) - ONE_FACE.keys()


def test_what_is_called_by_one_face_alone_is_called_by_no_second_one() -> None:
    assert set() == ONE_FACE.keys() - offered()
    assert set() == {one for one in ONE_FACE if one in called("cli") and one in called("api")}
