"""The list of rules in docs/rules.toml, and the marker by which a test names those that it holds the code to."""

from __future__ import annotations

import tomllib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LIST = ROOT / "docs" / "rules.toml"


@dataclass(frozen=True)
class Rule:
    """One rule of the list; `says` is the source's own wording, `kind` is `ours` where we decided."""

    number: str
    meaning: str
    says: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Section:
    """Rules of one subject, in the order of the list."""

    title: str
    rules: tuple[Rule, ...]


def read_list() -> tuple[Section, ...]:
    sections = tomllib.loads(LIST.read_text(encoding="utf-8"))["sections"]
    return tuple(Section(one["title"], tuple(Rule(**rule) for rule in one["rules"])) for one in sections)


SECTIONS = read_list()
NUMBERS = [rule.number for section in SECTIONS for rule in section.rules]


def marked(item: pytest.Item) -> set[str]:
    """The rules that a test is marked with, itself, by its class or by its module."""
    return {number for mark in item.iter_markers("rule") for number in mark.args}


def wrong_in(mark: pytest.Mark) -> str | None:
    """What is wrong with a marker `rule`, None when nothing is."""
    unknown = [repr(number) for number in mark.args if number not in NUMBERS]
    if unknown:
        return f"there is no rule {', '.join(unknown)}"
    if not mark.args:
        return "it names no rule"
    return "numbers only" if mark.kwargs else None


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Refuse a test whose marker names no rule, or one that is not in the list."""
    made = yield
    for item in made if isinstance(made, list) else []:
        for wrong in filter(None, map(wrong_in, item.iter_markers("rule"))):
            raise pytest.Collector.CollectError(
                f'{item.nodeid}: a wrong marker `rule`: {wrong}; write @pytest.mark.rule("R8"), '
                "with numbers from docs/rules.toml"
            )
    return made
