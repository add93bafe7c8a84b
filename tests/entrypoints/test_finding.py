"""Finding runs on the command line: every option, saved filters, pages, counts, and what cannot be read."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.bootstrap import App, open_app
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant

Cli = Callable[..., Any]

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAILS = {"operation": "move_users", "kind": "fails", "tenant": "sick"}
LATE = {"operation": "move_users", "kind": "fails", "tenant": "late"}


def cursor(*place: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


@dataclass(frozen=True)
class Night:
    """A database with five runs, an hour and a half after the first was ordered.

    In the order they were ordered: `late` is escalated, `well` has completed, `poor` waits for credit, `sick` fails
    again and again in its migration, `young` has just been ordered.
    """

    url: str
    ids: dict[str, str]


@pytest.fixture(scope="module")
def night(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Made once: to look changes nothing."""
    path = tmp_path_factory.mktemp("night") / "overstap.db"
    shutil.copy(sqlite_template, path)
    settings = Settings(database_url=f"sqlite:///{path}", embedded={"faults": [FAILS, LATE]})
    clock, ids = VirtualClock(START), {}
    database = Database(settings.database_url)
    with App(settings, database, clock=clock) as app:
        app.service.import_tenants(
            [
                sample_tenant("poor", payment="invoice", users=200),
                *(sample_tenant(name) for name in ("late", "well", "sick", "young")),
            ]
        )

        def submit(name: str, plan: str = "e3") -> None:
            ids[name] = app.service.submit(PlanChange(name, f"{name}-e1", plan))[0].run.id

        submit("late")
        driver = Driver(app.engine, clock)
        driver.run_for(timedelta(minutes=1))
        for name in ("well", "poor"):
            submit(name)
        driver.run_for(timedelta(minutes=59))
        submit("sick", "e4")
        driver.run_for(timedelta(minutes=30))
        submit("young")
    return Night(settings.database_url, ids)


