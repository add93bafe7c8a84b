"""The credit check: two weeks at most, decided by the bureau, by a signal, or by nobody (rules.md §E)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

SILENT_BUREAU = {"credit_answers": "never"}


@pytest.mark.rule("R33")
def test_an_invoice_needs_a_credit_check(world: World) -> None:
    run = world.order(payment="invoice")

    world.work()

    assert "credit_check" == world.state(run)


@pytest.mark.rule("R33")
@pytest.mark.parametrize(("threshold", "state"), [("53.71", "completed"), ("53.70", "credit_check")])
def test_from_the_threshold_on_a_card_needs_one_too(make_world: MakeWorld, threshold: str, state: str) -> None:
    world = make_world(rules={"credit_threshold": threshold})
    tenant = world.tenant(users=3)
    seats_cost = world.app.catalog.plan("e3").monthly_cents * 3
    assert 3 * 1790 == seats_cost, "the catalog's price has changed: change the thresholds of this test"

    run = world.submit(tenant)
    world.work()

    assert state == world.state(run)


@pytest.mark.rule("R38")
def test_the_bureau_approves_by_itself(make_world: MakeWorld) -> None:
    world = make_world(embedded={"credit_delay": "3d"})
    run = world.order(payment="invoice", credit_limit=1_000_000)

    world.run_for("2d23h59m")
    assert "credit_check" == world.state(run)
    world.run_for("1m")

    assert "completed" == world.state(run)
    assert "3d" == world.entered(run, "migrating")


@pytest.mark.rule("R39")
def test_the_bureau_declines_what_is_over_the_limit(make_world: MakeWorld) -> None:
    world = make_world(embedded={"credit_delay": "3d"})
    run = world.order(payment="invoice", credit_limit=1)

    world.run_for("3d")

    assert ["submitted", "credit_check", "rolling_back", "failed"] == world.path(run)
    assert "3d" == world.entered(run, "failed")
    assert [("e1", "0s", "0s"), ("e1", "3d", None)] == world.billing("acme")


@pytest.mark.rule("R34", "R38")
def test_credit_that_is_approved_after_13_days_and_23_hours_goes_on(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.run_for("13d23h")

    world.signal(run, "credit_approved")
    world.work()

    assert ["submitted", "credit_check", "migrating", "licenses_reassigned", "completed"] == world.path(run)
    assert [("e1", "0s", "0s"), ("e3", "13d23h", None)] == world.billing("acme")
    assert {"e3": 3} == world.plans("acme")


@pytest.mark.rule("R34")
def test_no_answer_expires_at_14_days_and_no_minute_earlier(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")

    world.run_for("13d23h59m")
    assert "credit_check" == world.state(run)
    world.run_for("59s")
    assert "credit_check" == world.state(run)
    world.run_for("1s")

    assert ["submitted", "credit_check", "rolling_back", "failed"] == world.path(run)
    assert "14d" == world.entered(run, "rolling_back")


@pytest.mark.rule("R39", "J1")
def test_an_expired_window_restores_the_old_billing_and_never_bills_the_new(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")

    world.run_for("15d")

    assert "failed" == world.state(run)
    assert [("e1", "0s", "0s"), ("e1", "14d", None)] == world.billing("acme")
    assert {"e1": 3} == world.plans("acme")
    assert set() == world.locks(run)


@pytest.mark.rule("R19", "R39")
def test_an_expired_window_leaves_the_old_billing_alone_where_it_stayed_on(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU, rules={"keep_old_billing": True})
    world.order(payment="invoice")

    world.run_for("15d")

    assert [("e1", "0s", None)] == world.billing("acme")


@pytest.mark.rule("R39")
def test_declining_by_a_signal_restores_the_old_billing(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.run_for("1d")

    world.signal(run, "credit_declined")
    world.work()

    assert "failed" == world.state(run)
    assert [("e1", "0s", "0s"), ("e1", "1d", None)] == world.billing("acme")


@pytest.mark.rule("R34")
@pytest.mark.parametrize(("looked_away", "state"), [("13d23h59m", "completed"), ("14d", "failed"), ("20d", "failed")])
def test_a_deadline_that_passed_while_no_worker_looked_counts(
    make_world: MakeWorld, looked_away: str, state: str
) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.work()

    world.pass_time(looked_away)
    world.work()
    if state == "completed":
        world.signal(run, "credit_approved")
    world.work()

    assert state == world.state(run)


@pytest.mark.rule("R34")
def test_an_answer_of_the_bureau_within_the_window_counts_however_late_a_worker_looks(make_world: MakeWorld) -> None:
    world = make_world(embedded={"credit_delay": timedelta(days=13)})
    run = world.order(payment="invoice")
    world.work()
    assert "credit_check" == world.state(run)

    world.pass_time("15d")
    world.work()

    assert "completed" == world.state(run)


@pytest.mark.rule("R34")
def test_an_answer_of_the_bureau_after_the_window_is_too_late(make_world: MakeWorld) -> None:
    world = make_world(embedded={"credit_delay": timedelta(days=14, hours=1)})
    run = world.order(payment="invoice")
    world.work()

    world.pass_time("15d")
    world.work()

    assert "failed" == world.state(run)


@pytest.mark.rule("R34")
def test_a_signal_that_came_before_the_deadline_beats_it_however_late_a_worker_looks(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.work()
    world.pass_time("13d")
    world.signal(run, "credit_approved")

    world.pass_time("30d")
    world.work()

    assert "completed" == world.state(run)


@pytest.mark.rule("R34")
def test_a_signal_that_came_after_the_deadline_is_too_late_though_no_worker_looked(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.work()
    world.pass_time("14d1s")
    world.signal(run, "credit_approved")

    world.work()

    assert ["submitted", "credit_check", "rolling_back", "failed"] == world.path(run)
    assert ["credit_approved"] == [entry.event for entry in world.journal(run) if entry.kind == "signal_discarded"]


@pytest.mark.rule("R34")
def test_the_window_begins_with_the_check_and_not_with_the_order(make_world: MakeWorld) -> None:
    world = make_world(embedded=SILENT_BUREAU)
    run = world.order(payment="invoice")
    world.pass_time("10h")

    world.run_for("14d")

    (entered,) = (entry.at for entry in world.journal(run) if entry.to_state == "credit_check")
    (left,) = (entry.at for entry in world.journal(run) if entry.from_state == "credit_check" and entry.to_state)
    assert timedelta(days=14) == left - entered


@pytest.mark.rule("R35", "J3")
def test_a_pending_credit_check_counts_as_an_active_change(world: World) -> None:
    from overstap.store.runs import ActiveChange

    tenant = world.tenant(payment="invoice")
    world.submit(tenant)
    world.work()

    (source,) = (held.id for held in world.app.provider.tenant(tenant).subscriptions if held.plan == "e1")
    with pytest.raises(ActiveChange):
        world.submit_from(tenant, source, "e4")
