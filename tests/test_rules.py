"""Every rule is listed, tested and traced (see docs/rules.md)."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fasteners import InterProcessLock

from rule_marks import NUMBERS, ROOT, SECTIONS
from rule_places import numbers_in, places_in

PAGE = ROOT / "docs" / "rules.md"
MODULE = '''
"""Holds R1."""

SIZE = 3  # R2

class Shop:
    """Sells (rules.md R30-R32)."""

    def sell(self):
        # R41\u2013R43 and J5, not R4: E3 is a plan
        return blocker("sold_out", "R5")
'''
WRONG = {
    "case": "@mark.parametrize('n', [param(1, marks=mark.rule('R52'))])\ndef test(n): pass",
    "empty": "@mark.rule\ndef test(): pass",
    "keyword": "@mark.rule('R8', why='x')\ndef test(): pass",
    "module": "pytestmark = mark.rule('J8')\ndef test(): pass",
    "no_text": "@mark.rule(8)\ndef test(): pass",
    "two": "class Test:\n    @mark.rule('R45', 'R8', 'r8')\n    def test(self): pass",
}


@pytest.fixture(scope="session")
def traced(shared_folder: Path) -> dict[str, Any]:
    """What the tracing finds; it lets pytest collect all tests, so it is done once for all processes."""
    found = shared_folder / "traced.json"
    with InterProcessLock(shared_folder / "traced.lock"):
        if not found.exists():
            command = [sys.executable, str(ROOT / "tests" / "tracing.py"), "--json"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert 0 == done.returncode, done.stderr
            found.write_text(done.stdout, encoding="utf-8")
    result: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return result


def test_each_rule_is_in_the_list_once() -> None:
    there_are = [f"R{number}" for number in range(1, 52) if number != 45] + [f"J{number}" for number in range(1, 8)]

    assert sorted(there_are) == sorted(NUMBERS)


def test_each_rule_has_the_words_of_the_document_or_is_ours() -> None:
    rules = [rule for section in SECTIONS for rule in section.rules]

    assert [] == [rule.number for rule in rules if not rule.meaning or not (rule.says or rule.kind == "ours")]
    assert {"", "ours"} == {rule.kind for rule in rules}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_rule_has_a_test(traced: dict[str, Any], number: str) -> None:
    tests = traced["tests"].get(number, {})

    assert tests, f'no test is marked @pytest.mark.rule("{number}"); what it says stands in docs/rules.toml'


def test_the_code_and_the_tests_name_only_rules_of_the_list(traced: dict[str, Any]) -> None:
    assert set() == {*traced["named"], *traced["tests"]} - set(NUMBERS)


def test_the_page_tells_of_the_code_and_the_tests_as_they_are(traced: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == traced["page"], "docs/rules.md is out of date: run `make docs`"


def test_a_module_names_rules_in_its_texts_and_comments() -> None:
    names = {"": "R1 R2", "Shop": "R30 R31 R32", "Shop.sell": "R41 R42 R43 J5 R4 R5"}

    assert {number: {name} for name, numbers in names.items() for number in numbers.split()} == places_in(MODULE)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("R9..R11, J1", {"R9", "R10", "R11", "J1"}),
        ("R41-43", {"R41", "R42", "R43"}),
        ("R6-J7", {"R6", "J7"}),
        ("R100, XR1, R1x, MR2", set()),
    ],
)
def test_a_range_names_each_rule_in_it(text: str, numbers: set[str]) -> None:
    assert numbers == numbers_in(text)


def test_a_marker_that_names_no_rule_fails_the_run_and_names_the_test(tmp_path: Path) -> None:
    for name, text in {**WRONG, "right": "@mark.rule('R8', 'J7')\ndef test(): pass"}.items():
        (tmp_path / f"test_{name}.py").write_text(f"from pytest import mark, param\n{text}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "rule_marks", "-p", "no:cacheprovider"]
    inputs = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "PYTEST_ADDOPTS": ""}

    done = subprocess.run(
        [*command, "-p", "no:schemathesis", "-c", str(ROOT / "pyproject.toml"), "--rootdir", *[str(tmp_path)] * 2],
        env=inputs, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert pytest.ExitCode.INTERRUPTED == done.returncode, done.stderr
    assert [
        ("test_case.py::test[1]", "there is no rule 'R52'"),
        ("test_empty.py::test", "it names no rule"),
        ("test_keyword.py::test", "numbers only"),
        ("test_module.py::test", "there is no rule 'J8'"),
        ("test_no_text.py::test", "there is no rule 8"),
        ("test_two.py::Test::test", "there is no rule 'R45', 'r8'"),
    ] == sorted(re.findall(r"^(?:E +)?(\S+): a wrong marker `rule`: (.+?);", done.stdout, re.MULTILINE)), done.stdout
