"""Where the code names a rule, in a docstring, another text or a comment; and the codes of each rule's findings."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from rule_marks import ROOT

SOURCE = ROOT / "src" / "overstap"
FILES = [*sorted((ROOT / "workflows").glob("*.yaml")), *sorted((ROOT / "config").rglob("*.toml"))]
_NAMED = re.compile(r"\b([RJ])(\d{1,2})(?:(?:-|\u2013|\.\.)\1?(\d{1,2}))?\b")
_MAKES_A_FINDING = {"blocker", "warning", "Finding"}

Places = Mapping[str, Mapping[Path, set[str]]]
"""By the rule's number: the files that name it, and the functions and classes in each."""


def numbers_in(text: str) -> set[str]:
    """The rules that a text names; a range such as R41-R43 names each of them."""
    return {
        f"{letter}{number}"
        for letter, first, last in _NAMED.findall(text)
        for number in range(int(first), int(last or first) + 1)
    }


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Each text and comment of a module, with the line on which it begins."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def scopes(node: ast.AST, outer: str = "") -> Iterator[tuple[range, str]]:
    """The lines and the dotted name of each function and class, outer ones first."""
    for child in ast.iter_child_nodes(node):
        name = outer
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{outer}.{child.name}".lstrip(".")
            yield range(child.lineno, (child.end_lineno or child.lineno) + 1), name
        yield from scopes(child, name)


def places_in(source: str) -> dict[str, set[str]]:
    """By the rule's number, the innermost functions and classes of a module that name it; "" is the module itself."""
    found: dict[str, set[str]] = defaultdict(set)
    lines = list(scopes(ast.parse(source)))
    for line, text in texts(source):
        scope = ["", *(name for within, name in lines if line in within)][-1]
        for number in numbers_in(text):
            found[number].add(scope)
    return found


def all_places() -> Places:
    """Where the package, the workflow files and the settings name each rule."""
    found: dict[str, dict[Path, set[str]]] = defaultdict(dict)
    for path in sorted(SOURCE.rglob("*.py")):
        for number, names in places_in(path.read_text(encoding="utf-8")).items():
            found[number][path] = names - {""}
    for path in FILES:
        for comment in re.findall("#.*", path.read_text(encoding="utf-8")):
            for number in numbers_in(comment):
                found[number][path] = set()
    return found


def finding_codes() -> Mapping[str, set[str]]:
    """By the rule's number, the codes of the findings that it makes."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((SOURCE / "domain").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKES_A_FINDING:
                match node.args:
                    case [ast.Constant(value=str(code)), ast.Constant(value=str(rule)), *_]:
                        found[rule].add(code)
    return found
