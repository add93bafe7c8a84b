"""The manual way from order to end, in virtual time, with each step that people do (rules.md §G)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from overstap.domain.change import Route
from overstap.domain.findings import NotEligible
from overstap.entrypoints import words
from overstap.errors import Conflict
from overstap.workflow.run import Status

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

DOMAIN = "acme.example"
INITIAL = "acme.onmicrosoft.example"
PREPARATION = ["submitted", "acknowledgement", "backup", "preparing", "domain_removal", "buying"]
WHOLE_WAY = [*PREPARATION, "migrating", "licenses_reassigned", "domain_return", "adding_domains", "completed"]
BEFORE_BUYING = ("acknowledgement", "backup", "domain_removal")
SILENT_BUREAU = {"credit_answers": "never"}
OPERATIONS = (
    "remove_domains",
    "place_order",
    "move_users",
    "swap_licences",
    "start_billing",
    "close_subscription",
    "add_domains",
)


def order(world: World, to: str = "midsize", *, change: Mapping[str, Any] | None = None, **tenant: Any) -> str:
    """Order a plan of another family for a tenant with a custom domain, the manual way."""
    facts = {"domains": (DOMAIN,), **tenant}
    return world.submit(world.tenant(**facts), to, route=Route.MANUAL, **(change or {}))


def bring(world: World, run: str, state: str) -> None:
    """Have people do what they are asked for until the run is in a state."""
    world.work()
    while world.state(run) != state:
        world.answer(run)
        world.work()


def domains(world: World) -> dict[str, bool]:
    """The tenant's domains, and which is the default."""
    return {domain.name: domain.default for domain in world.app.provider.tenant("acme").domains}


def told(world: World, run: str) -> list[dict[str, Any]]:
    """What people were told, in order."""
    return [effect.request for effect in world.app.runs.effects(run) if effect.operation == "notify"]


THERE = {DOMAIN: True, INITIAL: False}
OFF = {INITIAL: True}


@pytest.mark.rule("R46", "R47", "R48", "R49", "R50", "R14", "J4")
def test_the_whole_way_with_each_human_step(world: World) -> None:
    run = order(world)

    for state in BEFORE_BUYING:
        world.run_for("1d")
        assert state == world.state(run)
        assert THERE == domains(world)
        assert set() == world.locks(run)
        world.answer(run)
    world.run_for("1d")
    assert "domain_return" == world.state(run)
    assert OFF == domains(world)
    assert set() == world.locks(run)
    world.answer(run)
    world.work()

    assert WHOLE_WAY == world.path(run)
    assert THERE == domains(world)
    assert {"midsize": 3} == world.plans("acme")
    assert [("e1", "0s", "3d"), ("midsize", "3d", None)] == world.billing("acme")
    assert "4d" == world.entered(run, "completed")


@pytest.mark.rule("R49")
def test_a_domain_that_comes_while_people_free_the_others_is_asked_for_too(world: World) -> None:
    run = order(world)
    bring(world, run, "domain_removal")
    world.tenant(domains=(DOMAIN, "second.example"))
    world.answer(run)
    world.work()
    assert "domain_removal" == world.state(run)
    assert [DOMAIN, INITIAL, "second.example"] == sorted(domains(world))
    assert "second.example" in " ".join(told(world, run)[-1]["text"].split())

    bring(world, run, "domain_return")
    assert OFF == domains(world)
    bring(world, run, "completed")

    assert {**THERE, "second.example": False} == domains(world)


@pytest.mark.rule("R46", "R49", "J4")
def test_it_buys_then_reassigns_then_cancels_the_old_one_by_the_books(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = world.app.provider.execute

    def a_minute_later(operation: str, key: str, request: Mapping[str, Any], _: Any, limit: timedelta) -> Any:
        world.pass_time("1m")
        return execute(operation, key, request, world.clock.now(), limit)

    monkeypatch.setattr(world.app.provider, "execute", a_minute_later)
    run = order(world)

    bring(world, run, "completed")

    assert list(OPERATIONS) == [done for done in world.operations("acme") if done != "notify"]


@pytest.mark.rule("R46", "R47")
def test_inside_one_family_and_without_a_custom_domain_nobody_has_anything_to_do(world: World) -> None:
    run = order(world, "e1", plan="e3", domains=())
    with pytest.raises(NotEligible, match="does not offer"):
        world.submit(world.tenant("other", plan="e3"), "e1")

    world.work()

    assert ["submitted", "preparing", "buying", "migrating", "licenses_reassigned", "completed"] == world.path(run)
    assert [] == told(world, run)
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.rule("R48")
@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"acting_upn": "user0@acme.example", "acknowledged": True}, ["submitted", "backup"]),
        ({"acting_upn": "user0@acme.example", "acknowledged": False}, ["submitted", "acknowledgement"]),
        ({"acknowledged": True}, ["submitted", "acknowledgement"]),
    ],
)
def test_an_admin_of_the_tenant_may_acknowledge_with_the_order_and_nobody_else(
    world: World, change: dict[str, Any], path: list[str]
) -> None:
    run = order(world, change=change)

    world.work()

    assert path == world.path(run)


