"""The browser of the tests is installed where it is missing and may be; else one line says what to install."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chromium import chromium

INSTALLS = 'case "$*" in *install*) cp /bin/true "$(dirname "$0")/chromium";; esac'
FAILS = 'echo "E: Unable to locate package chromium" >&2; exit 100'


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are found, besides what a shell needs."""
    for name in ("sh", "cp", "dirname"):
        (tmp_path / name).symlink_to(Path("/bin", name).resolve())
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("OVERSTAP_CHROMIUM", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


def program(path: Path, does: str) -> None:
    path.write_text(f'#!/bin/sh\necho "$@" >> {path}.log\n{does}\n')
    path.chmod(0o755)


def test_chromium_is_taken_as_it_is_where_it_is_there(machine: Path) -> None:
    program(machine / "apt-get", FAILS)
    program(machine / "chromium", "true")

    assert str(machine / "chromium") == chromium()
    assert not (machine / "apt-get.log").exists()


def test_chromium_is_installed_where_it_is_missing_and_this_user_may(machine: Path) -> None:
    program(machine / "apt-get", INSTALLS)

    assert str(machine / "chromium") == chromium()
    first, second = (machine / "apt-get.log").read_text().splitlines()
    assert first.endswith("update")
    assert second.endswith("install --yes --no-install-recommends chromium")


def test_one_line_says_what_to_install_where_this_user_may_not(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(machine / "apt-get", INSTALLS)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(RuntimeError) as missing:
        chromium()

    assert not (machine / "apt-get.log").exists()
    assert str(missing.value) == (
        "The browser tests need Chromium: apt-get install --yes chromium (as root), or name one in OVERSTAP_CHROMIUM."
    )


def test_one_line_says_what_to_install_where_the_package_is_not_to_be_had(machine: Path) -> None:
    program(machine / "apt-get", FAILS)

    with pytest.raises(
        RuntimeError, match=r"apt-get install fails \(E: Unable to locate package chromium\)"
    ) as missing:
        chromium()

    assert 1 == len(str(missing.value).splitlines())
