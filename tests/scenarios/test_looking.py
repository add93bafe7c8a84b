"""Looking into a run: as it is, and as it was at every moment of its life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from overstap.app.look import Look
from overstap.domain.change import Route
from overstap.errors import BadInput, NotFound
from overstap.language import language
from overstap.workflow.fold import fold
from overstap.workflow.timeline import timeline

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

ENGLISH = language("en")
SECOND = timedelta(seconds=1)


def said(world: World, run: str, question: str) -> str:
    given = world.app.looking.explain(run)
    return "\n".join(ENGLISH.tell(one) for one in dict(given.explanation.answers())[question])


def test_at_each_entry_the_history_is_the_journal_folded_so_far(world: World) -> None:
    run = world.order(payment="invoice")
    world.run_for("1h")
    world.signal(run, "credit_approved")
    world.run_for("1d")
    journal = world.journal(run)

    for number in range(1, len(journal) + 1):
        look = world.app.looking.back(run, seq=number, last=None)

        assert fold(journal[:number]) == look.run
        assert (journal[:number], look.past) == (look.journal, True)
        assert timeline(journal[:number], look.at) == look.timeline
    assert world.run(run) == world.app.looking.back(run, at=world.clock.now(), last=None).run


def test_a_moment_shows_the_run_after_its_last_entry_up_to_then(world: World) -> None:
    run = world.order(payment="invoice")
    world.run_for("1h")
    asked = world.run(run)
    world.run_for("1h")
    world.signal(run, "cancel")
    world.run_for("1d")

    look = world.app.looking.back(run, at=asked.updated_at + 5 * SECOND, last=50)

    assert (asked, asked.updated_at + 5 * SECOND) == (look.run, look.at)
    assert [] == look.signals
    assert (None, None) == (look.holder, look.stored.claimed_by)


def test_before_it_was_ordered_and_after_now_there_is_nothing_to_see(world: World) -> None:
    run = world.order()
    now = world.clock.now()

    with pytest.raises(NotFound, match=f"{run} did not exist yet at .*: it was ordered at"):
        world.app.looking.back(run, at=now - SECOND, last=50)
    with pytest.raises(BadInput, match="has not come yet"):
        world.app.looking.back(run, at=now + SECOND, last=50)
    for number in (0, 2):
        with pytest.raises(BadInput, match=f"has the entries #1 to #1, and no #{number}"):
            world.app.looking.back(run, seq=number, last=50)


def test_what_changed_last_is_told_when_nothing_else_is_asked(world: World) -> None:
    run = world.order()
    world.run_for("1d")
    newest = world.run(run).seq

    compared = world.app.looking.compare(run)

    assert (newest - 1, newest) == (compared.first, compared.last)
    assert [newest] == [entry.seq for entry in compared.entries]
    assert ("licenses_reassigned", "completed") == next(
        (change.before, change.after) for change in compared.changes if change.path == ("state",)
    )


def test_only_the_last_entries_are_read_and_the_rest_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.app.looking.MEASURED", 4)
    run = world.order(users=3)
    world.run_for("1d")
    whole, part = (world.app.looking.look(run, last) for last in (None, 2))

    assert whole.journal[-2:] == part.journal
    assert (whole.run.seq - 3, 1) == (part.timeline.first_seq, whole.timeline.first_seq)
    assert whole.timeline.visits[-len(part.timeline.visits) :] == part.timeline.visits
    assert whole.effects[-2:] == part.effects
    assert len(whole.effects) == sum(part.effect_counts.values())


def test_a_worker_that_holds_a_run_is_told_with_its_life(world: World) -> None:
    run = world.order()
    fleet = world.app.fleet
    fleet.register("host-7", "host", 7, "1", world.clock.now())
    world.app.engine.claim("host-7", 1)

    assert "Worker host-7 holds it" in said(world, run, "holder")
    assert "That worker lives" in said(world, run, "holder")
    world.pass_time("10s")
    assert "That worker lives" in said(world, run, "holder")
    world.pass_time("6s")
    assert "seems to be dead" in said(world, run, "holder")
    world.pass_time("1h")
    assert "The claim of worker host-7 ran out" in said(world, run, "holder")
    assert "Start a worker" in said(world, run, "can_do")
    fleet.stopped("host-7", world.clock.now(), steps=0)
    assert "That worker ended" in said(world, run, "holder")


def test_a_finding_that_ended_a_run_is_told_with_its_advice(world: World) -> None:
    run = world.order()
    world.tenant(healthy=False)
    world.run_for("1d")

    assert "failed" == world.state(run)
    assert "Exchange Online has a problem" in said(world, run, "why")
    assert "See the current service status" in said(world, run, "can_do")


def test_an_ended_run_tells_what_sent_it_there(world: World) -> None:
    run = world.order()
    world.signal(run, "cancel")
    world.run_for("1d")

    assert "cancelled" == world.state(run)
    assert "operator led it from submitted to rolling_back (cancel): the test says so" in said(world, run, "why")


def test_a_task_is_told_with_whose_turn_it_is(world: World) -> None:
    run = world.submit(world.tenant(plan="midsize"), "e3", route=Route.MANUAL)
    world.run_for("1h")
    task = world.app.tasks.of(world.run(run))
    assert task is not None

    assert f"It asks {task.people[0]} for this: {task.title(ENGLISH)}." in said(world, run, "why")
    assert f"tasks done {task.id} --by UPN --note TEXT" in said(world, run, "can_do")
    assert f"signal {run} {task.kind.done}" not in said(world, run, "can_do")


def test_a_look_is_the_same_run_whichever_way_it_is_taken(world: World) -> None:
    run = world.order()
    world.run_for("1d")

    now, then = world.app.looking.look(run, None), world.app.looking.back(run, at=world.clock.now(), last=None)

    def plain(look: Look) -> tuple[object, ...]:
        return look.run, look.journal, look.timeline, look.effects, look.signals, dict(look.effect_counts)

    assert plain(now) == plain(then)


def test_a_call_of_which_nobody_knows_is_named(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "lost", "times": 1})
    run = world.order()
    world.work()

    assert f"One call to the provider is unknown, it may or may not have been done: {run}:submitted:1:place_order." in (
        said(world, run, "why")
    )
    assert {"unknown": 1} == world.app.looking.look(run, 50).effect_counts
    world.run_for("1h")
    assert "unknown" not in said(world, run, "why")


def test_a_signal_is_shown_as_it_was_then(world: World) -> None:
    run = world.order(payment="invoice")
    world.signal(run, "credit_approved")
    world.run_for("1h")

    (now,), (then,) = (
        look.signals for look in (world.app.looking.look(run, 50), world.app.looking.back(run, seq=1, last=50))
    )

    assert (now.signal, None, False) == (then.signal, then.settled_at, then.applied)
    assert ("credit_approved", "the test says so", True) == (now.signal.event, now.signal.reason, now.applied)
    assert now.settled_at is not None


def test_a_signal_that_waits_is_shown_before_and_after(world: World) -> None:
    run = world.order(payment="invoice")
    world.signal(run, "credit_approved")

    (waiting,) = world.app.looking.look(run, 50).signals

    assert (None, False) == (waiting.settled_at, waiting.applied)
    assert [waiting] == world.app.looking.back(run, at=world.clock.now(), last=50).signals


def test_an_effect_that_was_under_way_is_shown_so(make_world: MakeWorld) -> None:
    world = make_world(faults={"operation": "place_order", "kind": "lost", "times": 1})
    run = world.order()
    world.work()
    moment = world.clock.now()
    world.run_for("1h")

    (then,) = world.app.looking.back(run, at=moment, last=50).effects
    now = world.app.looking.look(run, 50).effects[0]
    assert ("intended", None, "confirmed") == (then.status, then.settled_at, now.status)
    assert then.key == now.key