@pytest.mark.rule("R50")
@pytest.mark.parametrize(("declined", "event"), [(False, "backup_made"), (True, "backup_declined")])
def test_the_answer_about_the_backup_is_recorded_with_who_gave_it(world: World, declined: bool, event: str) -> None:
    run = order(world)
    bring(world, run, "backup")

    world.answer(run, declined=declined)
    world.work()

    (answer,) = (entry for entry in world.journal(run) if entry.from_state == "backup" and entry.to_state)
    assert (event, "admin:user0@acme.example") == (answer.event, answer.actor)
    assert "the test says so" == answer.data["reason"]
    assert "domain_removal" == world.state(run)


@pytest.mark.rule("R2", "R47", "R51")
def test_what_is_too_large_for_the_wizard_goes_manually_when_support_orders_it(world: World) -> None:
    tenant = world.tenant(users=301)
    with pytest.raises(NotEligible, match="301"):
        world.submit(tenant, "e3")

    run = world.submit(tenant, "e3", route=Route.MANUAL)
    world.run_for("1d")  # so many licences cost enough for a credit check

    assert "completed" == world.state(run)
    assert {"e3": 301} == world.plans("acme")


# --- told, reminded, too late ---


@pytest.mark.rule("R49", "R3")
def test_those_whose_turn_it_is_are_told_in_their_language(world: World) -> None:
    run = order(world, locale="nl")

    bring(world, run, "domain_removal")

    message = told(world, run)[-1]
    assert ["user0@acme.example"] == message["to"]
    assert "Bereid het verwijderen van het aangepaste domein acme.example voor" == message["subject"]
    assert message["text"].startswith("1. Kies een rustig moment: uw services zijn inactief")


@pytest.mark.parametrize(("settings", "days"), [({}, 7), ({"tasks": {"remind_after": "2d"}}, 2)])
def test_they_are_reminded_once_when_it_is_time(make_world: MakeWorld, settings: dict[str, Any], days: int) -> None:
    world = make_world(**settings)
    run = order(world)

    world.run_for(f"{days - 1}d23h59m")
    assert 1 == len(told(world, run))
    world.run_for("1m")
    assert 2 == len(told(world, run))
    world.run_for(f"{13 - days}d23h59m")

    first, second = told(world, run)
    assert "acknowledgement" == world.state(run)
    assert f"Reminder: this has still to be done.\n{first['text']}" == second["text"]
    assert first["to"] == second["to"]


def test_who_answers_before_it_is_not_reminded(world: World) -> None:
    run = order(world)
    world.run_for("6d")
    world.answer(run)

    world.run_for("6d")

    assert "backup" == world.state(run)
    assert 2 == len(told(world, run))


@pytest.mark.rule("R46", "R49")
@pytest.mark.parametrize("state", BEFORE_BUYING)
def test_a_deadline_that_passes_before_the_order_ends_the_change_and_touches_nothing(world: World, state: str) -> None:
    run = order(world)
    bring(world, run, state)

    world.run_for("13d23h59m")
    assert state == world.state(run)
    world.run_for("1m")

    assert "failed" == world.state(run)
    assert "14d" == world.entered(run, "failed")
    assert {"notify"} == set(world.operations("acme"))
    assert THERE == domains(world)
    assert [("e1", "0s", None)] == world.billing("acme")


