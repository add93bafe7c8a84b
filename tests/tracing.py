"""Traces each rule of docs/rules.toml to the code that names it and the tests that are marked with it.

`python tests/tracing.py` writes the page docs/rules.md to its output; with `--json` also what the page is made of.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rule_marks import ROOT, SECTIONS, Rule, marked
from rule_places import SOURCE, Places, all_places, finding_codes

Tests = Mapping[str, Counter[str]]
"""By the rule's number: the tests that are marked with it, such as `tests/test_a.py::test_b`, and how many cases."""

HEAD = """\
# The rules, the code and the tests

Written by `make docs` from [rules.toml](rules.toml), from what the code says of itself, and from the tests' markers:
do not edit it by hand.

Each rule stands with the words of the source document that it comes from; *ours* is what this project decided, wholly
or in part, where the document is silent. A finding carries the number of its rule. A function names the rules it holds
in its docstring or in a comment. A test is marked with the rules that it holds the code to, `@pytest.mark.rule("R8")`;
in brackets is the number of its cases. `tests/test_rules.py` fails where a rule has no test.
"""


class Collected:
    """A plugin that keeps which tests pytest collects for each rule; one that is skipped holds the code to nothing."""

    def __init__(self) -> None:
        self.tests: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            if not any(item.get_closest_marker(name) for name in ("skip", "skipif", "xfail")):
                for number in marked(item):
                    self.tests[number][item.nodeid.partition("[")[0]] += 1


def collect() -> Tests:
    """Let pytest collect all tests, as it would to run them."""
    collected, said = Collected(), io.StringIO()
    os.environ.pop("PYTEST_ADDOPTS", None)  # a choice of tests there would be taken for all of them
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(said):
        code = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider"], plugins=[collected])
    if code != pytest.ExitCode.OK:
        sys.exit(f"pytest could not collect the tests:\n{said.getvalue()}")
    return collected.tests


def page(places: Places, codes: Mapping[str, set[str]], tests: Tests) -> str:
    """The page docs/rules.md."""
    lines = [HEAD]
    for section in SECTIONS:
        lines += [f"## {section.title}", "", "| rule | meaning | findings | code | tests |", "| --- " * 5 + "|"]
        for rule in section.rules:
            number = rule.number
            cells = [
                number,
                meaning(rule),
                ", ".join(f"`{code}`" for code in sorted(codes.get(number, ()))),
                code_cell(places.get(number, {})),
                tests_cell(tests.get(number, Counter())),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def meaning(rule: Rule) -> str:
    quoted = [f"*{rule.says}*"] if rule.says else []
    return "<br>".join([rule.meaning, *quoted]) + (" (ours)" if rule.kind == "ours" else "")


def code_cell(places: Mapping[Path, set[str]]) -> str:
    def parts() -> Iterator[str]:
        for path, names in sorted(places.items()):
            shown = path.relative_to(SOURCE if path.is_relative_to(SOURCE) else ROOT)
            yield in_file(shown, path, [f"`{name}`" for name in sorted(names)])

    return "<br>".join(parts()) or "none"


def tests_cell(tests: Counter[str]) -> str:
    files: dict[Path, list[str]] = defaultdict(list)
    for test, cases in sorted(tests.items()):
        path, _, name = test.partition("::")
        files[ROOT / path].append(f"`{name}`" + (f" ({cases})" if cases > 1 else ""))
    return "<br>".join(in_file(path.relative_to(ROOT / "tests"), path, files[path]) for path in sorted(files)) or "none"


def in_file(shown: Path, path: Path, names: list[str]) -> str:
    """A link to a file, from the page, with what is in it."""
    return ": ".join([f"[{shown}](../{path.relative_to(ROOT)})", *filter(None, [", ".join(names)])])


def main() -> None:
    places, tests = all_places(), collect()
    written = page(places, finding_codes(), tests)
    if "--json" in sys.argv[1:]:
        written = json.dumps({"page": written, "named": sorted(places), "tests": tests})
    sys.stdout.write(written)


if __name__ == "__main__":
    main()
