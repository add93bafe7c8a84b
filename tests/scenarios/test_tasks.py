"""Tasks are done in their order, once, and by those who may (rules.md R46, R3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from overstap.app.tasks import Task
from overstap.domain.change import Route
from overstap.domain.findings import NotEligible
from overstap.domain.tenant import Admin, AdminRole
from overstap.errors import BadInput, Conflict, NotFound, OverstapError
from overstap.testing import sample_tenant

if TYPE_CHECKING:
    from tests.scenarios.conftest import World

BOSS = "user0@acme.example"
HELPER = "user1@acme.example"


@pytest.fixture
def run(world: World) -> str:
    """A change of a tenant with two admins and a custom domain; it waits for the answer about the backup."""
    export = sample_tenant("acme", domains=("acme.example",))
    admins = (*export.admins, Admin(HELPER, AdminRole.ADMIN))
    world.app.provider.import_tenants([replace(export, admins=admins)], world.clock.now())
    run = world.submit("acme", "midsize", route=Route.MANUAL)
    world.work()
    world.answer(run)
    world.work()
    assert "backup" == world.state(run)
    return run


def open_task(world: World) -> Task:
    (task,) = world.app.tasks.open()
    return task


def refused(world: World, task_id: str, **how: Any) -> OverstapError:
    """What is said to somebody who may not; nothing may have happened."""
    before = world.run(open_task(world).run.id)
    with pytest.raises(OverstapError) as caught:
        world.app.tasks.done(task_id, **{"by": BOSS, "note": "done", **how})
    world.work()
    assert before == world.run(before.id)
    assert [] == world.app.runs.pending_signals(before.id)
    return caught.value


@pytest.mark.rule("R46")
@pytest.mark.parametrize(("visit", "says"), [(4, "not open yet"), (9, "not open yet"), (2, "over"), (1, "over")])
def test_only_the_task_whose_turn_it_is_can_be_done(world: World, run: str, visit: int, says: str) -> None:
    error = refused(world, f"{run}-{visit}")

    assert isinstance(error, Conflict)
    assert says in str(error)
    assert f"open is {run}-3, Answer the advice to make a backup." in str(error)


@pytest.mark.rule("R46")
@pytest.mark.parametrize("event", ["acknowledged", "backup_made", "backup_declined", "domains_freed", "domains_ready"])
def test_no_signal_can_do_a_task_before_its_turn_or_at_all(world: World, run: str, event: str) -> None:
    with pytest.raises(BadInput, match="overstap tasks done"):
        world.signal(run, event)

    assert [] == world.app.runs.pending_signals(run)


@pytest.mark.parametrize("task_id", ["", "3", "-3", "nothing-3", "nothing", "{run}-x", "{run}"])
def test_what_is_no_task_is_not_found(world: World, run: str, task_id: str) -> None:
    assert isinstance(refused(world, task_id.format(run=run)), NotFound)


def test_a_run_that_asks_nobody_says_so(world: World, run: str) -> None:
    world.signal(run, "cancel")
    world.work()

    with pytest.raises(Conflict, match=r"has ended \(cancelled\)"):
        world.app.tasks.done(f"{run}-4", by=BOSS, note="done")
    assert [] == world.app.tasks.open()


@pytest.mark.rule("R3")
@pytest.mark.parametrize(("who", "code"), [(HELPER, "role_too_low"), ("user2@acme.example", "not_an_admin")])
def test_only_an_admin_with_the_role_that_the_family_asks_for_may_do_it(
    world: World, run: str, who: str, code: str
) -> None:
    error = refused(world, f"{run}-3", by=who)

    assert isinstance(error, NotEligible)
    assert [code] == [finding.code for finding in error.findings]
    assert "a global administrator" in str(error)


@pytest.mark.rule("R3")
def test_the_letter_case_of_a_name_does_not_matter_and_the_journal_has_it_as_the_tenant_does(
    world: World, run: str
) -> None:
    world.app.tasks.done(f"{run}-3", by=f" {BOSS.upper()} ", note="on tape")
    world.work()

    assert [f"admin:{BOSS}"] == [entry.actor for entry in world.journal(run) if entry.event == "backup_made"]


@pytest.mark.rule("R50")
@pytest.mark.parametrize("note", ["", " ", "\n\t"])
def test_a_task_needs_a_note(world: World, run: str, note: str) -> None:
    assert isinstance(refused(world, f"{run}-3", note=note), BadInput)


def test_what_is_no_advice_cannot_be_declined(world: World, run: str) -> None:
    world.answer(run)
    world.work()

    assert "cannot be declined" in str(refused(world, open_task(world).id, declined=True))


def test_an_open_task_tells_whose_turn_it_is_and_until_when(world: World, run: str) -> None:
    task = open_task(world)

    assert f"{run}-3" == task.id
    assert (AdminRole.GLOBAL_ADMIN, (BOSS,)) == (task.needed, task.people)
    assert (7, 14) == ((task.remind_at - task.since).days, (task.deadline_at - task.since).days)
    assert [task] == world.app.tasks.open("acme")
    assert [task.id] == world.app.tasks.open_ids() == world.app.tasks.open_ids("acme")
    assert [] == world.app.tasks.open("another") == world.app.tasks.open_ids("another")


def test_a_run_of_a_workflow_that_is_not_here_has_no_task(world: World, run: str) -> None:
    assert world.app.tasks.of(replace(world.run(run), version=99)) is None


def test_a_task_is_open_before_anybody_was_told_of_it(world: World) -> None:
    run = world.submit(world.tenant(), "midsize", route=Route.MANUAL)
    worker = world.worker("ann")
    while world.state(run) != "acknowledgement":
        worker.round()

    assert (f"{run}-2", None) == (open_task(world).id, open_task(world).remind_at)
    world.answer(run)
    while worker.claims:
        worker.round()

    assert "backup" == world.state(run)


def test_of_two_who_do_a_task_at_once_one_wins_and_the_other_is_told(
    world: World, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_looked = Barrier(2, timeout=30)
    look = world.app.tasks.get

    def look_together(task_id: str) -> Task:
        task = look(task_id)
        both_looked.wait()
        return task

    monkeypatch.setattr(world.app.tasks, "get", look_together)

    def do(declined: bool) -> str:
        try:
            world.app.tasks.done(f"{run}-3", by=BOSS, note="done", declined=declined)
        except Conflict as error:
            return str(error)
        return "taken"

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(do, [False, True]))
    world.work()

    assert "taken" == answers[1]
    assert f"Run {run} has its answer already: backup_" in answers[0]
    assert 1 == len([entry for entry in world.journal(run) if entry.from_state == "backup" and entry.to_state])


def test_what_the_run_has_left_behind_since_one_looked_cannot_be_done(
    world: World, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = open_task(world)
    world.answer(run)
    world.work()
    monkeypatch.setattr(world.app.tasks, "get", lambda _: seen)

    with pytest.raises(Conflict, match="has gone on meanwhile"):
        world.app.tasks.done(seen.id, by=BOSS, note="done")


def test_what_somebody_cancelled_just_before_cannot_be_done_any_more(world: World, run: str) -> None:
    world.signal(run, "cancel")

    with pytest.raises(Conflict, match="has its answer already: cancel"):
        world.answer(run)
    world.work()

    assert "cancelled" == world.state(run)


def test_a_task_that_is_done_before_its_deadline_counts_however_late_a_worker_looks(world: World, run: str) -> None:
    world.pass_time("14d")
    world.answer(run)

    world.pass_time("1d")
    world.work()

    assert "domain_removal" == world.state(run)


def test_a_task_whose_deadline_has_passed_cannot_be_done_though_no_worker_looked(world: World, run: str) -> None:
    world.pass_time("14d1s")

    with pytest.raises(Conflict, match="deadline has passed"):
        world.answer(run)
    world.work()

    assert "failed" == world.state(run)


def test_an_answer_while_a_step_works_is_seen_at_the_commit(world: World) -> None:
    run = world.submit(world.tenant(), "midsize", route=Route.MANUAL)
    worker = world.worker("ann")
    while world.state(run) != "acknowledgement":
        worker.round()
    worker.perform()

    world.answer(run)
    worker.commit()
    while worker.claims:
        worker.round()

    assert ["submitted", "acknowledgement", "backup"] == world.path(run)
