"""`overstap licences`, `subscriptions` and `portal`: what a tenant's admins do, and what a run refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.testing import Driver

Cli = Callable[..., Any]
Rows = Callable[[], dict[str, int]]

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
PLAN = "f67cc92b-6278-5489-881d-f3ad7cd223ef"
NOBODY = "00000000-0000-4000-8000-000000000000"
ADMIN = "jan.devries@bakkerijdevries.onmicrosoft.com"
ILSE = "ilse.dekker@bakkerijdevries.onmicrosoft.com"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def migrating(cli: Cli, database_url: str) -> Iterator[str]:
    """The id of a run that moves the bakery's users, for an hour of a clock that stands still."""
    clock, settings = VirtualClock(NOON), Settings(database_url=database_url, embedded={"move_time": "30m"})
    with App(settings, Database(database_url), clock=clock) as app:
        run = app.service.submit(PlanChange(BAKERY, PLAN, "small-business-premium"))[0].run.id
        Driver(app.engine, clock).run_until_idle()
        yield run


def test_licences_are_listed_with_their_seats_and_who_holds_them(cli: Cli) -> None:
    (held,) = cli("licences", "list", BAKERY, "--json").json
    said = cli("licences", "list", "bakkerij de vries")

    numbers = {name: held[name] for name in ("subscription_id", "plan", "seats", "assigned", "free")}
    expected = {"subscription_id": PLAN, "plan": "small-business", "seats": 10, "assigned": 8, "free": 2}
    assert expected == numbers
    assert 8 == len(held["users"])
    assert {"id", "upn", "name"} == set(held["users"][0])
    assert (0, True) == (said.code, all(user["upn"] in said.out for user in held["users"]))


def test_a_licence_is_taken_and_given_again(cli: Cli) -> None:
    taken = cli("licences", "unassign", BAKERY, PLAN, ILSE, "--reason", "on leave", "--as", ADMIN)
    again = cli("licences", "unassign", BAKERY, PLAN.upper(), ILSE, "--json")
    given = cli("licences", "assign", BAKERY, PLAN, ILSE, ADMIN, "--json")

    assert (0, f"{PLAN}: 1 user without it now, 0 users had none.\n") == (taken.code, taken.out)
    assert (PLAN, [], 1) == (again.json["subscription_id"], again.json["changed"], len(again.json["unchanged"]))
    assert (again.json["unchanged"], 1) == (given.json["changed"], len(given.json["unchanged"]))
    assert 8 == cli("licences", "list", BAKERY, "--json").json[0]["assigned"]


def test_a_plan_is_bought_and_cancelled(cli: Cli) -> None:
    bought = cli("subscriptions", "buy", BAKERY, "K1", "--seats", "3", "--payment", "invoice", "--json").json
    told = cli("subscriptions", "buy", BAKERY, "k2", "--seats", "1")
    held = cli("tenants", "show", BAKERY, "--json").json["subscriptions"]
    cancelled = cli("subscriptions", "cancel", BAKERY, bought["subscription_id"])

    (mine,) = (one for one in held if one["id"] == bought["subscription_id"])
    assert ("k1", 3, 0, "invoice", "monthly") == (
        mine["plan"], mine["seats"], mine["assigned"], mine["payment_method"], mine["billing_frequency"],
    )  # fmt: skip
    assert f"overstap licences assign {BAKERY} " in told.out
    assert (0, f"Subscription {mine['id']} is cancelled, and billed no longer.\n") == (cancelled.code, cancelled.out)
    assert 2 == len(cli("tenants", "show", BAKERY, "--json").json["subscriptions"])


def test_the_same_key_buys_once(cli: Cli) -> None:
    buy = ("subscriptions", "buy", BAKERY, "k1", "--seats", "3", "--key", "monday", "--json")

    assert cli(*buy).json == cli(*buy).json
    assert 2 == len(cli("tenants", "show", BAKERY, "--json").json["subscriptions"])
    assert 4 == cli(*buy, "--billing", "annual").code


def test_an_admin_signs_in_to_the_portal(cli: Cli) -> None:
    said = cli("portal", "open", BAKERY, "--as", ADMIN)

    assert (0, f"{ADMIN} lands on the page home of Bakkerij De Vries.\n") == (said.code, said.out)
    assert {"page": "subscriptions", "run_id": None} == cli(
        "portal", "open", BAKERY, "--as", ADMIN, "--page", "subscriptions", "--json"
    ).json


