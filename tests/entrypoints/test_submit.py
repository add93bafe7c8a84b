"""`overstap submit`: a refusal has its exit code, says why, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Rows = Callable[[], dict[str, int]]

BAKERY = "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d"
PLAN = "f67cc92b-6278-5489-881d-f3ad7cd223ef"
NOBODY = "00000000-0000-4000-8000-000000000000"


def ruled(number: str, *row: Any) -> Any:
    return pytest.param(*row, marks=pytest.mark.rule(number))


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        ([NOBODY, PLAN, "e3"], 3, "There is no tenant"),
        ([BAKERY, NOBODY, "e3"], 3, "has no subscription"),
        ([BAKERY, PLAN, "e9"], 3, "No plan is called 'e9'"),
        ruled("R5", [BAKERY, PLAN, "k1"], 1, "does not offer the change"),
        ruled("R29", [BAKERY, PLAN, "e3", "--seats", "9"], 1, "cannot have fewer licences (9)"),
        ruled("R10", [BAKERY, PLAN, "e3", "--payment", "prepaid"], 1, "prepaid card"),
        ruled("R10", [BAKERY, PLAN, "e3", "--payment", "product_key"], 1, "product key"),
        ruled("R3", [BAKERY, PLAN, "e3", "--as", "stranger@example.org"], 1, "stranger@example.org"),
        ([BAKERY, PLAN, "e3", "--key", " "], 2, "idempotency key"),
        ([BAKERY, PLAN, "e3", "--as", "anna@example.org", "--priority", "high"], 2, "that is for operators"),
    ],
)
def test_what_cannot_be_ordered_is_refused_and_nothing_is_written(
    cli: Cli, rows: Rows, arguments: list[str], code: int, reason: str
) -> None:
    before = rows()

    said = cli("submit", *arguments, "--locale", "en")

    assert code == said.code
    assert said.err.startswith("error: ")
    assert reason in said.err
    assert said.out == ""
    assert before == rows()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([BAKERY, PLAN, "e3", "--seats", "0"], "greater than or equal to 1"),
        ([BAKERY, PLAN, "e3", "--seats", "-3"], "greater than or equal to 1"),
        ([BAKERY, PLAN, "e3", "--seats", "abc"], "valid integer"),
        ([BAKERY, PLAN, "e3", "--payment", "gold"], "'card', 'invoice'"),
        ([BAKERY, PLAN, "e3", "--billing", "weekly"], "'monthly', 'annual'"),
        ([BAKERY, PLAN, "e3", "--priority", "urgent"], "'high', 'normal', 'low'"),
        ([BAKERY, PLAN], "PLAN"),
        ([BAKERY, PLAN, "e3", "--hurry"], "--hurry"),
    ],
)
def test_what_is_no_order_is_a_usage_error_before_any_database_is_opened(
    bare: Cli, tmp_path: Path, arguments: list[str], reason: str
) -> None:
    said = bare("--database", f"sqlite:///{tmp_path}/none.db", "submit", *arguments)

    assert 2 == said.code
    assert said.err.startswith("error: ")
    assert reason in said.err
    assert said.out == ""


@pytest.mark.rule("J7")
def test_the_same_key_gives_the_same_run_and_nothing_new(cli: Cli, rows: Rows, order: tuple[str, ...]) -> None:
    first = cli(*order, "--key", "monday")
    before = rows()

    second = cli(*order, "--key", "monday")

    assert (0, 0) == (first.code, second.code)
    assert first.out.split()[0] == second.out.split()[0]
    assert "nothing new was ordered" in second.out
    assert before == rows()


@pytest.mark.rule("J7")
def test_the_same_key_for_another_change_is_a_conflict(cli: Cli, rows: Rows, order: tuple[str, ...]) -> None:
    cli(*order, "--key", "monday")
    before = rows()

    said = cli(*order[:-1], "e3", "--key", "monday")

    assert said.code == 4
    assert "used for another change" in said.err
    assert before == rows()


@pytest.mark.rule("J3")
def test_a_second_active_change_of_a_tenant_is_a_conflict_that_names_the_first(
    cli: Cli, rows: Rows, order: tuple[str, ...]
) -> None:
    run_id = cli(*order, "--json").json["id"]
    before = rows()

    said = cli(*order, "--key", "another")

    assert said.code == 4
    assert run_id in said.err
    assert before == rows()


def test_a_refusal_is_json_too_and_carries_its_findings(cli: Cli) -> None:
    said = cli("submit", BAKERY, PLAN, "k1", "--seats", "1", "--json")

    error = said.json["error"]
    assert said.code == 1
    assert error["code"] == "not_eligible"
    assert {"pair_not_listed", "fewer_seats"} <= {finding["code"] for finding in error["findings"]}
    blockers = [finding for finding in error["findings"] if finding["severity"] == "blocker"]
    assert "\n".join(f"{one['sentence']} {one['advice']}" for one in blockers) == error["message"]


@pytest.mark.parametrize(
    ("arguments", "code", "name"),
    [
        (["submit", NOBODY, PLAN, "e3"], 3, "not_found"),
        (["submit", BAKERY, PLAN, "e3", "--seats", "0"], 2, "usage"),
        (["runs", "list", "--state", "sleeping"], 2, "bad_input"),
    ],
)
def test_every_error_is_json_too(cli: Cli, arguments: list[str], code: int, name: str) -> None:
    said = cli(*arguments, "--json")

    assert code == said.code
    assert name == said.json["error"]["code"]
    assert said.json["error"]["message"] in said.err


def test_a_new_run_is_told_by_its_id_first_and_how_to_follow_it(cli: Cli, order: tuple[str, ...]) -> None:
    said = cli(*order)

    run_id = said.out.split()[0]
    assert said.code == 0
    assert run_id == cli("runs", "show", run_id, "--json").json["id"]
    assert f"overstap runs watch {run_id}" in said.out


def test_a_tenant_may_be_given_by_its_name(cli: Cli) -> None:
    said = cli("submit", "bakkerij de vries", PLAN, "small-business-premium", "--json")

    assert said.json["tenant_id"] == BAKERY


def test_an_admin_who_orders_stands_in_the_journal(cli: Cli, order: tuple[str, ...]) -> None:
    upn = cli("tenants", "show", BAKERY, "--json").json["admins"][0]["upn"]

    run = cli(*order, "--as", upn, "--seats", "12", "--payment", "invoice", "--billing", "annual", "--json").json

    assert run["journal"][0]["actor"] == f"admin:{upn}"
    ordered = {name: run["input"][name] for name in ("seats", "payment_method", "billing_frequency", "acting_upn")}
    assert ordered == {"seats": 12, "payment_method": "invoice", "billing_frequency": "annual", "acting_upn": upn}


def test_a_signal_that_comes_early_waits_in_the_inbox(cli: Cli, order: tuple[str, ...]) -> None:
    run_id = cli(*order, "--json").json["id"]

    said = cli("signal", run_id.lower(), "credit_approved", "--reason", "known for years")

    pending = cli("runs", "show", run_id, "--json").json["pending_signals"]
    assert said.code == 0
    assert [("credit_approved", "known for years")] == [(one["event"], one["reason"]) for one in pending]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["{run}", "dance", "--reason", "why not"], 2),
        (["{run}", "cancel"], 2),
        (["{run}", "cancel", "--reason", " "], 2),
        (["01ARZ3NDEKTSV4RRFFQ69G5FAV", "cancel", "--reason", "gone"], 3),
    ],
)
def test_a_signal_that_cannot_be_sent_is_refused_and_nothing_is_written(
    cli: Cli, rows: Rows, order: tuple[str, ...], arguments: list[str], code: int
) -> None:
    run_id = cli(*order, "--json").json["id"]
    before = rows()

    said = cli("signal", *(argument.format(run=run_id) for argument in arguments))

    assert code == said.code
    assert before == rows()


def test_an_operator_gives_an_order_its_priority_once_and_sees_it(cli: Cli, order: tuple[str, ...]) -> None:
    first = cli(*order, "--key", "once", "--priority", "high", "--json").json
    again = cli(*order, "--key", "once", "--json").json

    assert ("high", "high", first["id"]) == (first["priority"], again["priority"], again["id"])
    assert "high" in next(line for line in cli("runs", "show", first["id"]).out.splitlines() if "priority" in line)


def test_an_order_has_the_normal_priority_unless_told_otherwise(cli: Cli, order: tuple[str, ...]) -> None:
    assert "normal" == cli(*order, "--json").json["priority"]