@pytest.fixture
def find(bare: Cli, night: Night, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Lists runs and answers the names of their tenants, in order."""
    monkeypatch.setattr("overstap.clock.SystemClock.now", lambda _: START + timedelta(minutes=90))

    def listed(*arguments: str) -> list[str]:
        said = bare("--database", night.url, "runs", "list", "--json", *arguments)
        assert 0 == said.code, said.err
        return [run["tenant_id"] for run in said.json]

    return listed


@pytest.fixture
def ask(bare: Cli, night: Night, find: Cli) -> Cli:
    return lambda *arguments: bare("--database", night.url, *arguments)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("", "young sick poor well late"),
        ("--state migrating", "sick"),
        ("--state migrating --state completed", "sick well"),
        ("--status waiting", "poor"),
        ("--status retrying --status ended", "sick well late"),
        ("--tenant sick", "sick"),
        ("--tenant Sick", "sick"),
        ("--plan e4", "sick"),
        ("--workflow plan_change --version 1", "young sick poor well late"),
        ("--workflow manual_change", ""),
        ("--stuck", "sick late"),
        ("--stuck --state migrating", "sick"),
        ("--escalated", "late"),
        ("--overdue", ""),
        ("--error MOVE_USERS", "sick late"),
        ("--error nothing-like-it", ""),
        ("--older-than 59m", "poor well late"),
        ("--older-than 5000w", ""),
        ("--since 2026-03-02T12:30:00+00:00", "young sick"),
        ("--until 2026-03-02T13:30:00+01:00", "poor well late"),
        ("--sort oldest", "late well poor sick young"),
        ("--sort deadline", "sick young poor"),
        ("--limit 2", "young sick"),
    ],
)
def test_an_option_finds_what_it_says(find: Cli, options: str, found: str) -> None:
    assert found.split() == find(*options.split())


def test_the_most_failed_tries_come_first(ask: Cli) -> None:
    runs = ask("runs", "list", "--sort", "attempts", "--json").json

    assert {"sick", "late"} == {run["tenant_id"] for run in runs}
    assert runs[0]["attempt"] >= runs[1]["attempt"] > 0


@pytest.mark.parametrize("sort", ["newest", "oldest", "deadline", "attempts"])
def test_a_listing_goes_on_behind_each_of_its_runs(ask: Cli, find: Cli, sort: str) -> None:
    runs = ask("runs", "list", "--sort", sort, "--json").json

    for place, run in enumerate(runs, start=1):
        rest = [one["tenant_id"] for one in runs[place:]]
        assert rest == find("--sort", sort, "--cursor", run["cursor"])


def test_a_page_for_people_ends_with_the_place_where_the_next_begins(ask: Cli, night: Night) -> None:
    first = ask("runs", "list", "--limit", "3")
    cursor = first.out.splitlines()[-1].rsplit(maxsplit=1)[-1]
    second = ask("runs", "list", "--limit", "3", "--cursor", cursor)

    assert "There are more: --cursor" in first.out
    assert "There are more" not in second.out
    shown = [[name for name in night.ids if night.ids[name] in page.out] for page in (first, second)]
    assert [["poor", "sick", "young"], ["late", "well"]] == shown


def test_people_see_what_they_need_at_night(ask: Cli) -> None:
    (line,) = (line for line in ask("runs", "list").out.splitlines() if "Sick" in line)

    assert all(part in line for part in ("e1 → e4", "migrating", "retrying/", "it did nothing"))


def test_a_saved_filter_is_applied_and_an_option_beside_it_wins(bare: Cli, find: Cli, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(
        '[filters.bad]\nstuck = true\nstate = ["migrating", "escalated"]\nolder_than = "10m"\n'
        '[filters.one]\nstate = "completed"\n',
        encoding="utf-8",
    )
    saved = ("--config", str(config), "--filter")

    assert ["sick", "late"] == find(*saved, "bad")
    assert ["late"] == find(*saved, "bad", "--older-than", "1h")
    assert ["late"] == find(*saved, "bad", "--state", "escalated")
    assert ["sick", "poor", "late"] == find(
        *saved, "bad", "--no-stuck", "--state", "migrating", "--state", "credit_check", "--state", "escalated"
    )
    assert ["well"] == find(*saved, "one")


@pytest.mark.parametrize("name", ["stuck", "escalated", "overdue", "held"])
def test_what_would_take_nothing_back_is_refused(ask: Cli, tmp_path: Path, name: str) -> None:
    config = tmp_path / "own.toml"
    config.write_text('[filters.old]\nolder_than = "10m"\n[filters.no]\nheld = false\n', encoding="utf-8")
    saved = ("--config", str(config), "--filter")

    for command in (("list",), ("count",), ("list", *saved, "old"), ("list", *saved, "no")):
        said = ask("runs", *command, f"--no-{name}")
        assert (2, "") == (said.code, said.out)
        assert f"--no-{name} takes back the --{name} of a saved filter, and the" in said.err


@pytest.mark.parametrize(
    ("arguments", "counts"),
    [
        ([], {"submitted": 1, "migrating": 1, "escalated": 1, "credit_check": 1, "completed": 1}),
        (["--by", "plan"], {"e3": 4, "e4": 1}),
        (["--by", "status", "--stuck"], {"retrying": 2}),
        (["--by", "workflow", "--older-than", "1h"], {"plan_change": 3}),
        (["--by", "age"], {"< 1h": 2, "< 1d": 2, "< 1w": 0, "< 2w": 0, "older": 0}),
        (["--by", "age", "--state", "completed"], {"< 1h": 0, "< 1d": 0, "< 1w": 0, "< 2w": 0, "older": 0}),
    ],
)
def test_runs_are_counted(ask: Cli, arguments: list[str], counts: dict[str, int]) -> None:
    said = ask("runs", "count", "--json", *arguments).json

    assert (counts, sum(counts.values())) == (said["counts"], said["total"])
    assert "all of these" in ask("runs", "count", *arguments).out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--state", "sleeping"], "No workflow has a state 'sleeping'; states are acknowledgement, "),
        (["--status", "asleep"], "There is no status 'asleep'; statuses are ended, ready, retrying, stuck, waiting."),
        (["--plan", "e9"], "There is no plan 'e9'; plans are "),
        (["--workflow", "walk"], "There is no workflow 'walk'; workflows are manual_change, plan_change."),
        (["--version", "9"], "No workflow has a version 9; versions are 1."),
        (["--error", " "], "The text to look for in errors is empty."),
        (["--older-than", "soon"], "'soon' is not a duration; write it like 250ms, 2s, 1h30m or 14d"),
        (["--older-than", "9999999999999w"], "'9999999999999w' is a longer time than can be counted with"),
        (["--since", "yesterday"], "'yesterday' is not a moment; write it like 2026-03-02"),
        (["--since", "2026-03-02", "--until", "2026-03-02"], "No run is created since 2026-03-0"),
        (["--filter", "night"], "No filter is saved as 'night'; there are none."),
        (["--sort", "wild"], "'wild' is not one of 'newest', 'oldest', 'deadline', 'attempts'"),
        (["--limit", "0"], "Input should be greater than or equal to 1"),
        (["--cursor", "nonsense"], "'nonsense' is no cursor; give one that a listing ended with."),
        (["--cursor", "é"], "'é' is no cursor"),
        (["--cursor", "WzEsMl0"], "'WzEsMl0' is no cursor"),
        (["--cursor", cursor("deadline", "X", "soon"), "--sort", "deadline"], "is no cursor"),
        (["--cursor", cursor("attempts", "X", 2**31), "--sort", "attempts"], "is no cursor"),
        (["--cursor", cursor("newest", "X\0", None)], "is no cursor"),
        (["--cursor", cursor("newest", 7, None)], "is no cursor"),
        (["--cursor", cursor("wild", "X", None)], "is no cursor"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence_and_is_exit_code_2(
    ask: Cli, arguments: list[str], told: str
) -> None:
    said = ask("runs", "list", *arguments)

    assert 2 == said.code
    assert told in said.err
    assert "" == said.out


def test_a_cursor_of_another_order_is_refused(ask: Cli) -> None:
    cursor = ask("runs", "list", "--json").json[0]["cursor"]

    said = ask("runs", "list", "--sort", "oldest", "--cursor", cursor)

    assert (2, True) == (said.code, "The cursor is of a listing by newest, this one is by oldest" in said.err)


def test_a_count_refuses_the_same(ask: Cli) -> None:
    assert 2 == ask("runs", "count", "--state", "sleeping").code
    assert 2 == ask("runs", "count", "--by", "colour").code
    assert 3 == ask("runs", "count", "--tenant", "nobody").code


def test_an_unknown_filter_names_those_there_are(ask: Cli, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text("[filters.night]\nstuck = true\n[filters.day]\n", encoding="utf-8")

    said = ask("runs", "list", "--filter", "noon", "--config", str(config))

    assert (2, True) == (said.code, "there are day, night" in said.err)


def test_no_runs_is_said_in_another_way_than_no_such_runs(cli: Cli, ask: Cli) -> None:
    assert "No runs yet" in cli("runs", "list").out
    assert "No such runs." in ask("runs", "list", "--overdue").out


def test_the_database_of_the_night_keeps_what_verify_checks(night: Night) -> None:
    with open_app(Settings(database_url=night.url)) as app:
        assert app.verify().ok
