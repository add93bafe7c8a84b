"""`runs show`, `explain`, `history` and `diff`: what they say, and what they say to bad input."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from overstap.bootstrap import open_app
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path

Cli = Callable[..., Any]
VISIT = {"visit", "state", "entered", "left", "took", "share", "failures", "event", "actor"}


@dataclass(frozen=True)
class Looked:
    """What is looked at: a database with the bakery, a run that was cancelled and one that waits for a worker."""

    url: str
    ended: str
    fresh: str


@pytest.fixture(scope="module")
def looked(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Looked:
    """Made once: to look changes nothing, on no database."""
    path = tmp_path_factory.mktemp("looked") / "overstap.db"
    shutil.copy(sqlite_template, path)
    settings = Settings(database_url=f"sqlite:///{path}")
    with open_app(settings) as app:
        (bakery,) = app.service.import_tenants([read_export(data_path("demo") / "bakkerij-de-vries")])
        change = PlanChange(bakery.id, bakery.subscriptions[0].id, "small-business-premium")
        ended, _ = app.service.submit(change, actor="operator:ada")
        app.service.signal(ended.run.id, "cancel", reason="changed their mind", actor="operator:ada")
        app.worker().run(until_idle=True)
        fresh, _ = app.service.submit(change, actor="operator:ada")
    return Looked(settings.database_url, ended.run.id, fresh.run.id)


@pytest.fixture
def runs(bare: Cli, looked: Looked) -> Cli:
    """`overstap runs …` over that database."""
    return lambda *arguments: bare("--database", looked.url, "runs", *arguments)


def test_a_run_is_explained_in_five_answers(runs: Cli, looked: Looked) -> None:
    told = runs("explain", looked.fresh).out

    for words in (
        "Why is it here?\n  It has been in submitted since ",
        "operator:ada ordered it then.",
        "Step check_preconditions (1 of 2) is to be done.",
        "What wakes it?\n  A worker, and none is running here",
        "Who holds it?\n  Nobody holds it.",
        "order_overdue leads to rolling_back",
        "What comes next, and when?\n  Step check_preconditions, now.",
        "What can you do?\n  Start a worker: overstap worker",
    ):
        assert words in told


def test_an_explanation_speaks_dutch_when_asked(runs: Cli, looked: Looked) -> None:
    said = runs("explain", looked.fresh, "--locale", "nl", "--json").json

    assert ("nl", looked.fresh, "submitted", "ready") == tuple(
        said[name] for name in ("locale", "run_id", "state", "status")
    )
    assert ["why", "wakes", "holder", "next", "can_do"] == [answer["question"] for answer in said["answers"]]
    assert "Niemand heeft de run in handen." in said["answers"][2]["sentences"]
    assert "Wie heeft de run in handen?" == said["answers"][2]["title"]


def test_an_ended_run_is_explained_by_what_ended_it(runs: Cli, looked: Looked) -> None:
    told = runs("explain", looked.ended).out

    assert "operator:ada led it from submitted to rolling_back (cancel): changed their mind" in told
    assert "Nobody: it has ended." in told


def test_a_page_has_states_time_steps_history_effects_and_signals(runs: Cli, looked: Looked) -> None:
    told = runs("show", looked.ended).out

    for heading in ("States", "Steps", "History", "Effects", "Signals"):
        assert f"\n{heading}\n" in told
    assert "cancel, by operator:ada" in told
    assert "changed their mind" in told
    assert "applied" in told
    assert re.search(r"^held by +nobody$", runs("show", looked.fresh).out, re.MULTILINE)
    assert f"overstap runs explain {looked.fresh}" in runs("show", looked.fresh).out


def test_a_run_as_json_carries_its_timeline_and_signals(runs: Cli, looked: Looked) -> None:
    run = runs("show", looked.ended, "--json").json

    seen = run["timeline"]
    assert ["submitted", "rolling_back", "cancelled"] == [visit["state"] for visit in seen["visits"]]
    assert all(visit.keys() == VISIT for visit in seen["visits"])
    assert sum(visit["took"] for visit in seen["visits"]) == pytest.approx(seen["lasted"])
    assert ["cancel"] == [signal["event"] for signal in run["signals"]]
    assert run["signals"][0]["settled_at"] is not None
    assert [] == run["pending_signals"]
    assert {"journal": 0, "effects": 0} == run["left_out"]
    assert run["held_by"] is None


def test_only_the_last_entries_are_shown_and_that_is_said(runs: Cli, looked: Looked) -> None:
    whole = runs("show", looked.ended, "--all", "--json").json
    count = len(whole["journal"])

    said = runs("show", looked.ended, "--last", "1").out
    part = runs("show", looked.ended, "--last", "1", "--json").json

    assert f"The last 1 of {count} entries; --last N or --all shows more." in said
    assert (whole["journal"][-1:], count - 1) == (part["journal"], part["left_out"]["journal"])
    assert "entries; --last" not in runs("show", looked.ended, "--all").out


@pytest.mark.parametrize("at", ["#1", "1", " #1 "])
def test_a_run_is_shown_as_it_was_after_an_entry(runs: Cli, looked: Looked, at: str) -> None:
    run = runs("history", looked.ended, "--at", at, "--json").json

    assert ("submitted", "ready", 1) == (run["state"], run["status"], len(run["journal"]))
    assert (None, None) == (run["claimed_by"], run["ended_at"])


def test_history_says_what_moment_it_shows_and_that_claims_are_not_kept(runs: Cli, looked: Looked) -> None:
    told = runs("history", looked.ended, "--at", "#1").out

    assert told.startswith("As it was at ")
    assert ", after entry #1." in told
    assert "not known: claims are not kept" in told


def test_a_moment_without_a_zone_is_the_readers_own(runs: Cli, looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    ordered = runs("show", looked.ended, "--json").json["created_at"]
    assert "submitted" == runs("history", looked.ended, "--at", ordered, "--json").json["state"]
    assert "cancelled" == runs("history", looked.ended, "--at", "0s", "--json").json["state"]

    early = ordered.removesuffix("+00:00")
    assert 3 == runs("history", looked.ended, "--at", f"{early}+09:00").code  # nine hours before it was ordered


def test_a_difference_is_told_by_path_with_the_entries_between(runs: Cli, looked: Looked) -> None:
    count = len(runs("show", looked.ended, "--json").json["journal"])

    said = runs("diff", looked.ended, "--from", "0", "--to", "1", "--json").json
    newest = runs("diff", looked.ended).out

    assert {"path": ["state"], "after": "submitted"} in said["changes"]
    assert ["input", "seats"] in [change["path"] for change in said["changes"]]
    assert [1] == [entry["seq"] for entry in said["entries"]]
    assert f"from #{count - 1} to #{count}" in newest
    assert "rolling_back" in newest
    assert "cancelled" in newest
    assert "Nothing is different." in runs("diff", looked.ended, "--from", "2", "--to", "2").out


@pytest.mark.parametrize(
    ("code", "words", "command"),
    [
        (3, "There is no run 'X'", ("show", "x")),
        (3, "There is no run 'X'", ("explain", "x")),
        (3, "There is no run 'X'", ("history", "x", "--at", "1h")),
        (3, "There is no run 'X'", ("diff", "x")),
        (3, "did not exist yet at", ("history", "RUN", "--at", "1000d")),
        (2, "'yesterday' is no moment; write a moment like 2026-03-02T14:00", ("history", "RUN", "--at", "yesterday")),
        (2, "'2026-13-01' is no moment", ("history", "RUN", "--at", "2026-13-01")),
        (2, "'-1h' is no moment", ("history", "RUN", "--at=-1h")),
        (2, "'#' is no moment", ("history", "RUN", "--at", "#")),
        (2, "'' is no moment", ("history", "RUN", "--at", "")),
        (2, "'9999999999999d' is no moment", ("history", "RUN", "--at", "9999999999999d")),
        (2, "has not come yet", ("history", "RUN", "--at", "9999-01-01")),
        (2, "no #0", ("history", "RUN", "--at", "#0")),
        (2, "and no #99", ("history", "RUN", "--at", "#99")),
        (2, "and no #999999999999999", ("history", "RUN", "--at", "#999999999999999")),
        (2, "Missing option '--at'", ("history", "RUN")),
        (2, "and no #99", ("diff", "RUN", "--to", "99")),
        (2, "and no #99", ("diff", "RUN", "--from", "99")),
        (2, "#3 comes after #2: give the earlier entry first, --from 2", ("diff", "RUN", "--from", "3", "--to", "2")),
        (2, "Invalid value for '--from'", ("diff", "RUN", "--from", "x")),
        (2, "Invalid value for '--from'", ("diff", "RUN", "--from=-1")),
        (2, "--last and --all contradict each other", ("show", "RUN", "--last", "3", "--all")),
        (2, "Invalid value for '--last'", ("show", "RUN", "--last", "0")),
        (2, "'fr' is no language here", ("explain", "RUN", "--locale", "fr")),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_sentence(
    runs: Cli, looked: Looked, code: int, words: str, command: tuple[str, ...]
) -> None:
    said = runs(*(looked.ended if word == "RUN" else word for word in command))

    assert (code, "") == (said.code, said.out)
    assert words in said.err
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
