"""The API over a database of each kind."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from api_stage import Stage, stage

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module", params=BACKENDS)
def module_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh database that the tests of one module share."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("api") / "overstap.db"
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copy(template, path)
        yield f"sqlite:///{path}"
        return
    server: Callable[[str], str] = request.getfixturevalue("postgres_server")
    template_name: str = request.getfixturevalue("postgres_template")
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template_name}")
    yield server(name)
    with psycopg.connect(server("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def shared(module_database_url: str) -> Iterator[Stage]:
    """A stage for tests that change nothing that others look at."""
    with stage(module_database_url) as made:
        yield made


@pytest.fixture
def api(database_url: str) -> Iterator[Stage]:
    """A stage of its own for each test."""
    with stage(database_url) as made:
        yield made
