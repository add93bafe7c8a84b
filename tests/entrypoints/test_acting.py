"""What operators do to runs, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.entrypoints.conftest import Cli

WHY = ("--reason", "the test says so")
ACTS = ("hold", "release", "retry", "extend", "cancel", "fail", "takeover")


@pytest.fixture
def run(cli: Cli, order: tuple[str, ...]) -> str:
    """A run that no worker has looked at."""
    return str(cli(*order, "--json").json["id"])


def act(name: str) -> tuple[str, ...]:
    return ("runs", name) + (("--deadline", "2h") if name == "extend" else ())


def test_holding_and_releasing_tells_how_the_run_stands(cli: Cli, run: str) -> None:
    held = cli("runs", "hold", run, *WHY)
    shown = cli("runs", "list")
    released = cli("runs", "release", run, *WHY)

    assert (0, 0) == (held.code, released.code)
    assert "It waits for an operator who holds it: the test says so." in held.out
    assert "Its deadline still comes: " in held.out
    assert "an operator who holds it: the test says so" in shown.out
    assert "It waits for a worker." in released.out


def test_an_act_in_json_is_the_run_as_it_is_afterwards(cli: Cli, run: str) -> None:
    held = cli("runs", "hold", run, *WHY, "--json").json

    assert "the test says so" == held["held"]
    assert "held" == held["journal"][-1]["kind"]
    assert held["journal"][-1]["actor"].startswith("operator")


def test_failing_a_held_run_says_that_nothing_is_taken_back_before_it_is_released(
    cli: Cli, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERSTAP_EMBEDDED__FAULTS", '[{"operation": "move_users", "kind": "fails"}]')
    assert 0 == cli("worker", "--until-idle").code
    assert 0 == cli("runs", "hold", run, *WHY).code

    failed = cli("runs", "fail", run, *WHY)
    cli("worker", "--until-idle")
    idle = cli("runs", "show", run, "--json").json["state"]
    assert 0 == cli("runs", "release", run, *WHY).code
    cli("worker", "--until-idle")

    assert "nothing is taken back before it is released" in failed.out
    assert f"overstap runs release {run} --reason TEXT" in failed.out
    assert ["rolling_back", "failed"] == [idle, cli("runs", "show", run, "--json").json["state"]]


def test_failing_a_run_that_nobody_holds_speaks_of_no_release(cli: Cli, run: str) -> None:
    assert "release" not in cli("runs", "fail", run, *WHY).out


@pytest.mark.parametrize("name", ACTS)
def test_an_act_without_its_reason_is_a_usage_error(cli: Cli, run: str, name: str) -> None:
    missing = cli(*act(name), run)
    empty = cli(*act(name), run, "--reason", " ")

    assert (2, 2) == (missing.code, empty.code)
    assert "error: Missing option '--reason'" in missing.err
    assert "The reason" in empty.err
    assert 1 == len(cli("runs", "show", run, "--json").json["journal"])


@pytest.mark.parametrize("name", ACTS)
def test_an_act_on_a_run_that_is_not_there_is_not_found(cli: Cli, name: str) -> None:
    said = cli(*act(name), "01NOBODY", *WHY)

    assert 3 == said.code
    assert "error: There is no run '01NOBODY'; `overstap runs list` shows those there are.\n" == said.err


@pytest.mark.parametrize("name", ACTS)
def test_an_act_on_a_run_that_has_ended_is_a_conflict(cli: Cli, run: str, name: str) -> None:
    assert 0 == cli("worker", "--until-idle").code

    said = cli(*act(name), run, *WHY)

    assert 4 == said.code
    assert run in said.err
    assert 1 == said.err.count("\n")


@pytest.mark.parametrize("deadline", ["soon", "2 hours", "2026-13-01", ""])
def test_a_deadline_that_cannot_be_read_is_a_usage_error(cli: Cli, run: str, deadline: str) -> None:
    said = cli("runs", "extend", run, "--deadline", deadline, *WHY)

    assert 2 == said.code
    assert "is neither a duration, like 2h or 1d12h, nor a moment" in said.err


def test_a_deadline_that_cannot_be_counted_to_is_refused(cli: Cli, run: str) -> None:
    for deadline in ("99999999999d", "99999999d"):
        said = cli("runs", "extend", run, "--deadline", deadline, *WHY)

        assert 2 == said.code
        assert f"'{deadline}' is a longer time than can be counted with; at most 36500d" in said.err


def test_a_deadline_beyond_the_calendar_is_refused(cli: Cli, run: str) -> None:
    assert 0 == cli("runs", "extend", run, "--deadline", "9999-12-31T12:00+00:00", *WHY).code

    said = cli("runs", "extend", run, "--deadline", "2d", *WHY)

    assert (4, f"error: Run {run} cannot get a deadline so late: the calendar ends before it.\n") == (
        said.code,
        said.err,
    )


def test_a_credit_decision_by_a_person_goes_into_the_inbox(cli: Cli, run: str) -> None:
    said = cli("credit", "approve", run, *WHY)

    assert 0 == said.code
    assert "credit_approved is in its inbox; it is applied once the run awaits it." in said.out
    assert ["credit_approved"] == [one["event"] for one in cli("runs", "show", run, "--json").json["pending_signals"]]


def test_a_pause_is_told_wherever_somebody_may_wonder(cli: Cli, run: str) -> None:
    paused = cli("pause", "everything", *WHY)
    idle = cli("worker", "--until-idle")
    listed, seen, all_of_it = cli("pauses"), cli("runs", "list"), cli("pauses", "--json").json

    assert (0, 0) == (paused.code, idle.code)
    assert "everything" in listed.out
    assert "PAUSED: everything, since " in seen.out
    assert [("everything", "", "the test says so")] == [(one["scope"], one["name"], one["reason"]) for one in all_of_it]
    assert "submitted" == cli("runs", "show", run, "--json").json["state"]

    resumed = cli("resume", "everything", *WHY)
    cli("worker", "--until-idle")
    assert "Resumed: everything; 1 run had been waiting." in resumed.out
    assert "Nothing is paused.\n" == cli("pauses").out
    assert "completed" == cli("runs", "show", run, "--json").json["state"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pause", "nothing"), 2),
        (("pause", "step"), 2),
        (("pause", "step", "dance"), 2),
        (("resume", "step", "move_users"), 3),
    ],
)
def test_a_pause_that_makes_no_sense_is_refused(cli: Cli, arguments: tuple[str, ...], code: int) -> None:
    said = cli(*arguments, *WHY)

    assert code == said.code
    assert said.err.startswith("error: ")
