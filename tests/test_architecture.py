"""The shape of the house (import-linter holds the direction of imports)."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "overstap"
MODULES = sorted(SOURCE.rglob("*.py"))

# Each way to ask the machine for the time. `time.monotonic` measures and `time.sleep` waits: neither tells it.
TELLS_THE_TIME = {
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("func", "current_timestamp"),
    ("func", "now"),
    ("time", "gmtime"),
    ("time", "localtime"),
    ("time", "time"),
    ("time", "time_ns"),
}
# Put together, so that this file does not name them itself.
REGISTRIES = [".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"))]
MACHINE_PATHS = [f"/{folder}/" for folder in ("root", "work", "farm")]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def readings_of_the_time(source: str) -> list[int]:
    tree = ast.parse(source)
    found = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and (node.value.id if isinstance(node.value, ast.Name) else node.value.attr, node.attr) in TELLS_THE_TIME
    ]
    return found + [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and any((node.module, alias.name) in TELLS_THE_TIME for alias in node.names)
    ]


def tracked_texts() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [ROOT / entry for entry in listing.stdout.decode().split("\0") if entry and (ROOT / entry).is_file()]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("datetime.now(UTC)", [1]),
        ("datetime.datetime.utcnow()", [1]),
        ("\nclock = time.time", [2]),
        ("from time import time", [1]),
        ("select(func.now())", [1]),
        ("clock.now(); time.monotonic(); time.sleep(1)", []),
    ],
)
def test_the_scan_finds_each_reading_of_the_time(source: str, lines: list[int]) -> None:
    assert lines == readings_of_the_time(source)


@pytest.mark.parametrize("module", [path for path in MODULES if path != SOURCE / "clock.py"], ids=name)
def test_only_the_clock_reads_the_time(module: Path) -> None:
    assert [] == readings_of_the_time(module.read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", MODULES, ids=name)
def test_a_module_is_shorter_than_300_lines(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) < 300


@pytest.mark.parametrize("package", [path for path in MODULES if path.name == "__init__.py"], ids=name)
def test_a_package_says_what_it_is_for(package: Path) -> None:
    assert ast.get_docstring(ast.parse(package.read_text(encoding="utf-8")))


def test_every_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in MODULES if "migrations" not in path.parts}
    assert [] == sorted(name(folder) for folder in folders if not (folder / "__init__.py").is_file())


def test_nothing_names_a_registry_or_a_path_of_one_machine() -> None:
    pattern = re.compile(
        "|".join([*map(re.escape, REGISTRIES), *(rf"(?<![\w.]){re.escape(path)}" for path in MACHINE_PATHS)])
    )
    named = {
        name(path): found.group()
        for path in tracked_texts()
        if (found := pattern.search(path.read_text(encoding="utf-8", errors="ignore")))
    }
    assert {} == named


def test_a_command_that_serves_nothing_loads_no_server() -> None:
    code = "import sys, overstap.entrypoints.cli.main; print({'fastapi', 'uvicorn', 'nicegui'} & sys.modules.keys())"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "set()" == loaded.stdout.strip()
