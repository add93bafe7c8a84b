"""`overstap replay …`: what it shows, and what it says to bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from overstap.entrypoints.cli.orders import operator
from overstap.store.database import Database
from overstap.store.replays import PLAN, PlanBook, digest_of

if TYPE_CHECKING:
    from tests.entrypoints.conftest import Cli

ANN, BEN = "ann", "ben"


@pytest.fixture
def be(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sits down at the terminal as somebody."""

    def sit(name: str) -> None:
        monkeypatch.setattr("pwd.getpwuid", lambda _uid: SimpleNamespace(pw_name=name))

    sit(ANN)
    return sit


@pytest.fixture
def ordered(cli: Cli, order: tuple[str, ...]) -> str:
    """A run that no worker has looked at yet."""
    said = cli(*order, "--json")
    assert said.code == 0
    return str(said.json["id"])


@pytest.fixture
def planned(cli: Cli, ordered: str, be: Callable[[str], None]) -> str:
    """A plan of Ann's that replays it."""
    assert be
    said = cli("replay", "plan", ordered, "--deadline", "keep", "--json")
    assert (said.code, said.json["runs"][0]["verdict"]) == (0, "will_run")
    return str(said.json["id"])


def test_a_plan_shows_what_it_would_do_and_what_it_touches(cli: Cli, ordered: str) -> None:
    said = cli("replay", "plan", ordered, "--deadline", "reset")

    assert said.code == 0
    assert "submitted/check_preconditions" in said.out
    assert "touches: 1 runs, " in said.out
    assert "Run it: overstap replay run " in said.out


def test_a_plan_that_would_run_nothing_says_so(cli: Cli, ordered: str) -> None:
    assert 0 == cli("runs", "hold", ordered, "--reason", "the bank is closed").code

    said = cli("replay", "plan", ordered, "--deadline", "reset")

    assert "Nothing of it would run; the verdicts say why, and what to do instead." in said.out
    assert "Run it: " not in said.out


def test_a_plan_is_run_once_and_shown_with_its_receipt(cli: Cli, planned: str) -> None:
    first = cli("replay", "run", planned, "--reason", "again", "--no-wait")
    again = cli("replay", "run", planned, "--reason", "once more", "--no-wait")
    shown = cli("replay", "show", planned)

    assert (0, 0, 0) == (first.code, again.code, shown.code)
    assert "This plan was run before: nothing is done again, this is its receipt." in again.out
    assert "still at it" in shown.out
    assert "run: by operator:ann" in shown.out


def test_who_waits_without_a_worker_is_told_and_the_step_is_not_passed(cli: Cli, planned: str) -> None:
    said = cli("replay", "run", planned, "--reason", "again")

    assert 1 == said.code
    assert "No worker is running" in said.out


def test_once_a_worker_did_it_the_receipt_says_passed(cli: Cli, planned: str) -> None:
    assert cli("replay", "run", planned, "--reason", "again", "--no-wait").code == 0
    assert cli("worker", "--until-idle").code == 0

    said = cli("replay", "run", planned, "--reason", "again", "--json")

    assert 0 == said.code
    assert ("passed", True) == (said.json["runs"][0]["receipt"]["outcome"], said.json["passed"])
    assert planned in cli("replay", "list").out


def test_what_is_paused_is_told_where_a_run_of_the_plan_may_come_to_it(cli: Cli, ordered: str) -> None:
    why = ("--reason", "the bank is closed")
    for what in (("step", "move_users"), ("workflow", "manual_change"), ("workflow", "plan_change")):
        assert 0 == cli("pause", *what, *why).code

    planned = cli("replay", "plan", ordered, "--deadline", "keep")
    plan = planned.out.split()[1].rstrip(",")
    rehearsed = cli("replay", "rehearse", plan)
    done = cli("replay", "run", plan, "--reason", "again", "--no-wait")

    for said in (planned, rehearsed, done):
        assert 0 == said.code
        assert "PAUSED: step move_users, since " in said.out
        assert "PAUSED: workflow plan_change, since " in said.out
        assert "PAUSED: workflow manual_change" not in said.out
    assert "Pauses were not looked at: on the copy nothing is paused." in rehearsed.out
    assert "passed the step" in rehearsed.out


def test_a_receipt_shows_where_a_run_is_and_not_where_it_was_when_it_was_planned(
    cli: Cli, planned: str, ordered: str
) -> None:
    passed = cli("replay", "run", planned, "--reason", "again", "--no-wait")
    other = cli("replay", "plan", ordered, "--deadline", "keep", "--json").json["id"]
    assert 0 == cli("worker", "--until-idle").code
    skipped = cli("replay", "run", other, "--reason", "again", "--no-wait")

    assert "submitted" in passed.out
    assert "completed" in next(line for line in cli("replay", "show", planned).out.splitlines() if "passed" in line)
    assert "skipped: it has ended (completed)" in skipped.out
    assert "submitted" not in skipped.out


