"""Listings and shows: for people, and as plain JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap import __version__
from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path

Cli = Callable[..., Any]

RUN_KEYS = {
    "id", "workflow", "version", "state", "status", "tenant_id", "subscription_id", "target_plan", "attempt", "wake_at",
    "deadline_at", "claimed_by", "progress",
}  # fmt: skip
ENTRY_KEYS = {"seq", "at", "kind", "event", "from_state", "to_state", "step", "actor", "data"}
EFFECT_KEYS = {"key", "operation", "status", "at"}


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Looking is the same on every database: SQLite will do."""
    shutil.copy(sqlite_template, tmp_path / "overstap.db")
    return f"sqlite:///{tmp_path}/overstap.db"


@dataclass(frozen=True)
class Looked:
    """What is looked at: a database with the bakery, and its run that has ended in `completed`."""

    url: str
    run_id: str


@pytest.fixture(scope="module")
def looked(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Looked:
    """Made once: to look changes nothing."""
    path = tmp_path_factory.mktemp("looked") / "overstap.db"
    shutil.copy(sqlite_template, path)
    settings = Settings(database_url=f"sqlite:///{path}")
    with open_app(settings) as app:
        (bakery,) = app.service.import_tenants([read_export(data_path("demo") / "bakkerij-de-vries")])
        change = PlanChange(bakery.id, bakery.subscriptions[0].id, "small-business-premium")
        stored, _ = app.service.submit(change)
        app.worker().run(until_idle=True)
    return Looked(settings.database_url, stored.run.id)


@pytest.fixture
def look(bare: Cli, looked: Looked) -> Cli:
    """The command line over that database."""
    return lambda *arguments: bare("--database", looked.url, *arguments)


@pytest.fixture
def run_id(looked: Looked) -> str:
    return looked.run_id


def test_a_shown_run_has_its_fields_its_journal_and_its_effects(look: Cli, run_id: str) -> None:
    run = look("runs", "show", run_id, "--json").json

    assert run.keys() >= RUN_KEYS | {"journal", "effects"}
    assert ("completed", "ended", "plan_change", 1) == (run["state"], run["status"], run["workflow"], run["version"])
    assert run["progress"].keys() == {"done", "total"}
    assert all(entry.keys() >= ENTRY_KEYS for entry in run["journal"])
    assert list(range(1, len(run["journal"]) + 1)) == [entry["seq"] for entry in run["journal"]]
    assert all(effect.keys() >= EFFECT_KEYS for effect in run["effects"])
    assert {"confirmed"} == {effect["status"] for effect in run["effects"]}


def test_moments_are_iso_8601_in_utc(look: Cli, run_id: str) -> None:
    run = look("runs", "show", run_id, "--json").json

    moments = [run["created_at"], run["ended_at"], *(entry["at"] for entry in run["journal"])]
    assert {timedelta(0)} == {datetime.fromisoformat(moment).utcoffset() for moment in moments}


def test_a_listing_has_the_runs_without_journal_and_effects(look: Cli, run_id: str) -> None:
    listed = look("runs", "list", "--json").json

    assert [run_id] == [run["id"] for run in listed]
    assert listed[0].keys() >= RUN_KEYS
    assert not listed[0].keys() & {"journal", "effects"}


def test_a_listing_can_be_narrowed_down(look: Cli, run_id: str) -> None:
    assert [run_id] == [run["id"] for run in look("runs", "list", "--state", "completed", "--json").json]
    assert [] == look("runs", "list", "--state", "migrating", "--json").json
    assert [run_id] == [run["id"] for run in look("runs", "list", "--tenant", "Bakkerij De Vries", "--json").json]
    (listed,) = look("runs", "list", "--json").json
    assert [] == look("runs", "list", "--cursor", listed["cursor"], "--json").json


def test_every_listing_and_show_is_there_for_people_and_as_json(look: Cli, run_id: str) -> None:
    for command in (
        ["runs", "list"],
        ["runs", "count"],
        ["runs", "show", run_id],
        ["tenants", "list"],
        ["tenants", "show", "Bakkerij De Vries"],
        ["catalog", "pairs"],
        ["catalog", "plans"],
        ["workers", "list"],
        ["db", "status"],
        ["db", "upgrade"],
        ["verify"],
    ):
        for_people, as_json = look(*command), look(*command, "--json")

        assert (0, 0) == (for_people.code, as_json.code), command
        assert for_people.out.strip(), command
        assert as_json.json, command


def test_a_run_is_watched_line_by_line_to_its_end(look: Cli, run_id: str) -> None:
    said = look("runs", "watch", run_id, "--exit-status")

    lines = said.out.splitlines()
    assert said.code == 0
    assert "submitted" in lines[0]
    assert "licenses_reassigned → completed" in lines[-1]


def test_the_end_of_a_watched_run_is_the_exit_status_when_asked_for(cli: Cli, order: tuple[str, ...]) -> None:
    run_id = cli(*order, "--json").json["id"]
    cli("signal", run_id, "cancel", "--reason", "changed my mind")
    cli("worker", "--until-idle")

    assert cli("runs", "watch", run_id).code == 0
    assert cli("runs", "watch", run_id, "--exit-status").code == 1


def test_what_is_not_there_is_exit_code_3(cli: Cli) -> None:
    for group, command in (("runs", "show"), ("runs", "watch"), ("tenants", "show"), ("workflow", "show")):
        assert cli(group, command, "x").code == 3, (group, command)


def test_the_database_may_be_named_before_and_after_the_command_and_by_the_environment(
    bare: Cli, cli: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = bare("--database", database_url, "tenants", "list", "--json").json
    after = bare("tenants", "list", "--json", "--database", database_url).json
    monkeypatch.setenv("OVERSTAP_DATABASE_URL", database_url)
    by_environment = bare("tenants", "list", "--json").json

    assert before == after == by_environment
    assert ["Bakkerij De Vries"] == [tenant["name"] for tenant in before]


def test_the_nearest_database_wins(bare: Cli, cli: Cli, database_url: str, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path}/elsewhere.db"

    said = bare("--database", elsewhere, "tenants", "list", "--json", "--database", database_url)

    assert len(said.json) == 1


def test_settings_may_be_named_before_and_after_the_command(bare: Cli, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(f'database_url = "sqlite:///{tmp_path}/own.db"\n')

    before = bare("--config", str(config), "db", "status", "--json").json
    after = bare("db", "status", "--json", "--config", str(config)).json

    assert before == after
    assert before["url"].endswith("own.db")


def test_an_import_is_whole_or_not_at_all(bare: Cli, database_url: str, tmp_path: Path) -> None:
    good = data_path("demo") / "kapper-anna"

    said = bare("tenants", "import", str(good), str(tmp_path), "--database", database_url)

    assert said.code == 2
    assert str(tmp_path) in said.err
    assert bare("tenants", "list", "--json", "--database", database_url).json == []


def test_the_catalog_lists_55_pairs_and_22_plans_without_any_database(
    bare: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    pairs, plans = bare("catalog", "pairs", "--json").json, bare("catalog", "plans", "--json").json

    assert len(pairs) == 55
    assert {"from": "e1", "to": "e3"} in pairs
    assert all(pair.keys() == {"from", "to"} for pair in pairs)
    assert len(plans) == 22
    assert list(tmp_path.iterdir()) == []


def test_workflows_are_checked_and_drawn(bare: Cli) -> None:
    assert "ok, plan_change v1" in bare("workflow", "check", "--all").out
    assert "rolling_back" in bare("workflow", "show", "plan_change").out
    assert "stateDiagram" in bare("workflow", "show", "plan_change", "--format", "mermaid").out
    assert bare("workflow", "show", "plan_change", "--version", "99").code == 3


def test_a_workflow_is_told_whole_as_json(bare: Cli) -> None:
    shown = bare("workflow", "show", "plan_change", "--json").json

    assert ("plan_change", 1, "submitted") == (shown["name"], shown["version"], shown["initial"])
    assert hashlib.sha256((data_path("workflows") / "plan_change.v1.yaml").read_bytes()).hexdigest() == shown["digest"]
    states = {state["name"]: state for state in shown["states"]}
    credit_check = {
        "name": "credit_check", "final": False, "steps": ["request_credit"], "on_done": None,
        "on_stop": "credit_declined", "signals": ["cancel", "credit_approved", "credit_declined"],
        "deadline": {"after": 14 * 86400, "event": "credit_window_expired", "fixed": True},
        "retry": {"first": 2, "factor": 2, "most": 300, "jitter": 0.2, "attempts": None}, "locks": ["commerce"],
        "transitions": [
            {"event": "credit_approved", "target": "migrating"}, {"event": "credit_declined", "target": "rolling_back"},
            {"event": "credit_window_expired", "target": "rolling_back"}, {"event": "cancel", "target": "rolling_back"},
        ],
    }  # fmt: skip
    assert credit_check == states["credit_check"]
    assert {"completed", "failed", "cancelled"} == {name for name, state in states.items() if state["final"]}
    assert "migrated" == states["migrating"]["on_done"]
    assert [] == states["completed"]["transitions"]


def test_a_broken_workflow_is_exit_code_1_with_its_file_and_line(bare: Cli, tmp_path: Path) -> None:
    file = tmp_path / "broken.v1.yaml"
    file.write_text("workflow: broken\nversion: 1\ncolour: red\nchart: {states: {}}\n")

    said = bare("workflow", "check", str(file))

    assert said.code == 1
    assert f"{file}:3: " in said.out
    assert bare("workflow", "check", str(tmp_path / "missing.v1.yaml")).code == 2
    assert bare("workflow", "check").code == 2


def test_the_version_is_told(bare: Cli) -> None:
    expected = f"overstap {__version__}\n"

    assert (expected, expected) == (bare("version").out, bare("--version").out)


def test_a_defect_is_one_line_and_exit_code_1(bare: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path) -> None:
        raise RuntimeError("a wire\nis loose")

    monkeypatch.setattr("overstap.entrypoints.cli.catalog.load_catalog", broken)

    said = bare("catalog", "pairs", "--json")

    assert said.code == 1
    assert len(said.err.splitlines()) == 1
    assert "a wire is loose; set OVERSTAP_DEBUG=1" in said.err
    assert json.loads(said.out)["error"]["code"] == "internal_error"


def test_a_reader_that_has_gone_is_no_error(bare: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "gone").open("w") as gone:

        def write(text: str) -> int:
            raise BrokenPipeError

        monkeypatch.setattr(sys, "stdout", gone)
        monkeypatch.setattr(gone, "write", write)

        said = bare("catalog", "pairs", "--json")

    assert (1, "") == (said.code, said.err)