@pytest.mark.rule("R15", "R17", "R35", "R38")
@pytest.mark.parametrize(
    ("lock", "arguments"),
    [
        ("licence", ["licences", "assign", BAKERY, PLAN, ILSE]),
        ("licence", ["licences", "unassign", BAKERY, PLAN, ILSE, "--as", ADMIN]),
        ("commerce", ["subscriptions", "buy", BAKERY, "k1", "--seats", "1"]),
        ("commerce", ["subscriptions", "cancel", BAKERY, PLAN]),
        ("portal", ["portal", "open", BAKERY, "--as", ADMIN]),
        ("portal", ["portal", "open", BAKERY, "--as", ADMIN, "--page", "subscriptions"]),
    ],
)
def test_what_a_run_locks_is_refused_with_the_run_and_until_when(
    cli: Cli, rows: Rows, migrating: str, lock: str, arguments: list[str]
) -> None:
    before = rows()

    said = cli(*arguments, "--json")

    error = said.json["error"]
    evidence = {"lock": lock, "run_id": migrating, "until": (NOON + timedelta(hours=1)).isoformat()}
    assert (4, "tenant_locked") == (said.code, error["code"])
    assert evidence == {name: error[name] for name in evidence}
    assert f"overstap runs watch {migrating}" in said.err
    assert "2026-03-02 13:00:00 UTC" in error["message"]
    assert before == rows()


@pytest.mark.rule("R36", "R40")
def test_while_it_is_locked_the_licences_are_listed_with_the_run_and_the_options_are_none(
    cli: Cli, migrating: str
) -> None:
    said = cli("licences", "list", BAKERY)

    assert {"Geen opties"} == {held["label"] for held in cli("options", BAKERY, "--json").json}
    assert f"Run {migrating} is in migrating and locks: commerce, licence, portal." in said.out


def test_a_locked_import_and_a_second_order_tell_programs_which_run_it_is(cli: Cli, migrating: str) -> None:
    imported = cli("tenants", "import", str(data_path("demo") / "bakkerij-de-vries"), "--json")
    ordered = cli("submit", BAKERY, PLAN, "small-business-premium", "--json")

    assert (4, "tenant_locked", "commerce") == (
        imported.code, imported.json["error"]["code"], imported.json["error"]["lock"],
    )  # fmt: skip
    assert (4, "active_change", migrating) == (
        ordered.code, ordered.json["error"]["code"], ordered.json["error"]["run_id"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["licences", "assign", NOBODY, PLAN, ILSE], 3, "There is no tenant"),
        (["licences", "assign", BAKERY, NOBODY, ILSE], 3, f"it has {PLAN}"),
        (["licences", "assign", BAKERY, PLAN, "stranger@example.org", ILSE], 3, "no user stranger@example.org"),
        (["licences", "unassign", BAKERY, PLAN, ILSE, "--as", ILSE], 1, f"{ILSE} is no admin"),
        (["licences", "unassign", BAKERY, PLAN, ILSE, "--reason", " "], 2, "The reason"),
        (["licences", "unassign", BAKERY, PLAN, ILSE, "--key", " "], 2, "idempotency key"),
        (["licences", "unassign", BAKERY, PLAN], 2, "USER"),
        (["licences", "list", NOBODY], 3, "There is no tenant"),
        (["subscriptions", "buy", BAKERY, "e9", "--seats", "1"], 3, "No plan is called 'e9'"),
        (["subscriptions", "buy", BAKERY, "k1", "--seats", "0"], 2, "greater than or equal to 1"),
        (["subscriptions", "buy", BAKERY, "k1"], 2, "--seats"),
        (["subscriptions", "buy", BAKERY, "small-business", "--seats", "26"], 1, "at most 25 seats"),
        (["subscriptions", "cancel", BAKERY, PLAN], 1, "while 8 users hold a licence"),
        (["portal", "open", BAKERY, "--as", ILSE], 1, f"{ILSE} is no admin"),
        (["portal", "open", BAKERY], 2, "--as"),
        (["portal", "open", BAKERY, "--as", ADMIN, "--page", "attic"], 2, "'home', 'subscriptions'"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_written(
    cli: Cli, rows: Rows, arguments: list[str], code: int, reason: str
) -> None:
    before = rows()

    said = cli(*arguments)

    assert (code, "") == (said.code, said.out)
    assert said.err.startswith("error: ")
    assert reason in said.err
    assert before == rows()