@pytest.mark.rule("R46", "R49", "J4")
def test_a_domain_that_does_not_come_back_in_time_is_told_waited_for_once_more_and_then_left(world: World) -> None:
    run = order(world)
    bring(world, run, "domain_return")

    world.run_for("13d23h59m")
    assert "domain_return" == world.state(run)
    world.run_for("1m")
    assert "domain_overdue" == world.state(run)
    for_operators = [message["text"] for message in told(world, run) if "to" not in message]
    assert 1 == len(for_operators)
    assert f"{DOMAIN} has not been added again" in for_operators[0]
    world.run_for("13d23h59m")
    assert "domain_overdue" == world.state(run)
    world.run_for("1m")

    assert [*WHOLE_WAY[:-2], "domain_overdue", "completed"] == world.path(run)
    assert "domains_given_up" == world.run(run).cause
    assert "completed after 28d, without acme.example" == words.ended(world.run(run))
    assert {"midsize": 3} == world.plans("acme")
    assert OFF == domains(world)


@pytest.mark.rule("R49")
def test_a_domain_may_still_come_back_after_its_first_deadline(world: World) -> None:
    run = order(world)
    bring(world, run, "domain_return")
    world.run_for("20d")

    world.answer(run)
    world.work()

    assert ["domain_overdue", "adding_domains", "completed"] == world.path(run)[-3:]
    assert THERE == domains(world)
    assert "completed after 20d" == words.ended(world.run(run))


# --- the way back ---


@pytest.mark.rule("R46", "R49")
@pytest.mark.parametrize("state", BEFORE_BUYING)
def test_a_cancel_before_the_order_touches_nothing(world: World, state: str) -> None:
    run = order(world)
    bring(world, run, state)

    world.signal(run, "cancel")
    world.work()

    assert "cancelled" == world.state(run)
    assert {"notify"} == set(world.operations("acme"))
    assert THERE == domains(world)


@pytest.mark.rule("R46")
def test_a_cancel_before_any_worker_looked_asks_nobody_for_anything(world: World) -> None:
    run = order(world)

    world.signal(run, "cancel")
    world.work()

    assert ["submitted", "cancelled"] == world.path(run)
    assert [] == world.operations("acme")


@pytest.mark.rule("R49")
def test_a_provider_that_takes_no_orders_for_a_day_brings_the_domains_back(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "fails", "lasting": "2d"})
    run = order(world)
    bring(world, run, "buying")

    world.run_for("23h59m")
    assert "buying" == world.state(run)
    assert OFF == domains(world)
    world.run_for("1m")

    assert [*PREPARATION, "rolling_back", "failed"] == world.path(run)
    assert "order_overdue" in [entry.event for entry in world.journal(run)]
    assert THERE == domains(world)


@pytest.mark.rule("R32")
def test_a_migration_that_takes_too_long_is_escalated_and_gets_there(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "move_users", "kind": "fails", "lasting": "70m"})
    run = order(world)
    bring(world, run, "migrating")

    world.run_for("2h")
    bring(world, run, "completed")

    assert [*PREPARATION, "migrating", "escalated", *WHOLE_WAY[7:]] == world.path(run)


@pytest.mark.rule("R46", "J4")
def test_once_the_old_subscription_is_closed_nothing_can_be_cancelled(world: World) -> None:
    run = order(world)
    bring(world, run, "domain_return")

    with pytest.raises(Conflict, match="is in domain_return"):
        world.signal(run, "cancel")


