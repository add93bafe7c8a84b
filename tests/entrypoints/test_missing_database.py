"""A database that is not there: who needs one says so and makes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from overstap.settings import data_path

Cli = Callable[..., Any]
RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
KAPPER = str(data_path("demo") / "kapper-anna")
NEEDS_ONE = [
    ("verify",),
    ("runs", "list"),
    ("runs", "list", "--state", "sleeping"),
    ("runs", "show", RUN),
    ("runs", "watch", RUN),
    ("tenants", "list"),
    ("tenants", "show", "x"),
    ("workers", "list"),
    ("signal", RUN, "cancel", "--reason", "gone"),
    ("submit", "tenant", "subscription", "e3"),
]
MAKES_ONE = [("tenants", "import", KAPPER), ("worker", "--until-idle"), ("up", "--until-idle"), ("db", "upgrade")]


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


@pytest.mark.parametrize("command", NEEDS_ONE, ids=" ".join)
def test_who_needs_a_database_says_that_there_is_none_and_makes_nothing(
    bare: Cli, tmp_path: Path, command: tuple[str, ...]
) -> None:
    said = bare(*command, "--database", f"sqlite:///{tmp_path}/new/typo.db")

    assert (3, "") == (said.code, said.out)
    assert f"sqlite:///{tmp_path}/new/typo.db" in said.err
    assert all(way in said.err for way in ("overstap db upgrade", "overstap up", "overstap tenants import"))
    assert [] == everything_in(tmp_path)


@pytest.mark.parametrize("command", MAKES_ONE, ids=" ".join)
def test_who_may_make_a_database_makes_it_with_its_folder(bare: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    url = f"sqlite:///{tmp_path}/new/fresh.db"

    assert bare(*command, "--database", url).code == 0

    assert (tmp_path / "new" / "fresh.db").exists()
    assert bare("verify", "--database", url).code == 0


def test_an_import_of_what_is_no_export_makes_nothing(bare: Cli, tmp_path: Path) -> None:
    said = bare("tenants", "import", str(tmp_path), "--database", f"sqlite:///{tmp_path}/new/fresh.db")

    assert said.code == 2
    assert [] == everything_in(tmp_path)


def test_the_refusal_is_json_too(bare: Cli, tmp_path: Path) -> None:
    said = bare("verify", "--json", "--database", f"sqlite:///{tmp_path}/typo.db")

    assert (3, "not_found") == (said.code, said.json["error"]["code"])


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        (tmp_path / "empty.db").touch()
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server: Callable[[str], str] = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield server(name)
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_an_empty_database_is_none_and_stays_empty(bare: Cli, empty_url: str) -> None:
    for command in NEEDS_ONE:
        said = bare(*command, "--database", empty_url)

        assert (3, "") == (said.code, said.out), command
        assert "There is no Overstap database" in said.err, command
    assert "empty" == bare("db", "status", "--json", "--database", empty_url).json["state"]


def test_an_empty_database_becomes_one_by_an_upgrade(bare: Cli, empty_url: str) -> None:
    assert bare("db", "upgrade", "--database", empty_url).code == 0

    assert bare("tenants", "list", "--json", "--database", empty_url).json == []
