"""What can be set, who wins, and what an error says."""

from __future__ import annotations

import dataclasses
import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from overstap.domain.run_filter import RunFilter
from overstap.errors import BadInput
from overstap.settings import Fault, SavedFilter, Settings, WorkerSettings, data_path, load_settings


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OVERSTAP_CONFIG", "OVERSTAP_DATABASE_URL", "OVERSTAP_WORKER__BATCH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "own.toml"


def keys(values: dict[str, Any], prefix: str = "") -> set[str]:
    found = set()
    for key, value in values.items():
        found |= {f"{prefix}{key}"}
        if isinstance(value, dict):
            found |= keys(value, f"{prefix}{key}.")
    return found


def fields(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found |= {f"{prefix}{name}"}
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= fields(field.annotation, f"{prefix}{name}.")
    return found


def test_the_shipped_file_names_every_setting_and_nothing_else() -> None:
    assert fields(Settings) == keys(tomllib.loads(data_path("settings").read_text(encoding="utf-8")))


def test_the_shipped_file_shows_the_defaults() -> None:
    assert Settings() == load_settings()


def test_every_setting_of_the_shipped_file_is_explained() -> None:
    lines = data_path("settings").read_text(encoding="utf-8").splitlines()
    sections = [block for block in "\n".join(lines).split("\n\n") if "=" in block]
    assert [] == [block for block in sections if "#" not in block]


def test_command_line_wins_over_environment_over_file_over_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[worker]\nbatch = 1\nthreads = 1\nlease = "90s"\n', encoding="utf-8")
    monkeypatch.setenv("OVERSTAP_WORKER__BATCH", "2")
    monkeypatch.setenv("OVERSTAP_WORKER__THREADS", "2")
    worker = load_settings(file, worker={"batch": 3}).worker
    assert WorkerSettings(batch=3, threads=2, lease=timedelta(seconds=90)) == worker


def test_an_override_of_none_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSTAP_DATABASE_URL", "postgresql://me@host/db")
    assert load_settings(database_url=None).database_url == "postgresql://me@host/db"


def test_the_environment_may_name_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("[rules]\nwizard_users = 7\n", encoding="utf-8")
    monkeypatch.setenv("OVERSTAP_CONFIG", str(file))
    assert load_settings().rules.wizard_users == 7


def test_a_file_given_wins_over_the_file_the_environment_names(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSTAP_CONFIG", str(file.with_name("missing.toml")))
    file.write_text("", encoding="utf-8")
    assert Settings() == load_settings(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("databse_url = 'x'", "databse_url: no such setting; allowed here: api, catalog_file, database_url"),
        ("[worker]\nbacth = 1", "worker.bacth: no such setting; allowed here: batch, call_limit"),
        ("[worker]\nbatch = 'many'", "worker.batch: expected a valid integer"),
        ("[worker]\nbatch = 0", "worker.batch: expected greater than or equal to 1, found 0"),
        ("[worker]\nlease = 60", "worker.lease: write a duration as text, like 250ms"),
        ("[worker]\nlease = 'soon'", "worker.lease: 'soon' is not a duration"),
        ("[worker]\ntick = '0s'", "worker.tick: expected greater than 0"),
        (
            "[worker]\ncall_limit = '30s'",
            "worker.call_limit: call_limit (30s) must be shorter than half the lease (1m)",
        ),
        ("[rules]\ncredit_threshold = '1.005'", "rules.credit_threshold: "),
        ("[embedded]\ncredit_answers = 'maybe'", "embedded.credit_answers: expected 'limit' or 'never', found 'maybe'"),
        ("[embedded]\nfaults = [{kind = 'hangs'}]", "embedded.faults[0].operation: Field required"),
        ("[embedded]\nfaults = [{operation = 'a', kind = 'slow'}]", "embedded.faults[0]: a fault of kind 'slow' needs"),
        ("[embedded]\nfaults = [{operation = 'a', kind = 'hangs', tine = 1}]", "embedded.faults[0].tine: no such"),
        ("[embedded.tenants.t1]\ncredit = 1", "embedded.tenants.t1.credit: no such setting; allowed here: credit_"),
        ("[logs]\nlevel = 'loud'", "logs.level: expected 'debug', 'info', 'warning' or 'error', found 'loud'"),
        (
            "[filters.night]\ncolour = 'red'",
            "filters.night.colour: no such setting; allowed here: error, escalated, held",
        ),
        ("[filters.night]\nolder_than = 'soon'", "filters.night.older_than: 'soon' is not a duration"),
        ("[filters.night]\nsince = 'soon'", "filters.night.since: 'soon' is not a moment; write it like 2026-03-02"),
        ("[filters]\nnight = 3", "filters.night: expected a valid dictionary or instance of SavedFilter, found 3"),
        ("[limits.tenants]\nrate = 'fast'", "limits.tenants.rate: write a rate as text, like 10/s, 600/m or 10000/10m"),
        ("[limits.tenants]\nrate = '0/s'", "limits.tenants.rate: write a rate as text"),
        ("[limits.providers.x]\nat_once = 0", "limits.providers.x.at_once: expected greater than or equal to 1"),
        ("[limits.providers.x]\nat_ones = 1", "limits.providers.x.at_ones: no such setting; allowed here: at_once"),
        ("[operators]\nstuck_after = 0", "operators.stuck_after: expected greater than or equal to 1, found 0"),
        ("[worker", "expected a TOML file in UTF-8: "),
    ],
)
def test_a_wrong_file_is_refused_with_file_key_and_what_was_expected(file: Path, text: str, said: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as refusal:
        load_settings(file)
    assert f"{file}: {said}" == str(refusal.value)[: len(f"{file}: {said}")]


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("10/s", timedelta(milliseconds=100)),
        ("600/m", timedelta(milliseconds=100)),
        ("10000/10m", timedelta(milliseconds=60)),
        ("1 / 1h30m", timedelta(minutes=90)),
        ("3/s", timedelta(microseconds=333_334)),
        ("", None),
    ],
)
def test_a_rate_is_the_time_between_two_and_never_too_short(file: Path, text: str, interval: timedelta | None) -> None:
    file.write_text(f"[limits.providers.x]\nrate = '{text}'\n", encoding="utf-8")
    assert interval == load_settings(file).limits.providers["x"].rate