@pytest.mark.rule("R33", "R35", "R37", "R38")
def test_a_credit_check_is_part_of_it(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = order(world, payment="invoice")
    bring(world, run, "credit_check")
    assert {"commerce"} == world.locks(run)
    assert OFF == domains(world)

    world.run_for("13d")
    world.signal(run, "credit_approved")
    bring(world, run, "completed")

    assert [*PREPARATION, "credit_check", *WHOLE_WAY[6:]] == world.path(run)
    assert [("e1", "0s", "0s"), ("midsize", "13d", None)] == world.billing("acme")


@pytest.mark.rule("R34", "R39", "R49")
@pytest.mark.parametrize(
    ("event", "state"), [("credit_declined", "failed"), ("cancel", "cancelled"), (None, "failed")], ids=str
)
def test_an_order_without_credit_brings_billing_and_domains_back(
    make_world: MakeWorld, event: str | None, state: str
) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = order(world, payment="invoice")
    bring(world, run, "credit_check")

    if event is not None:
        world.signal(run, event)
    world.run_for("14d")

    assert [*PREPARATION, "credit_check", "rolling_back", state] == world.path(run)
    assert THERE == domains(world)
    assert {"e1": 3} == world.plans("acme")
    assert "e1" == world.billing("acme")[-1][0]


@pytest.mark.rule("R46", "R49")
@pytest.mark.parametrize("operation", ["place_order", "move_users", "swap_licences"])
def test_what_is_refused_on_the_way_brings_everything_back(make_world: MakeWorld, operation: str) -> None:
    world = make_world(faults={"operation": operation, "kind": "refuses", "times": 1})
    run = order(world)

    bring(world, run, "failed")

    assert "rolling_back" in world.path(run)
    assert THERE == domains(world)
    assert {"e1": 3} == world.plans("acme")
    assert ("e1", None) == world.billing("acme")[-1][::2]


@pytest.mark.rule("R7", "R46")
def test_the_rules_are_asked_again_before_a_domain_goes_and_before_anything_is_bought(world: World) -> None:
    run = order(world)
    bring(world, run, "domain_removal")
    world.tenant(domains=(DOMAIN,), healthy=False)

    world.answer(run)
    world.work()

    assert [*PREPARATION, "failed"] == world.path(run)
    assert ["service_unhealthy"] == [
        finding["code"] for finding in world.run(run).data["findings"] if finding["severity"] == "blocker"
    ]
    assert {"notify"} == set(world.operations("acme"))
    assert THERE == domains(world)


@pytest.mark.rule("R49")
def test_a_provider_that_refuses_to_add_a_domain_leaves_the_task_open(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "add_domains", "kind": "refuses", "times": 1})
    run = order(world)
    bring(world, run, "domain_return")

    world.answer(run)
    world.work()
    assert "domain_overdue" == world.state(run)
    world.answer(run)
    world.work()

    assert "completed" == world.state(run)
    assert THERE == domains(world)


# --- meanwhile ---


def test_an_import_is_welcome_while_people_have_their_turn(world: World) -> None:
    run = order(world)
    bring(world, run, "backup")
    world.tenant(domains=("new.example",))

    bring(world, run, "domain_return")
    assert ["new.example"] == world.run(run).data["domains_off"]
    world.tenant(domains=("new.example",))  # an export in which it is back already
    bring(world, run, "completed")

    assert {"new.example": True, INITIAL: False} == domains(world)


@pytest.mark.rule("J7")
@pytest.mark.parametrize("kind", ["lost", "late", "fails"])
def test_what_is_repeated_after_a_lost_answer_is_not_done_twice(make_world: MakeWorld, kind: str) -> None:
    late = {"time": "30s"} if kind == "late" else {}
    faults = tuple({"operation": one, "kind": kind, "times": 1, **late} for one in ("notify", *OPERATIONS))
    world = make_world(embedded={"faults": faults})
    run = order(world)

    while world.state(run) != "completed":
        world.run_for("10m")
        if world.app.tasks.of(world.run(run)) is not None:
            world.answer(run)

    assert sorted([*OPERATIONS, *["notify"] * 4]) == sorted(world.operations("acme"))
    assert WHOLE_WAY == world.path(run)
    assert THERE == domains(world)


@pytest.mark.rule("J7")
def test_a_worker_that_dies_with_each_step_done_and_not_committed_leaves_nothing_done_twice(world: World) -> None:
    run = order(world)

    while world.state(run) != "completed":
        ann, bob = world.worker("ann"), world.worker("bob")
        ann.claim()
        ann.perform()
        world.pass_time("2m")  # her claim runs out
        bob.round()
        world.pass_time("2m")
        if world.run(run).status is Status.WAITING:
            world.answer(run)

    assert sorted([*OPERATIONS, *["notify"] * 4]) == sorted(world.operations("acme"))
    assert WHOLE_WAY == world.path(run)
    assert THERE == domains(world)


@pytest.mark.rule("R49", "J7")
@pytest.mark.parametrize("kind", ["lost", "late"])
def test_a_removal_without_an_answer_is_undone_whether_it_was_done_or_not(make_world: MakeWorld, kind: str) -> None:
    late = {"time": "2h"} if kind == "late" else {}
    world = make_world(faults={"operation": "remove_domains", "kind": kind, "times": 1, **late})
    run = order(world)
    bring(world, run, "buying")

    world.signal(run, "cancel")
    world.run_for("3h")

    assert [*PREPARATION, "rolling_back", "cancelled"] == world.path(run)
    assert THERE == domains(world)
