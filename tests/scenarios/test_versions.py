"""A newer version of a workflow, while changes are under way in every state (ADR 16)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from newer import put, renamed, steps, with_shipped, write_newer
from overstap.app.portal import By
from overstap.app.versions import Judged
from overstap.errors import Conflict, TenantLocked
from overstap.store.acts_log import ACT
from overstap.store.claims import Claims
from overstap.store.rows import JOURNAL, RUN
from overstap.workflow.run import Kind, Run, Status
from overstap.workflow.versions import Judgement

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

COMPATIBLE, NEEDS, BLOCKED, BUSY = Judgement
BY = {"reason": "the test says so", "actor": "operator:ann"}
LEASE = "60s"
LATER_END = (steps("licenses_reassigned", "start_billing", "close_source", "notify_operators"),)
LONGER_WINDOW = (put("credit_check", deadline={"after": "30d", "event": "credit_window_expired"}),)


def fault(operation: str, kind: str, *tenants: str, **more: Any) -> list[dict[str, Any]]:
    return [{"operation": operation, "kind": kind, "tenant": tenant, **more} for tenant in tenants]


FAULTS = [
    *fault("place_order", "fails", "ordering"),
    *fault("move_users", "fails", "halfway", after=1),
    *fault("move_users", "hangs", "unknown"),
    *fault("move_users", "fails", "late", "ending", after=1),
    *fault("start_billing", "refuses", "stuck"),
    *fault("close_subscription", "fails", "closing"),
    *fault("cancel_target", "fails", "back"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return with_shipped(tmp_path / "workflows")


@pytest.fixture
def cast(make_world: MakeWorld, folder: Path) -> tuple[World, dict[str, str]]:
    """Changes in every state of the first version, at rest there in every way that there is: run by tenant."""
    world = make_world(
        workflows_dir=folder,
        embedded={"faults": FAULTS, "move_chunk": 1, "credit_answers": "never"},
    )
    runs = {name: world.order(name=name) for name in ("late", "ordering", "stuck", "closing")}
    runs |= {name: world.order(name=name, payment="invoice") for name in ("waiting", "back", "paused")}
    world.run_for("1h")  # the late one is escalated
    world.app.service.signal(runs["back"], "credit_declined", **BY)
    world.app.operators.hold(runs["paused"], **BY)
    runs |= {name: world.order(name=name) for name in ("halfway", "unknown")}
    world.run_for("1m")
    runs["new"] = world.order(name="new")
    runs["cancelled"] = world.order(name="cancelled")
    world.app.service.signal(runs["cancelled"], "cancel", **BY)
    return world, runs


STATES = {
    "new": ("submitted", Status.READY), "cancelled": ("submitted", Status.READY),
    "ordering": ("submitted", Status.RETRYING),
    "waiting": ("credit_check", Status.WAITING), "paused": ("credit_check", Status.WAITING),
    "halfway": ("migrating", Status.RETRYING), "unknown": ("migrating", Status.RETRYING),
    "late": ("escalated", Status.RETRYING), "stuck": ("licenses_reassigned", Status.STUCK),
    "closing": ("licenses_reassigned", Status.RETRYING), "back": ("rolling_back", Status.RETRYING),
}  # fmt: skip


def judged(world: World, *maps: str, to: int = 2) -> dict[str, Judged]:
    change = world.app.versions.change("plan_change", to, maps=maps)
    return {one.run.id: one for one in world.app.versions.rehearse(change)}


def migrated(world: World, *maps: str, to: int = 2, only: tuple[str, ...] = ()) -> dict[str, Judged]:
    told: dict[str, Judged] = {}
    change = world.app.versions.change("plan_change", to, maps=maps, run_ids=only)
    counts = world.app.versions.migrate(change, **BY, tell=lambda one: told.update({one.run.id: one}))
    assert len(told) == counts.runs
    return told


def stored(world: World, run: str) -> str:
    """Everything that is stored of a run, its row and its journal."""
    with world.database.read() as connection:
        row = connection.execute(select(RUN).where(RUN.c.id == run)).one()
        entries = connection.execute(select(JOURNAL).where(JOURNAL.c.run_id == run).order_by(JOURNAL.c.seq)).all()
    return json.dumps([list(row), *map(list, entries)], default=str)


def acts(world: World) -> list[dict[str, Any]]:
    with world.database.read() as connection:
        rows = connection.execute(select(ACT).where(ACT.c.kind == "workflow_migrated").order_by(ACT.c.seq)).all()
    return [dict(row._mapping) for row in rows]


def as_before(run: Run, before: Run) -> Run:
    """The run with what a migration changes put back."""
    return replace(
        run, version=before.version, digest=before.digest, state=before.state, step=before.step,
        seq=before.seq, head=before.head, updated_at=before.updated_at,
    )  # fmt: skip


@pytest.mark.rule("J6", "J7")
def test_changes_in_every_state_are_carried_and_go_on_to_their_ends(
    cast: tuple[World, dict[str, str]], folder: Path
) -> None:
    world, runs = cast
    assert STATES == {name: (world.state(run), world.run(run).status) for name, run in runs.items()}
    before = {run: world.run(run) for run in runs.values()}
    write_newer(folder, *LATER_END, *LONGER_WINDOW)
    world.reopen(faults=())

    rehearsed = judged(world)
    assert dict.fromkeys(runs.values(), COMPATIBLE) == {run: one.verdict.judgement for run, one in rehearsed.items()}
    assert before == {run: world.run(run) for run in runs.values()}, "a rehearsal changes nothing"
    assert rehearsed == migrated(world)

    for run, was in before.items():
        now = world.run(run)
        assert (2, was.seq + 1) == (now.version, now.seq)
        assert was == as_before(now, was)
        assert Kind.MIGRATED is world.journal(run)[-1].kind
    world.run_for("1m")
    assert ("licenses_reassigned", Status.STUCK) == (world.state(runs["stuck"]), world.run(runs["stuck"]).status)
    world.app.operators.retry(runs["stuck"], **BY)
    world.app.operators.release(runs["paused"], **BY)
    world.app.service.signal(runs["paused"], "credit_approved", **BY)
    world.run_for("2d")
    ends = {name: world.state(run) for name, run in runs.items()}
    assert {"waiting": "credit_check", "cancelled": "cancelled", "back": "failed"} == {
        name: end for name, end in ends.items() if end != "completed"
    }
    for name, run in runs.items():
        if ends[name] == "completed":
            told = [key for key in world.effects(run) if key.startswith("licenses_reassigned") and "notify" in key]
            assert 1 == len(told), f"{name} went to its end by the new version"
            assert 3 == len([one for one in world.operations(name) if one == "move_users"])
            assert 1 == len([one for one in world.operations(name) if one == "start_billing"])


@pytest.mark.rule("R34")
def test_the_window_of_a_credit_check_stays_where_it_was(make_world: MakeWorld, folder: Path) -> None:
    world = make_world(workflows_dir=folder, embedded={"credit_answers": "never"})
    run = world.order(payment="invoice")
    world.run_for("10d")
    write_newer(folder, *LONGER_WINDOW)
    world.reopen()
    assert timedelta(days=4) == judged(world)[run].left
    migrated(world)

    world.run_for("5d")

    assert "14d" == world.entered(run, "rolling_back")
    assert "failed" == world.state(run)


@pytest.mark.rule("J6")
def test_what_cannot_be_carried_stays_untouched_to_the_last_byte(
    cast: tuple[World, dict[str, str]], folder: Path
) -> None:
    """Compatible, in need of a mapping, blocked, and in the hands of a worker, side by side."""
    world, runs = cast
    write_newer(
        folder,
        renamed("escalated", "delayed"),
        steps("rolling_back", "notify_operators", "return_licences", "return_users", "cancel_target",
              "restore_billing", "close_rollback"),
        put("submitted", locks=["licence"]),
        put("licenses_reassigned", locks=["commerce", "portal"]),
    )  # fmt: skip
    world.reopen(faults=())
    worker = world.worker("busy")
    while runs["new"] not in {claim.run.id for claim in worker.claim()}:
        pass
    held = {claim.run.id for claim in worker.claims}
    others = {"late": NEEDS, **dict.fromkeys(("back", "stuck", "closing"), BLOCKED)}
    expected = {run: others.get(name, BUSY if run in held else COMPATIBLE) for name, run in runs.items()}
    before = {run: stored(world, run) for run in runs.values()}

    rehearsed = judged(world)
    done = migrated(world)

    assert expected == {run: one.verdict.judgement for run, one in rehearsed.items()}
    assert rehearsed == done
    same = {run for run in runs.values() if stored(world, run) == before[run]}
    assert {run for run, kind in expected.items() if kind is not COMPATIBLE} == same
    assert len(same) < len(runs)
    (act,) = acts(world)
    carried = [*expected.values()].count(COMPATIBLE)
    assert ("plan_change", "operator:ann", carried) == (act["subject"], act["actor"], act["data"]["migrated"])
    assert len(runs) - carried == sum(act["data"]["left_behind"].values())

    worker.perform()
    worker.commit()  # its claim holds: nothing was taken from it
    world.run_for("1h")
    assert {1, 2} == {world.run(run).version for run in runs.values()}
    assert {"completed"} == {world.state(runs[name]) for name in ("new", "late", "halfway", "unknown")}


def test_a_map_says_what_a_state_is_called_now(make_world: MakeWorld, folder: Path) -> None:
    """But not for a run whose step has begun: its effect would get another key there."""
    world = make_world(workflows_dir=folder, embedded={"faults": fault("move_users", "fails", "fresh", "begun")})
    fresh, begun = world.order(name="fresh"), world.order(name="begun")
    world.work()
    world.app.operators.hold(fresh, **BY)
    world.run_for("1h")
    write_newer(folder, renamed("escalated", "delayed"))
    world.reopen(faults=())
    untouched = {run: stored(world, run) for run in (fresh, begun)}
    for found in (judged(world), migrated(world)):
        assert {fresh: NEEDS, begun: NEEDS} == {run: one.verdict.judgement for run, one in found.items()}
    assert untouched == {run: stored(world, run) for run in (fresh, begun)}

    for found in (judged(world, "escalated=delayed"), migrated(world, "escalated=delayed")):
        assert {fresh: COMPATIBLE, begun: BLOCKED} == {run: one.verdict.judgement for run, one in found.items()}
        assert "could be done a second time" in found[begun].verdict.reason
    assert untouched[begun] == stored(world, begun)
    assert ("delayed", 2) == (world.state(fresh), world.run(fresh).version)
    world.app.operators.release(fresh, **BY)
    world.run_for("1h")

    assert ["submitted", "migrating", "escalated", "delayed", "licenses_reassigned", "completed"] == world.path(fresh)
    assert ["submitted", "migrating", "escalated", "licenses_reassigned", "completed"] == world.path(begun)


def test_what_was_done_from_outside_is_judged_by_the_locks_of_its_time(make_world: MakeWorld, folder: Path) -> None:
    """In the newer version the state locks more; what an admin did before the migration was right all the same."""
    world = make_world(workflows_dir=folder, embedded={"faults": fault("place_order", "fails", "acme")})
    run = world.order(seats=5)
    world.work()
    world.app.portal.unassign("acme", "acme-e1", ["acme-2"], By("operator", "leaves"))
    world.pass_time("1h")
    write_newer(folder, renamed("submitted", "ordered"), put("ordered", locks=["licence"]))
    world.reopen(faults=())
    assert BLOCKED is judged(world, "submitted=ordered")[run].verdict.judgement  # the order may have gone out
    world.app.operators.hold(run, **BY)
    write_newer(folder, put("submitted", locks=["licence"]), version=3)
    world.reopen()

    migrated(world, to=3)

    assert {"licence"} == world.locks(run)
    with pytest.raises(TenantLocked):
        world.app.portal.unassign("acme", "acme-e1", ["acme-1"], By("operator", "leaves too"))
    assert [] == world.breaches()
    world.app.operators.release(run, **BY)
    world.run_for("1h")
    assert "completed" == world.state(run)


@pytest.mark.parametrize(
    ("old", "new", "maps", "path"),
    [
        ("submitted", "ordered", ["submitted=ordered"], ["submitted", "ordered", "migrating", "licenses_reassigned"]),
        ("licenses_reassigned", "closing", [], ["submitted", "migrating", "closing"]),
    ],
)
def test_each_state_is_looked_at_by_the_version_that_the_run_followed_then(
    make_world: MakeWorld, folder: Path, old: str, new: str, maps: list[str], path: list[str]
) -> None:
    world = make_world(workflows_dir=folder)
    run = world.order(seats=5)
    world.app.portal.unassign("acme", "acme-e1", ["acme-2"], By("operator", "leaves"))
    world.pass_time("1h")
    write_newer(folder, renamed(old, new))
    world.reopen()
    migrated(world, *maps)

    assert [] == world.breaches()
    world.work()
    assert [*path, "completed"] == world.path(run)


def test_a_worker_without_the_newer_file_leaves_carried_runs_alone(make_world: MakeWorld, folder: Path) -> None:
    world = make_world(workflows_dir=folder)
    run = world.order()
    write_newer(folder, *LATER_END)
    world.reopen()
    migrated(world)

    old = Claims(world.database, [("plan_change", 1)])
    now = world.clock.now()
    assert [] == old.claim("old", 10, now, now)
    world.work()
    assert "completed" == world.state(run)


@pytest.mark.rule("J7")
def test_what_a_worker_did_under_a_claim_that_ran_out_is_dropped_and_done_once(
    make_world: MakeWorld, folder: Path
) -> None:
    world = make_world(workflows_dir=folder)
    run = world.order()
    write_newer(folder, *LATER_END)
    world.reopen()
    frozen = world.worker("frozen")
    while world.state(run) != "migrating":
        frozen.round()
    frozen.perform()
    while "move_users" not in world.operations("acme"):
        frozen.commit()
        frozen.perform()
    assert BUSY is judged(world)[run].verdict.judgement
    world.pass_time(LEASE)

    assert COMPATIBLE is migrated(world)[run].verdict.judgement

    assert {run} == frozen.commit().lost.keys()
    world.run_for("1m")
    assert "completed" == world.state(run)
    assert 1 == world.operations("acme").count("move_users")


def test_an_open_task_keeps_its_id_its_reminder_and_its_deadline(make_world: MakeWorld, folder: Path) -> None:
    world = make_world(workflows_dir=folder)
    run = world.submit(world.tenant(plan="midsize"), "e1", route="manual")
    world.run_for("1d")
    before = world.app.tasks.of(world.run(run))
    assert before is not None
    write_newer(folder, put("backup", deadline={"after": "30d", "event": "backup_overdue"}), name="manual_change")
    world.reopen()
    change = world.app.versions.change("manual_change", 2)
    world.app.versions.migrate(change, **BY, tell=lambda _: None)

    after = world.app.tasks.of(world.run(run))
    assert after is not None
    assert before == replace(after, run=before.run)
    assert 2 == after.run.version
    while world.state(run) != "completed":
        world.answer(run)
        world.work()


# --- many runs, in several transactions -------------------------------------------------------------------------------


@pytest.fixture
def many(make_world: MakeWorld, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[World, list[str]]:
    monkeypatch.setattr("overstap.store.versions.PAGE", 2)
    world = make_world(workflows_dir=folder)
    runs = [world.order(name=f"tenant-{number}") for number in range(5)]
    write_newer(folder, *LATER_END)
    world.reopen()
    return world, runs


def test_more_runs_than_fit_into_one_transaction_are_all_looked_at_once(many: tuple[World, list[str]]) -> None:
    world, runs = many

    assert sorted(runs) == list(judged(world))
    assert sorted(runs) == list(migrated(world))
    assert {} == judged(world) == migrated(world)
    assert [5] == [act["data"]["migrated"] for act in acts(world)]


def test_a_migration_that_is_broken_off_is_written_down_and_can_go_on(many: tuple[World, list[str]]) -> None:
    world, runs = many
    change = world.app.versions.change("plan_change", 2)

    def tell(one: Judged) -> None:
        if one.run.id == sorted(runs)[3]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.app.versions.migrate(change, **BY, tell=tell)
    assert {2: 4, 1: 1} == Counter(world.run(run).version for run in runs)
    assert sorted(runs)[4:] == list(migrated(world))

    assert [4, 1] == [act["data"]["migrated"] for act in acts(world)]


def test_only_chosen_runs_are_carried(many: tuple[World, list[str]]) -> None:
    world, runs = many

    assert {runs[2]} == migrated(world, only=(runs[2],)).keys()
    assert [1, 1, 2, 1, 1] == [world.run(run).version for run in runs]
    with pytest.raises(Conflict, match="follows plan_change v2 already"):
        migrated(world, only=(runs[2],))
