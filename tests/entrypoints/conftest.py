"""The command line in this process, over a fresh database."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlmodel import SQLModel

from overstap.entrypoints.cli.main import run
from overstap.settings import data_path
from overstap.store.database import Database

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
BAKERY_PLAN = "f67cc92b-6278-5489-881d-f3ad7cd223ef"


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON; fails when there is anything else on it."""
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OVERSTAP_DATABASE_URL", "OVERSTAP_CONFIG", "OVERSTAP_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def bare(capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line, with nothing added to what it is given."""

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(arguments)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def cli(bare: Cli, database_url: str) -> Cli:
    """The command line over a database with the bakery in it."""

    def call(*arguments: str) -> Said:
        return bare("--database", database_url, *arguments)

    assert call("tenants", "import", str(tenant_folder("bakkerij-de-vries"))).code == 0
    return call


@pytest.fixture
def order() -> tuple[str, ...]:
    """An order of the bakery that every rule allows."""
    return ("submit", BAKERY, BAKERY_PLAN, "small-business-premium")


@pytest.fixture
def rows(database_url: str) -> Callable[[], dict[str, int]]:
    """Counts the rows of every table."""

    def count() -> dict[str, int]:
        database = Database(database_url)
        with database.read() as connection:
            counted = {
                name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for name, table in SQLModel.metadata.tables.items()
            }
        database.close()
        return counted

    return count


def tenant_folder(slug: str) -> Path:
    return data_path("demo") / slug
