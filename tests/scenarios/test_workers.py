"""Several workers over one database: they share the work, take over from the dead, and drop what comes too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from overstap.testing import Driver

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, Worker, World

LEASE = "60s"


def lead_to(world: World, worker: Worker, run: str, state: str, step: str) -> None:
    """Let a worker claim the run and go on until it is about to do a step of a state."""
    names = world.app.library.latest("plan_change").states[state].steps
    while (world.state(run), world.run(run).step) != (state, names.index(step)):
        worker.round()
    if not worker.claims:
        worker.claim()


def test_two_workers_share_the_runs(world: World) -> None:
    runs = [world.order(name=f"tenant-{number}") for number in range(6)]
    ann, bob = world.worker("ann", batch=3), world.worker("bob", batch=3)

    ann.claim()
    bob.claim()

    held = [sorted(claim.run.id for claim in worker.claims) for worker in (ann, bob)]
    assert [3, 3] == [len(one) for one in held]
    assert sorted(runs) == sorted(held[0] + held[1])
    for worker in (ann, bob):
        while worker.claims:
            worker.round()
    assert {"completed": 6} == world.app.runs.counts()


@pytest.mark.rule("J7")
def test_two_workers_by_turns_bring_a_run_to_its_end(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_time": "5m", "move_chunk": 1, "credit_delay": "1h"})
    run = world.order(users=4, payment="invoice")
    drivers = [Driver(world.app.engine, world.clock, worker_id=name) for name in ("ann", "bob")]

    for turn in range(60):
        drivers[turn % 2].run_until_idle()
        world.pass_time("2m")

    assert "completed" == world.state(run)
    assert 4 == world.operations("acme").count("move_users")


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("submitted", "check_preconditions"),
        ("submitted", "place_order"),
        ("migrating", "move_users"),
        ("licenses_reassigned", "close_source"),
    ],
)
class TestAWorkerThatGoesSilentBeforeItsCommit:
    def test_keeps_the_run_until_its_claim_runs_out(self, world: World, state: str, step: str) -> None:
        run, ann, bob = world.order(), world.worker("ann"), world.worker("bob")
        lead_to(world, ann, run, state, step)
        ann.perform()

        world.pass_time("59s")

        assert [] == bob.claim()

    @pytest.mark.rule("J7")
    def test_is_followed_by_another_and_nothing_happens_twice(self, world: World, state: str, step: str) -> None:
        run, ann, bob = world.order(), world.worker("ann"), world.worker("bob")
        lead_to(world, ann, run, state, step)
        ann.perform()

        world.pass_time(LEASE)
        bob.round()
        while bob.claims:
            bob.round()

        assert "completed" == world.state(run)
        assert 5 == len(world.operations("acme"))

    def test_loses_when_it_comes_back_late(self, world: World, state: str, step: str) -> None:
        run, ann, bob = world.order(), world.worker("ann"), world.worker("bob")
        lead_to(world, ann, run, state, step)
        ann.perform()
        world.pass_time(LEASE)
        bob.claim()
        before = world.journal(run)

        committed = ann.commit()

        assert {run: "bob"} == committed.lost
        assert before == world.journal(run)
        while bob.claims:
            bob.round()
        assert "completed" == world.state(run)

    def test_loses_when_the_run_went_on_without_it(self, world: World, state: str, step: str) -> None:
        run, ann, bob = world.order(), world.worker("ann"), world.worker("bob")
        lead_to(world, ann, run, state, step)
        ann.perform()
        world.pass_time(LEASE)
        bob.round()
        while bob.claims:
            bob.round()
        before = world.run(run)

        committed = ann.commit()

        assert {run: None} == committed.lost
        assert before == world.run(run)


def test_a_worker_whose_claim_ran_out_commits_when_nobody_else_came(world: World) -> None:
    run, ann = world.order(), world.worker("ann")
    ann.claim()
    ann.perform()

    world.pass_time("10m")
    committed = ann.commit()

    assert {} == committed.lost
    assert "step_done" == world.journal(run)[-1].kind


def test_a_worker_that_lost_its_claim_calls_no_provider(world: World) -> None:
    run, ann, bob = world.order(), world.worker("ann"), world.worker("bob")
    lead_to(world, ann, run, "submitted", "place_order")
    world.pass_time(LEASE)
    bob.claim()

    ann.perform()

    assert [] == ann.done
    assert [] == world.operations("acme")


def test_a_commit_that_is_repeated_advances_nothing_twice(world: World) -> None:
    run, ann = world.order(), world.worker("ann")
    ann.claim()
    ann.perform()
    again = list(ann.done or [])
    ann.commit()
    before = world.run(run)

    ann.done = again
    committed = ann.commit()

    assert {} == committed.lost
    assert [run] == [claim.run.id for claim in committed.kept]
    assert before == world.run(run)
