"""A night at which the provider is away for two hours, and the morning after it (design §5)."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from overstap.app.replay_planning import Wish
from overstap.domain.change import PlanChange
from overstap.domain.run_filter import RunFilter
from overstap.settings import data_path
from overstap.store.books import ASSIGNMENT, MOVE, OPERATION
from overstap.testing import Driver, sample_tenant
from overstap.workflow.replay import DeadlinePolicy, Result
from overstap.workflow.run import Status

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

RUNS = 300
NAMES = [f"t{number:03}" for number in range(RUNS)]
AWAY = {"lasting": "2h"}
ANN, BEN = "operator:ann", "operator:ben"
WISH = Wish(DeadlinePolicy.parse("reset"), resolve=True)


def patient_workflows(folder: Path) -> Path:
    """The workflows that come along, with longer pauses between the tries: fewer of them are enough to be stuck."""
    copy = shutil.copytree(data_path("workflows"), folder / "workflows")
    for path in copy.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        text = text.replace("first: 2s, factor: 2, most: 5m", "first: 40m, factor: 2, most: 2h")
        text = text.replace("first: 1m, factor: 2, most: 15m", "first: 1h, factor: 2, most: 2h")
        text = text.replace("jitter: 0.2", "jitter: 0")
        path.write_text(text, encoding="utf-8")
    return copy


def evening(make_world: MakeWorld, folder: Path) -> tuple[World, list[str]]:
    """A world with many changes on their way, at the moment when the provider goes away."""
    licences, orders = NAMES[3::30], NAMES[2::30]
    others = [name for name in NAMES if name not in {*licences, *orders}]
    faults = [
        # The last try before the morning was done and its answer never came; or nothing was done and no answer came.
        *({"operation": "move_users", "kind": "lost", "tenant": name, "after": 2, "times": 1} for name in NAMES[::10]),
        *({"operation": "move_users", "kind": "hangs", "tenant": name, **AWAY} for name in NAMES[5::50]),
        *({"operation": "place_order", "kind": "fails", "tenant": name, **AWAY} for name in orders),
        *({"operation": "swap_licences", "kind": "fails", "tenant": name, **AWAY} for name in licences),
        *({"operation": "move_users", "kind": "fails", "tenant": name, **AWAY} for name in others),
    ]
    settings = {"workflows_dir": patient_workflows(folder), "operators": {"stuck_after": 1}}
    world = make_world(embedded={"faults": faults}, **settings)
    world.driver = Driver(world.app.engine, world.clock, batch=100)
    world.app.provider.import_tenants([sample_tenant(name, users=1) for name in NAMES], world.clock.now())
    changes = [PlanChange(name, f"{name}-e1", "e3") for name in NAMES]
    return world, [world.app.service.submit(change)[0].run.id for change in changes]


def operations(world: World) -> dict[str, int]:
    with world.database.read() as connection:
        query = select(OPERATION.c.operation, func.count()).group_by(OPERATION.c.operation)
        return {operation: count for operation, count in connection.execute(query)}  # noqa: C416 - rows


def most_often(world: World) -> int:
    """How often a user was moved, or got the new licence, at most."""
    given = (ASSIGNMENT.c.user_id, ASSIGNMENT.c.subscription_id)
    places = [(MOVE, (MOVE.c.tenant_id, MOVE.c.user_id)), (ASSIGNMENT, given)]
    with world.database.read() as connection:
        return max(
            count
            for table, one in places
            for count in connection.execute(select(func.count()).select_from(table).group_by(*one)).scalars()
        )


@pytest.mark.timeout(300)
@pytest.mark.rule("J7")
def test_a_night_without_the_provider_is_put_right_by_one_plan(make_world: MakeWorld, tmp_path: Path) -> None:
    world, runs = evening(make_world, tmp_path)
    replays = world.app.replays

    # The night.
    world.run_for("1h50m")
    ledger = Counter(effect.status for run in runs for effect in world.app.runs.effects(run))
    assert ledger["unknown"] > len(NAMES[5::50])
    assert {Status.RETRYING} == {world.run(run).status for run in runs}
    world.pass_time("15m")
    before = operations(world)

    # The morning: one filter, one plan.
    plan, items = replays.plan(RunFilter(stuck=True), WISH, actor=ANN)
    assert (runs, True) == ([item.run_id for item in items], all(item.will_run for item in items))
    fates = Counter(effect["fate"] for item in items for effect in item.detail["effects"])
    assert fates["done_there"] == len(NAMES[::10])
    assert plan.needs_approval

    # Rehearsed: it would go well, and nothing was touched.
    told = world.app.rehearsals.play(plan.id)
    assert {Result.PASSED: RUNS} == Counter(one.outcome.result for one in told if one.outcome)
    assert {"completed"} == {one.state for one in told}
    assert (before, {Status.RETRYING}) == (operations(world), {world.run(run).status for run in runs})

    # Approved, run, worked off.
    replays.approve(plan.id, actor=BEN, reason="looked at with Ann")
    assert replays.run(plan.id, actor=ANN, reason="the provider is back")
    assert 0 == len([line for line in replays.receipt(plan.id).lines if line.outcome is None])
    world.run_for("30m")

    assert {"completed": RUNS} == Counter(world.state(run) for run in runs)
    receipt = replays.receipt(plan.id)
    assert {(run, Result.PASSED) for run in runs} == {
        (line.item.run_id, line.outcome.result) for line in receipt.lines if line.outcome
    }
    assert receipt.passed
    assert 1 == most_often(world)
    assert (
        dict.fromkeys(("place_order", "start_billing", "close_subscription"), RUNS).items() <= operations(world).items()
    )

    # Again: the same receipt, and nothing is done.
    done = operations(world)
    assert not replays.run(plan.id, actor=BEN, reason="once more")
    assert (receipt, done) == (replays.receipt(plan.id), operations(world))
