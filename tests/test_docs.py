"""The documents tell of everything there is, and of nothing that there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

import readme
from overstap.entrypoints.cli.main import app
from overstap.settings import data_path
from overstap.steps import STEP_EVENTS
from overstap.workflow.files import load_library

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_ARROW = re.compile(r"^ +(\w+) --> (\w+): (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
_CALL = re.compile(r"^(?:\| `)?overstap ((?:[a-z]+ ?)+)", re.MULTILINE)


def commands() -> set[str]:
    found = set()
    root = typer.main.get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {f"{name} {sub}" for sub in inner} if inner else {name}
    return found


def documented(page: Path) -> set[str]:
    """The commands that a page calls, at the start of a line of code or of a table's row."""
    calls = {call.strip() for call in _CALL.findall(page.read_text(encoding="utf-8"))}
    return {" ".join(call.split()[:2]) if call.split()[0] in GROUPS else call.split()[0] for call in calls}


GROUPS = {command.split()[0] for command in commands() if " " in command}


def test_each_command_has_its_row() -> None:
    assert commands() == documented(ROOT / "docs" / "commands.md")


@pytest.mark.parametrize("page", [ROOT / "README.md"], ids=str)
def test_a_page_calls_only_commands_that_exist(page: Path) -> None:
    called = documented(page)

    assert called
    assert set() == called - commands()


@pytest.mark.rule("R13", "R23", "R36")
def test_the_readme_shows_the_options_of_each_sample_tenant_as_they_are() -> None:
    assert README.read_text(encoding="utf-8") == readme.page(), "README.md is out of date: run `make docs`"


def test_the_readme_draws_the_life_of_a_plan_change_as_it_is() -> None:
    drawn = {
        (source, target, event)
        for source, target, events in _ARROW.findall(README.read_text(encoding="utf-8"))
        for event in re.findall(r"[a-z_]+(?=,|$| \()", events)
    }
    moves = load_library(data_path("workflows"), STEP_EVENTS).latest("plan_change").chart.moves

    assert drawn == {(state, target, event) for state, own in moves.items() for event, target in own.items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text(encoding="utf-8"))

    assert [] == [target for target in targets if not (page.parent / target).exists()]