def test_a_rehearsal_says_that_it_is_one(cli: Cli, planned: str) -> None:
    said = cli("replay", "rehearse", planned)

    assert 0 == said.code
    assert "passed the step" in said.out
    assert "a copy of the provider's books" in said.out
    assert "submitted" == cli("runs", "list", "--json").json[0]["state"]


def test_the_answer_of_a_rehearsal_is_json_and_nothing_else(
    cli: Cli, planned: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli
    monkeypatch.setenv("OVERSTAP_LOGS__LEVEL", "debug")
    # A process of its own, that nobody has told yet where logs go.
    command = [sys.executable, "-m", "overstap", "replay", "rehearse", planned, "--json", "--database", database_url]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert ["passed"] == [one["outcome"] for one in json.loads(said.stdout)]
    assert "" == said.stderr


def test_a_second_person_is_somebody_else(cli: Cli, planned: str, be: Callable[[str], None], database_url: str) -> None:
    change_plan(database_url, planned, needs_approval=True)

    unapproved = cli("replay", "run", planned, "--reason", "again", "--no-wait")
    by_herself = cli("replay", "approve", planned, "--reason", "fine")
    be(BEN)
    by_another = cli("replay", "approve", planned, "--reason", "fine")

    assert (1, 1, 0) == (unapproved.code, by_herself.code, by_another.code)
    assert "needs the approval of a second person" in unapproved.err
    assert "was made by operator:ann: a second person has to approve it" in by_herself.err
    assert 0 == cli("replay", "run", planned, "--reason", "again", "--no-wait").code


def test_who_somebody_is_goes_by_the_account_and_not_by_the_environment(
    cli: Cli, planned: str, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    change_plan(database_url, planned, needs_approval=True)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, BEN)

    said = cli("replay", "approve", planned, "--reason", "fine")

    assert 1 == said.code
    assert "was made by operator:ann: a second person has to approve it" in said.err


def test_two_accounts_without_a_name_are_two_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)
    names = []
    for uid in (1234, 1235):
        monkeypatch.setattr("os.getuid", lambda uid=uid: uid)
        names.append(operator())

    assert ["operator:uid-1234", "operator:uid-1235"] == names


def test_an_expired_plan_is_refused(cli: Cli, planned: str, database_url: str) -> None:
    database = Database(database_url)
    at: datetime = PlanBook(database).get(planned)[0].at
    database.close()
    change_plan(database_url, planned, valid_until=at - timedelta(seconds=1))

    said = cli("replay", "run", planned, "--reason", "again", "--no-wait")

    assert 1 == said.code
    assert "has expired" in said.err


def change_plan(url: str, plan_id: str, **values: object) -> None:
    """Make a plan another one, as if it had been planned so."""
    database = Database(url)
    with database.write() as connection:
        connection.execute(update(PLAN).where(PLAN.c.id == plan_id).values(values))
    plan, items = PlanBook(database).get(plan_id)
    with database.write() as connection:
        connection.execute(update(PLAN).where(PLAN.c.id == plan_id).values(digest=digest_of(plan, items)))
    database.close()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "nope"), 3, "There is no plan 'NOPE' of a replay; `overstap replay list` shows"),
        (("run", "nope", "--reason", "x"), 3, "There is no plan 'NOPE'"),
        (("approve", "nope", "--reason", "x"), 3, "There is no plan 'NOPE'"),
        (("rehearse", "nope"), 3, "There is no plan 'NOPE'"),
        (("run", "nope"), 2, "Missing option '--reason'"),
        (("approve", "nope"), 2, "Missing option '--reason'"),
        (("run", "nope", "--reason", " "), 2, "The reason of a replay is empty"),
        (("plan", "--stuck"), 2, "Missing option '--deadline'"),
        (("plan", "--deadline", "keep"), 2, "Say which runs: their ids, or a filter"),
        (("plan", "--deadline", "later", "--stuck"), 2, "write keep, reset or extend:DURATION"),
        (("plan", "--deadline", "extend:soon", "--stuck"), 2, "'soon' is not a duration"),
        (("plan", "--deadline", "keep", "--stuck"), 3, "No run that has not ended is like that"),
        (("plan", "--deadline", "keep", "--state", "flying"), 2, "No workflow has a state 'flying'"),
        (("plan", "nope", "--deadline", "keep"), 3, "There is no run 'NOPE'"),
        (("plan", "nope", "--deadline", "keep", "--stuck"), 2, "Give the ids of runs or a filter, not both"),
        (("plan", "nope", "--deadline", "keep", "--from", "fly"), 2, "No workflow has a step 'fly'"),
        (("plan", "nope", "--deadline", "keep", "--resolve", "guess"), 2, "--resolve 'guess': write lookup"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_code(cli: Cli, arguments: tuple[str, ...], code: int, says: str) -> None:
    said = cli("replay", *arguments)

    assert (code, "") == (said.code, said.out)
    assert says in said.err
    assert "Traceback" not in said.err
