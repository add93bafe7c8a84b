"""What Overstap refuses to start on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from overstap.bootstrap import open_app
from overstap.errors import BadInput, Refused
from overstap.settings import Settings
from overstap.store.database import Database

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld


@pytest.fixture
def workflows(tmp_path: Path) -> Path:
    """A copy of the workflow files, to be changed."""
    folder = tmp_path / "workflows"
    shutil.copytree(Settings().workflows, folder)
    return folder


def test_a_workflow_file_that_changed_since_it_was_used_stops_the_start(make_world: MakeWorld, workflows: Path) -> None:
    make_world(workflows_dir=workflows)
    file = workflows / "plan_change.v1.yaml"
    file.write_text(file.read_text("utf-8").replace("after: 14d", "after: 15d"), "utf-8")

    with pytest.raises(BadInput, match=r"plan_change\.v1\.yaml has changed"):
        make_world(workflows_dir=workflows)


def test_a_workflow_file_that_stayed_as_it_was_starts_again(make_world: MakeWorld, workflows: Path) -> None:
    make_world(workflows_dir=workflows)

    make_world(workflows_dir=workflows)


def test_a_database_that_is_newer_than_the_code_is_refused(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()

    with pytest.raises(Refused, match="made by a newer one"):
        open_app(Settings(database_url=database_url))
    with pytest.raises(Refused, match="made by a newer one"):
        open_app(Settings(database_url=database_url), upgrade=True)