def test_all_problems_are_told_at_once(file: Path) -> None:
    file.write_text("[worker]\nbatch = 0\nthreads = 0\n", encoding="utf-8")
    with pytest.raises(BadInput) as refusal:
        load_settings(file, logs={"level": "loud"})
    places = [line.rsplit(": expected")[0] for line in str(refusal.value).splitlines()]
    assert [f"{file}: worker.batch", f"{file}: worker.threads", "command line: logs.level"] == places


def test_an_error_in_a_variable_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSTAP_WORKER__BATCH", "many")
    with pytest.raises(BadInput, match="environment: OVERSTAP_WORKER__BATCH: expected a valid integer"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "blamed"), [("", "worker.lease"), ("30s", "environment: OVERSTAP_WORKER__CALL_LIMIT")]
)
def test_what_does_not_go_together_is_blamed_on_where_it_was_given(
    file: Path, monkeypatch: pytest.MonkeyPatch, given: str, blamed: str
) -> None:
    file.write_text("[worker]\nlease = '20s'\n", encoding="utf-8")
    monkeypatch.setenv("OVERSTAP_WORKER__CALL_LIMIT", given)
    monkeypatch.setenv("OVERSTAP_WORKER__TICK", "2s")

    with pytest.raises(BadInput) as refusal:
        load_settings(file, worker={"threads": 4})

    where = blamed if given else f"{file}: {blamed}"
    assert str(refusal.value).startswith(f"{where}: call_limit ({given or '20s'}) must be shorter than half the lease")


def test_a_file_that_is_not_there_is_refused(file: Path) -> None:
    with pytest.raises(BadInput) as refusal:
        load_settings(file)
    assert f"{file}: cannot read the settings: No such file or directory" == str(refusal.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().worker.batch = 3  # type: ignore[misc]


def test_faults_come_in_from_the_environment_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSTAP_EMBEDDED__FAULTS", '[{"operation": "move_users", "kind": "slow", "time": "5s"}]')
    expected = (Fault(operation="move_users", kind="slow", time=timedelta(seconds=5)),)
    assert expected == load_settings().embedded.faults


def test_a_tenant_gets_its_own_settings_and_the_rest_of_all(file: Path) -> None:
    file.write_text("[embedded]\nmove_time = '1m'\ntenants.t1.credit_answers = 'never'\n", encoding="utf-8")
    embedded = load_settings(file).embedded
    assert ("never", timedelta(minutes=1)) == (embedded.of("t1").credit_answers, embedded.of("t1").move_time)
    assert embedded == embedded.of("t2")


def test_a_saved_filter_has_the_keys_of_a_filter() -> None:
    assert {field.name for field in dataclasses.fields(RunFilter)} == set(SavedFilter.model_fields)


def test_a_saved_filter_takes_one_state_or_several_and_a_moment_in_any_zone(file: Path) -> None:
    file.write_text(
        "[filters]\none = {state = 'migrating', since = 2026-03-02T12:00:00+01:00}\n"
        "two = {state = ['migrating', 'escalated'], since = '2026-03-02T12:00:00+01:00'}\n",
        encoding="utf-8",
    )
    one, two = load_settings(file).filters.values()
    assert (("migrating",), ("migrating", "escalated")) == (one.state, two.state)
    assert {datetime(2026, 3, 2, 11, tzinfo=UTC)} == {one.since, two.since}


def test_money_is_kept_in_whole_cents(file: Path) -> None:
    file.write_text("[rules]\ncredit_threshold = '1234.56'\n", encoding="utf-8")
    rules = load_settings(file).rules
    assert (Decimal("1234.56"), 123456) == (rules.credit_threshold, rules.credit_threshold_cents)


def test_an_empty_path_takes_what_comes_with_overstap_and_another_is_taken(file: Path) -> None:
    file.write_text("workflows_dir = 'mine'\n", encoding="utf-8")
    settings = load_settings(file)
    assert (Path("mine"), data_path("catalog")) == (settings.workflows, settings.catalog)
