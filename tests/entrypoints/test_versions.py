"""`overstap workflow rehearse` and `migrate`: what they tell, and every way in which they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newer import put, renamed, with_shipped, write_newer

Cli = Callable[..., Any]
WHY = ("--reason", "a better way")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = with_shipped(tmp_path / "workflows")
    monkeypatch.setenv("OVERSTAP_WORKFLOWS_DIR", str(made))
    return made


@pytest.fixture
def run(folder: Path, cli: Cli, order: tuple[str, ...]) -> str:
    """An order that waits for a worker, by version 1, with version 2 beside it."""
    ordered = cli(*order, "--json").json["id"]
    write_newer(folder, renamed("submitted", "ordered"))
    return str(ordered)


def test_without_live_runs_there_is_nothing_to_do(folder: Path, cli: Cli) -> None:
    write_newer(folder)

    for command in (("rehearse",), ("migrate", *WHY)):
        said = cli("workflow", *command, "--to", "2")
        assert (0, "No live run follows an older version of plan_change than v2.\n") == (said.code, said.out)
        empty = cli("workflow", *command, "--to", "2", "--json").json
        assert ([], 0) == (empty["runs"], empty["counts"]["runs"])


def test_a_rehearsal_tells_each_run_its_verdict_its_window_and_why(cli: Cli, run: str) -> None:
    said = cli("workflow", "rehearse", "--to", "2")

    assert 1 == said.code
    heading, line, summary = said.out.splitlines()
    assert ["run", "tenant", "state", "verdict", "goes", "on", "in", "v2", "at", "deadline", "left", "why", "not"] == (
        heading.split()
    )
    for part in (run, "Bakkerij De Vries", "submitted", "needs a mapping", "--map submitted=STATE"):
        assert part in line
    assert {"1d", "23h59m"} & set(line.split())
    assert "1 live run: 1 needs a mapping." == summary
    assert "submitted" == cli("runs", "show", run, "--json").json["state"]


def test_what_the_rehearsal_found_compatible_is_migrated(cli: Cli, run: str) -> None:
    rehearsed = cli("workflow", "rehearse", "plan_change", "--to", "2", "--map", "submitted=ordered")
    assert 0 == rehearsed.code
    assert "ordered/check_preconditions" in rehearsed.out
    hint = "To do it: overstap workflow migrate plan_change --to 2 --map submitted=ordered --reason TEXT"
    assert hint == rehearsed.out.splitlines()[-1]

    done = cli("workflow", "migrate", "--to", "2", "--map", "submitted=ordered", *WHY)

    assert (0, "1 live run: 1 carried to v2.\n") == (done.code, done.out)
    shown = cli("runs", "show", run, "--json").json
    assert ("ordered", 2) == (shown["state"], shown["version"])
    assert "carried from v1 to v2, submitted → ordered, by operator" in cli("runs", "show", run).out
    assert "a better way" in cli("runs", "show", run).out
    assert 0 == cli("worker", "--until-idle").code
    assert "completed" == cli("runs", "show", run, "--json").json["state"]
    assert 0 == cli("verify").code


def test_a_run_that_is_left_behind_is_told(cli: Cli, run: str) -> None:
    said = cli("workflow", "migrate", "--to", "2", *WHY, "--json")

    assert 1 == said.code
    assert ("plan_change", 2) == (said.json["workflow"], said.json["to"])
    (left,) = said.json["runs"]
    assert (run, "needs a mapping", None, 1) == (left["id"], left["verdict"], left["goes_on_at"], left["version"])
    assert 86_000 < left["window_left"] < 86_400
    assert {"runs": 1, "compatible": 0, "needs a mapping": 1, "blocked": 0, "worked on": 0} == said.json["counts"]
    assert "1 live run: 1 needs a mapping." in cli("workflow", "migrate", "--to", "2", *WHY).out


BAD_INPUT: list[tuple[tuple[str, ...], int, str]] = [
    (("rehearse",), 2, "--to"),
    (("rehearse", "--to", "0"), 2, "--to"),
    (("rehearse", "--to", "7"), 3, "There is no workflow plan_change v7. Known are: "),
    (("rehearse", "nothing", "--to", "2"), 3, "There is no workflow nothing v2."),
    (
        ("rehearse", "--to", "1"),
        2,
        "plan_change v1 is the oldest version here, and runs are only carried to a newer",
    ),
    (("rehearse", "--to", "2", "--map", "submitted"), 2, "--map submitted: write OLD=NEW"),
    (("rehearse", "--to", "2", "--map", "sent=ordered"), 2, "no older version of plan_change has state sent; "),
    (("rehearse", "--to", "2", "--map", "submitted=sent"), 2, "plan_change v2 has no state sent; states are "),
    (("rehearse", "--to", "2", "--map", "submitted=ordered", "--map", "submitted=migrating"), 2, "is mapped twice"),
    (("rehearse", "--to", "2", "--run", "nobody"), 3, "There is no run 'NOBODY'"),
    (("migrate", "--to", "2"), 2, "--reason"),
    (
        ("migrate", "--to", "2", "--reason", "  "),
        2,
        "The reason of a migration, which goes into each run's journal,",
    ),
    (("migrate", "--to", "2", "--reason", "two\nlines"), 2, "has control characters"),
    (("migrate", "--to", "1", *WHY), 2, "plan_change v1 is the oldest version here"),
]


def test_bad_input_is_told_in_a_sentence_and_touches_nothing(
    cli: Cli, run: str, rows: Callable[[], dict[str, int]]
) -> None:
    cli("workflow", "rehearse", "--to", "2")  # every command notes which versions' files this database has met
    before = rows()

    for arguments, code, told in BAD_INPUT:
        said = cli("workflow", *arguments)

        assert (code, "") == (said.code, said.out), arguments
        assert told in said.err
        assert "Traceback" not in said.err
    assert before == rows()


def test_a_run_that_ended_or_is_there_already_cannot_be_chosen(cli: Cli, run: str) -> None:
    chosen = ("workflow", "migrate", "--to", "2", "--map", "submitted=ordered", "--run", run.lower(), *WHY)
    assert 0 == cli(*chosen).code
    again = cli(*chosen)
    assert (4, f"Run {run} follows plan_change v2 already.") == (again.code, again.err.strip().removeprefix("error: "))

    other = cli("workflow", "rehearse", "manual_change", "--to", "1", "--run", run)
    assert 2 == other.code
    assert "follows plan_change, not manual_change" in other.err
    cli("worker", "--until-idle")
    ended = cli(*chosen)
    assert 4 == ended.code
    assert "has ended (completed)" in ended.err


def test_a_newer_file_keeps_the_name_by_which_quotes_know_the_credit_check(folder: Path, cli: Cli) -> None:
    write_newer(folder, renamed("credit_check", "bureau_check"))

    said = cli("workflow", "rehearse", "--to", "2")

    assert 2 == said.code
    assert "plan_change v2 has no state credit_check with a deadline" in said.err


def test_a_newer_file_that_asks_for_more_is_told_as_blocked(folder: Path, cli: Cli, order: tuple[str, ...]) -> None:
    cli(*order)
    write_newer(folder, put("submitted", steps=["notify_operators", "check_preconditions", "place_order"]))

    said = cli("workflow", "rehearse", "--to", "2")

    assert 1 == said.code
    assert "step notify_operators of v2 comes before the one it is at" in said.out
