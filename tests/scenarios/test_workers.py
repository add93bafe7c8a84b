"""Several workers over one database: they share the work, take over from the dead, and drop what comes too late."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from overstap.app.engine import Performed
from overstap.app.settling import Settler, Work
from overstap.store.batch import Claim
from overstap.testing import Driver
from overstap.workflow.decide import Perform
from overstap.workflow.pauses import Scope

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


# --- limits ---


class Line:
    """A worker's loop over a world with a limit, without its threads."""

    def __init__(self, world: World) -> None:
        self._gate, self._engine, self._clock = world.app.gate, world.app.engine, world.clock
        self._settler = Settler(self._engine, impatient=lambda: True)

    def begin(self) -> list[Work]:
        """Claim all that is due, have it go on without a step, or begin the step; answers what was begun, done."""
        done = []
        while claims := self._engine.claim("ann", 10):
            actions = {claim.run.id: self._engine.action(claim, self._clock.now()) for claim in claims}
            begins = [(one, act.step) for one in claims if isinstance(act := actions[one.run.id], Perform)]
            others = [one for one in claims if not isinstance(actions[one.run.id], Perform)]
            may, _ = self._gate.admit(begins, others)
            done += [Work(claim, self._perform(claim, step)) for claim, step in may]
            self._settler.settle([Work(claim) for claim in others])
        return done

    def _perform(self, claim: Claim, step: str) -> Performed:
        return self._engine.perform(claim, step, self._engine.record)

    def end(self, done: list[Work]) -> None:
        """Commit what was done."""
        with self._gate.ending(one.claim.run.id for one in done):
            self._settler.settle(done)


WHY = {"reason": "the test says so", "actor": "operator"}


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda world, _: world.app.operators.pause(Scope.STEP, "check_preconditions", **WHY), id="paused"),
        pytest.param(lambda world, run: world.signal(run, "cancel"), id="cancelled"),
        pytest.param(lambda world, run: world.app.operators.hold(run, **WHY), id="held"),
    ],
)
def test_a_run_whose_turn_it_is_and_that_may_not_go_on_keeps_up_nobody_behind_it(
    make_world: MakeWorld, act: Callable[[World, str], object]
) -> None:
    world = make_world(limits={"providers": {"embedded": {"at_once": 1}}})
    first, second, third = (world.order(name=f"tenant-{number}") for number in range(3))
    ahead = world.worker("bob")
    claims = {claim.run.id: claim for claim in ahead.claim()}
    world.pass_time("1s")
    ahead.claims = [claims[third]]
    ahead.round()  # the last one has done its first step, which is not paused for it any more
    world.app.engine.claims.release([claims[first], claims[second], *ahead.claims])
    line = Line(world)
    begun = line.begin()
    line.end(begun)

    act(world, second)

    assert [first] == [one.claim.run.id for one in begun]
    assert [third] == [one.claim.run.id for one in line.begin()]
