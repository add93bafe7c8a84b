"""Whatever docs/operating.md tells somebody to type is a command, with options that it has."""

from __future__ import annotations

import re
import shlex

import pytest
import typer

import runbook
from overstap.entrypoints.cli.main import app


def parse(line: str) -> None:
    """Parse a command as the command line would, and do nothing."""
    found, rest = typer.main.get_command(app), runbook.arguments(line)
    while inner := getattr(found, "commands", None):
        name, *rest = rest
        assert name in inner, f"{line}: there is no {name}"
        found = inner[name]
    found.make_context(line, rest)


@pytest.mark.parametrize("line", runbook.mentioned())
def test_each_command_of_the_page_exists_with_its_options(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("line", ["overstap runs wake RUN", "overstap runs hold RUN", "overstap pauses --now"])
def test_a_command_that_is_not_there_or_lacks_something_would_be_found(line: str) -> None:
    with pytest.raises((AssertionError, typer.TyperException)):
        parse(line)


def test_each_symptom_has_something_to_type_and_an_end() -> None:
    for title, text in runbook.sections().items():
        assert "overstap " in text, title
        assert title in {"Start here", "The audit"} or "**Over** when" in text, title


def test_each_symptom_is_reached_from_the_start() -> None:
    titles = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in runbook.sections()}
    linked = set(re.findall(r"\]\(#([^)]+)\)", runbook.PAGE.read_text(encoding="utf-8")))

    assert set() == linked - titles
    assert {"start-here", "releasing-a-version-2-of-a-workflow"} == titles - linked


def test_a_command_is_read_without_its_remark() -> None:
    assert ["pauses"] == runbook.arguments("overstap pauses   # what is paused")
    assert "overstap runs retry RUN --reason TEXT" == shlex.join(
        ["overstap", *runbook.arguments("  overstap runs retry RUN --reason TEXT")]
    )
