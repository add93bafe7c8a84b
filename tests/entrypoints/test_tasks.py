"""`overstap tasks`: what there is to do, that it is done, and every way in which that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from overstap.settings import data_path

Cli = Callable[..., Any]

KAPPER = "39368407-f2d2-5652-8cd8-14c2b0144c76"
PLAN = "0673951d-40b4-5fb0-adba-6321bd2f36d4"
ANNA = "anna.kuipers@kapper-anna.nl"


@pytest.fixture
def run(cli: Cli) -> str:
    """A hairdresser's change to a plan for enterprises, whose custom domain the wizard refuses; it waits for Anna."""
    assert cli("tenants", "import", str(data_path("demo") / "kapper-anna")).code == 0
    assert cli("submit", KAPPER, PLAN, "e1", "--locale", "en").code == 1
    ordered = cli("submit", KAPPER, PLAN, "e1", "--manual", "--json")
    assert ordered.code == 0
    work(cli)
    return str(ordered.json["id"])


def work(cli: Cli) -> None:
    assert cli("worker", "--until-idle").code == 0


def do(cli: Cli, task: str, *more: str, by: str = ANNA, note: str = "gedaan") -> Any:
    return cli("tasks", "done", task, "--by", by, "--note", note, *more)


@pytest.mark.rule("R46", "R49")
def test_a_change_goes_from_task_to_task_to_its_end(cli: Cli, run: str) -> None:
    kinds = []
    while found := cli("tasks", "list", "--json").json:
        (task,) = found
        kinds.append(task["kind"])
        assert do(cli, task["id"].lower()).code == 0
        work(cli)

    assert ["acknowledgement", "backup", "domain_removal", "domain_return"] == kinds
    assert "completed" == cli("runs", "show", run, "--json").json["state"]
    assert "Nobody has anything to do.\n" == cli("tasks", "list").out
    assert 0 == cli("verify").code


def test_a_listing_names_the_task_the_tenant_the_moments_and_whose_turn_it_is(cli: Cli, run: str) -> None:
    heading, line, *_ = cli("tasks", "list").out.splitlines()

    assert ["task", "tenant", "what", "since", "reminder", "deadline", "whose", "turn"] == heading.split()
    for part in (f"{run}-2", "Kapper Anna", "Bevestig dat u van", ANNA):
        assert part in line


def test_a_listing_can_be_narrowed_to_a_tenant(cli: Cli, run: str) -> None:
    assert [f"{run}-2"] == [task["id"] for task in cli("tasks", "list", "--tenant", "Kapper Anna", "--json").json]
    assert [] == cli("tasks", "list", "--tenant", "Bakkerij De Vries", "--json").json
    assert 3 == cli("tasks", "list", "--tenant", "nobody").code


def test_a_task_as_json_tells_everything(cli: Cli, run: str) -> None:
    task = cli("tasks", "show", f"{run}-2", "--json").json

    assert "Bevestig dat u van Office 365 voor ondernemingen E1 niet terug kunt gaan" == task["title"]
    assert (KAPPER, "Kapper Anna", run) == (task["tenant_id"], task["tenant_name"], task["run_id"])
    assert ("admin", [ANNA], False) == (task["needed_role"], task["people"], task["can_be_declined"])
    assert 3 == len(task["instructions"])
    assert task["since"] < task["remind_at"] < task["deadline_at"]


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ((), "2. Office 365 voor ondernemingen E1 hoort bij een ander servicepakket"),
        (("--locale", "nl"), "3. Bevestig dit als de overstap moet doorgaan"),
        (("--locale", "en"), "2. Know that Office 365 Enterprise E1 belongs to another family"),
    ],
)
def test_a_task_is_shown_with_its_instructions_in_the_readers_language(
    cli: Cli, run: str, locale: tuple[str, ...], text: str
) -> None:
    said = cli("tasks", "show", f"{run}-2", *locale)

    assert text in said.out
    assert f"overstap tasks done {run}-2 --by UPN --note TEXT" in said.out
    assert "--declined" not in said.out


def test_an_advice_can_be_declined(cli: Cli, run: str) -> None:
    do(cli, f"{run}-2")
    work(cli)
    assert "--declined" in cli("tasks", "show", f"{run}-3").out

    said = do(cli, f"{run}-3", "--declined", "--json", note="we have one")

    (signal,) = said.json["pending_signals"]
    assert ("backup_declined", "we have one", f"admin:{ANNA}") == (signal["event"], signal["reason"], signal["actor"])


@pytest.mark.parametrize(
    ("task", "how", "code", "error"),
    [
        ("{run}-3", {}, 4, "conflict"),
        ("{run}-1", {}, 4, "conflict"),
        ("nothing-2", {}, 3, "not_found"),
        ("nothing", {}, 3, "not_found"),
        ("{run}-2", {"by": "a@stranger.example"}, 1, "not_eligible"),
        ("{run}-2", {"note": " "}, 2, "bad_input"),
    ],
)
def test_what_cannot_be_done_says_why_in_its_exit_code_and_its_json(
    cli: Cli, run: str, task: str, how: dict[str, str], code: int, error: str
) -> None:
    said = do(cli, task.format(run=run), "--json", **how)

    assert (code, error) == (said.code, said.json["error"]["code"])
    assert said.err.startswith("error: ")


def test_a_task_that_is_done_cannot_be_done_again_nor_shown(cli: Cli, run: str) -> None:
    assert "Noted." in do(cli, f"{run}-2").out
    assert 4 == do(cli, f"{run}-2").code
    work(cli)

    assert (4, 4) == (do(cli, f"{run}-2").code, cli("tasks", "show", f"{run}-2").code)


@pytest.mark.parametrize(
    "arguments", [("done", "x-1", "--by", ANNA), ("done", "x-1", "--note", "n"), ("show",), ("list", "--locale", "fr")]
)
def test_what_is_no_command_is_a_usage_error(cli: Cli, run: str, arguments: tuple[str, ...]) -> None:
    assert 2 == cli("tasks", *arguments).code


@pytest.mark.rule("R46")
def test_a_signal_cannot_do_a_task(cli: Cli, run: str) -> None:
    said = cli("signal", run, "backup_made", "--reason", "early")

    assert (2, True) == (said.code, "overstap tasks done" in said.err)


def test_runs_tell_that_they_wait_for_somebody(cli: Cli, run: str) -> None:
    waits = "somebody: Acknowledge that there is no way back from Office 365 Enterprise E1, at most "

    assert waits in cli("runs", "list").out
    shown = cli("runs", "show", run).out
    assert waits in shown
    assert f"{run}-2" in shown


def test_following_a_run_tells_who_did_what(cli: Cli, run: str) -> None:
    while found := cli("tasks", "list", "--json").json:
        do(cli, found[0]["id"])
        work(cli)

    said = cli("runs", "watch", run).out

    assert f"backup → preparing (backup_made, by admin:{ANNA}): gedaan" in said
    assert "adding_domains → completed (domains_added)" in said
