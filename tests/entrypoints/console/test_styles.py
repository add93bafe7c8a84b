"""Every page loads every style sheet: what is meant for one page must not change another."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import overstap.entrypoints.console

FOLDER = Path(overstap.entrypoints.console.__file__).with_name("static")
SHARED = ("theme.css", "chart.css", "surroundings.css")
"""What they name is the house's: other sheets may say more of it."""
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SELECTORS = re.compile(r"([^{};]+)\{")
_CLASS = re.compile(r"\.(-?[a-z_][\w-]*)", re.IGNORECASE)


def selectors(name: str) -> list[str]:
    """Of a style sheet, each by itself."""
    text = _COMMENT.sub("", (FOLDER / name).read_text(encoding="utf-8"))
    found = [one.strip() for group in _SELECTORS.findall(text) for one in re.split(r",(?![^(]*\))", group)]
    return [one for one in found if not one.startswith(("@", "from", "to")) and not one.endswith("%")]


def own(name: str, house: set[str]) -> set[str]:
    """What a sheet names that the house does not: the first such name of each selector."""
    named = ([one for one in _CLASS.findall(each) if one not in house] for each in selectors(name))
    return {names[0] for names in named if names}


def test_no_two_pages_name_the_same_thing() -> None:
    house = {
        one for name in SHARED if (FOLDER / name).exists() for each in selectors(name) for one in _CLASS.findall(each)
    }
    sheets = {path.name: own(path.name, house) for path in FOLDER.glob("*.css") if path.name not in SHARED}

    both = {
        f"{one} and {other}": sorted(sheets[one] & sheets[other])
        for one, other in itertools.combinations(sorted(sheets), 2)
        if sheets[one] & sheets[other]
    }

    assert {} == both


def test_only_the_theme_styles_what_has_no_name() -> None:
    bare = {
        path.name: [one for one in selectors(path.name) if not re.search(r"[.#\[]", one) and one != ":root"]
        for path in FOLDER.glob("*.css")
        if path.name != "theme.css"
    }

    assert {} == {name: found for name, found in bare.items() if found}
