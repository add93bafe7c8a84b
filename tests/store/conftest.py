"""A small workflow and runs of it, for the tests of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.workflow.decide import submit
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ERRAND = """
workflow: errand
version: 1
chart:
  states:
    walking: {initial: true, transitions: [{event: arrived, target: waiting}, {event: called_back, target: home}]}
    waiting: {transitions: [{event: served, target: home}, {event: closed, target: home}]}
    home: {final: true}
states:
  walking: {steps: [walk], on_done: arrived, await: [called_back], deadline: {after: 1d, event: called_back}}
  waiting: {await: [served], deadline: {after: 1h, event: closed}}
"""


@pytest.fixture(scope="session")
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path = tmp_path_factory.mktemp("workflows") / "errand.v1.yaml"
    path.write_text(ERRAND, encoding="utf-8")
    return load_definition(path, None)


@pytest.fixture
def claims(database: Database) -> Claims:
    return Claims(database, [("errand", 1)])


@pytest.fixture
def runs(database: Database) -> Runs:
    return Runs(database)


@pytest.fixture
def submitted(runs: Runs, definition: Definition) -> Callable[..., Run]:
    """Submits the run `r<number>` of tenant `t<number>`, due so many seconds after noon."""

    def submit_one(number: int, *, after: float = 0.0, key: str | None = None, tenant: str | None = None) -> Run:
        order = {"subscription_id": f"s{number}", "target_plan": "e3"}
        now = NOON + timedelta(seconds=after)
        decision = submit(definition, f"r{number:03}", tenant or f"t{number}", order, "operator", now)
        runs.insert(decision, key)
        return decision.run

    return submit_one
