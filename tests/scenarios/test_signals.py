"""What comes from outside: in time, early, late, or never to be of use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from overstap.errors import BadInput, Conflict, NotFound

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

SILENT_BUREAU = {"credit_answers": "never"}


@pytest.mark.rule("R39")
def test_cancelling_during_the_credit_check_restores_the_old_billing(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.run_for("2d")

    world.signal(run, "cancel")
    world.work()

    assert ["submitted", "credit_check", "rolling_back", "cancelled"] == world.path(run)
    assert [("e1", "0s", "0s"), ("e1", "2d", None)] == world.billing("acme")
    assert {"e1": 3} == world.plans("acme")
    assert set() == world.locks(run)


@pytest.mark.rule("R39")
def test_cancelling_before_any_worker_looked_orders_nothing(world: World) -> None:
    run = world.order()

    world.signal(run, "cancel")
    world.work()

    assert ["submitted", "rolling_back", "cancelled"] == world.path(run)
    assert ["withdraw_order"] == world.operations("acme")
    assert [("e1", "0s", None)] == world.billing("acme")


def test_cancelling_a_migration_is_a_conflict_and_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "10m"})
    run = world.order()
    world.work()
    before = world.run(run)

    with pytest.raises(Conflict, match="is in migrating") as caught:
        world.signal(run, "cancel")

    assert 4 == caught.value.exit_code
    assert before == world.run(run)
    assert [] == world.app.runs.pending_signals(run)
    world.run_for("1h")
    assert "completed" == world.state(run)


def test_a_signal_that_comes_early_waits_and_is_applied_when_its_state_is_entered(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")

    world.signal(run, "credit_approved")
    assert "submitted" == world.state(run)
    world.work()

    assert ["submitted", "credit_check", "migrating", "licenses_reassigned", "completed"] == world.path(run)
    assert [] == world.app.runs.pending_signals(run)


def test_an_early_signal_that_is_of_no_use_after_all_is_dropped_and_journalled(world: World) -> None:
    run = world.order(payment="card")

    world.signal(run, "credit_approved")
    world.work()

    assert "completed" == world.state(run)
    assert ["credit_approved"] == [entry.event for entry in world.journal(run) if entry.kind == "signal_discarded"]


def test_of_two_signals_the_first_decides(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.work()

    world.signal(run, "credit_approved")
    world.pass_time("1s")
    world.signal(run, "credit_declined")
    world.work()

    assert "completed" == world.state(run)
    assert ["credit_declined"] == [entry.event for entry in world.journal(run) if entry.kind == "signal_discarded"]


def test_a_signal_that_arrives_while_a_step_works_is_seen_at_the_commit(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    worker = world.worker("ann")
    while world.state(run) != "credit_check":
        worker.round()
    worker.perform()

    world.signal(run, "credit_approved")
    worker.commit()
    worker.round()

    assert "migrating" == world.state(run)


@pytest.mark.rule("R39")
def test_a_cancel_that_arrives_while_the_order_is_placed_takes_it_back(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    worker = world.worker("ann")
    worker.round()
    worker.perform()
    assert "place_order" in world.operations("acme")

    world.signal(run, "cancel")
    worker.commit()
    while worker.claims:
        worker.round()

    assert "cancelled" == world.state(run)
    assert {"e1": 3} == world.plans("acme")


@pytest.mark.rule("J4")
@pytest.mark.parametrize("event", ["cancel", "credit_approved", "credit_declined"])
@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_signal_for_an_ended_run_is_a_conflict(make_world: MakeWorld, end: str, event: str) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.work()
    world.signal(run, {"completed": "credit_approved", "failed": "credit_declined", "cancelled": "cancel"}[end])
    world.work()
    assert end == world.state(run)

    with pytest.raises(Conflict, match=f"is in {end}"):
        world.signal(run, event)


def test_a_signal_that_no_state_awaits_is_refused(world: World) -> None:
    run = world.order()

    with pytest.raises(BadInput, match="credit_approved"):
        world.signal(run, "migrated")


def test_a_signal_for_an_unknown_run_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        world.signal("nothing", "cancel")


def test_a_cancel_that_was_accepted_before_the_order_went_out_orders_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    run = world.order()
    worker = world.worker("ann")
    worker.round()  # the run is held, and its order is what comes next

    world.signal(run, "cancel")
    while worker.claims:
        worker.round()

    assert "cancelled" == world.state(run)
    assert "place_order" not in world.operations("acme")


@pytest.mark.rule("R34")
def test_an_approval_in_time_wins_although_the_bureau_was_asked_across_the_deadline(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    worker = world.worker("ann")
    while world.state(run) != "credit_check":
        worker.round()
    worker.perform()

    world.pass_time("13d23h59m59s")
    world.signal(run, "credit_approved")
    world.pass_time("1m")
    worker.commit()
    while worker.claims:
        worker.round()

    assert "completed" == world.state(run)
