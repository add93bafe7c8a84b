"""The project around the code: the wheel, the lock and the make targets."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pinned() -> dict[str, str]:
    return {line.split("==")[0]: line for line in LOCK.splitlines() if re.match(r"\w", line)}


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ;]", requirement)[0]).lower()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which nothing but the wheel is installed."""
    source, wheels, target = (tmp_path_factory.mktemp(part) for part in ("source", "wheels", "target"))
    for part in ("src", "workflows", "config"):
        shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / part, source)
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", wheels, folder=source)
    [wheel] = wheels.glob("*.whl")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(*pip, "--target", target, wheel, folder=wheels, PIP_DISABLE_PIP_VERSION_CHECK="1")
    shutil.rmtree(source)
    return target


@pytest.mark.parametrize("kind", ["settings", "catalog", "demo", "workflows"])
def test_a_wheel_in_an_empty_folder_finds_what_it_ships_inside_the_package(
    installed: Path, tmp_path: Path, kind: str
) -> None:
    code = f"from overstap.settings import data_path; print(data_path({kind!r}))"
    found = Path(run(sys.executable, "-P", "-c", code, folder=tmp_path, PYTHONPATH=str(installed)).strip())
    assert (True, True) == (found.exists(), found.is_relative_to(installed / "overstap" / "_data"))


def test_a_wheel_ships_each_workflow_and_each_sample_tenant(installed: Path) -> None:
    for part in ("workflows", "config"):
        ours = {path.relative_to(ROOT) for path in (ROOT / part).rglob("*") if path.is_file()}
        data = installed / "overstap" / "_data"
        assert ours == {path.relative_to(data) for path in (data / part).rglob("*") if path.is_file()}


def test_a_wheel_in_an_empty_folder_reads_its_settings(installed: Path, tmp_path: Path) -> None:
    code = "from overstap.settings import load_settings; print(load_settings().database_url)"
    told = run(sys.executable, "-P", "-c", code, folder=tmp_path, PYTHONPATH=str(installed), OVERSTAP_DATABASE_URL="")
    assert told == "sqlite:///var/overstap.db\n"


def test_each_line_of_the_lock_is_pinned_and_hashed() -> None:
    entries = re.split(r"\n(?=\w)", LOCK.strip())
    assert [] == [entry for entry in entries if not re.match(r"[\w.-]+==\S+ .*--hash=sha256:", entry, re.DOTALL)]


def test_the_lock_holds_no_address_and_no_path() -> None:
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    assert [] == [line for line in lines if re.search(r"/|--(?!hash=sha256:)", line)]


def test_the_lock_holds_everything_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {normal(line) for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]}
    assert set() == asked - pinned().keys()


def test_make_help_lists_each_target() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    told = run("make", "--no-print-directory", folder=ROOT, MAKEFLAGS="")
    assert sorted(targets) == sorted(line.split()[1] for line in told.splitlines())


def test_make_says_in_one_line_that_python_is_too_old(tmp_path: Path) -> None:
    for part in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / part, tmp_path)
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "lint", f"PYTHON={old}"],
        cwd=tmp_path,
        env={**os.environ, "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    first = done.stderr.splitlines()[0]
    assert "Overstap needs Python 3.11 or newer; name one: make PYTHON=python3.11 ..." == first


def test_ci_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "exec make test" == script.read_text(encoding="utf-8").splitlines()[-1]
