"""What an act will do is told before it is done, and it does that or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from overstap.app.foreseeing import SIGNALS, Foreseen
from overstap.domain.change import Route
from overstap.errors import BadInput, Changed, Conflict
from overstap.language import LOCALES, language
from overstap.workflow.run import Run

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

ENGLISH = language("en")
BY = {"reason": "the test says so", "actor": "operator:ann"}
HOUR = timedelta(hours=1)
DOWN = [{"operation": "move_users", "kind": "fails"}]


def told(foreseen: Foreseen) -> str:
    return "\n".join(ENGLISH.tell(one) for one in foreseen.sentences)


def do(world: World, run: str, act: str, **more: Any) -> None:
    app = world.app
    if act in SIGNALS:
        app.service.signal(run, SIGNALS[act], **BY, **more)
    elif act == "extend":
        app.operators.extend(run, HOUR, **BY, **more)
    else:
        getattr(app.operators, "take_over" if act == "takeover" else act)(run, **BY, **more)


@pytest.fixture
def asked(world: World) -> str:
    """A run that waits for the credit bureau."""
    run = world.order(payment="invoice")
    world.run_for("1h")
    assert "credit_check" == world.state(run)
    return run


@pytest.fixture
def stopped(make_world: MakeWorld) -> tuple[World, str]:
    """A run that fails to move its users."""
    world = make_world(embedded={"faults": DOWN})
    run = world.order()
    world.run_for("1m")
    assert "migrating" == world.state(run)
    return world, run


@pytest.mark.parametrize("act", ["approve", "decline", "cancel", "hold", "fail"])
def test_the_state_that_is_foreseen_is_the_one_that_comes(world: World, asked: str, act: str) -> None:
    definition = world.app.library.latest("plan_change")
    said = told(world.app.looking.foresee(asked, act))

    do(world, asked, act)
    come = world.run(asked) if act in {"hold", "fail"} else applied(world, asked)

    if act == "hold":
        assert "It stays in credit_check." in said
        assert "This can be undone: release it." in said
    else:
        assert f"from credit_check to {come.state}" in said
        assert "This cannot be undone" in said
    new = definition.states[come.state].locks - definition.states["credit_check"].locks
    assert ("locked for its tenant from then on" in said) == bool(new)
    assert ("It has no deadline" in said or f"{come.state} has no deadline" in said) == (come.deadline_at is None)


def applied(world: World, run: str) -> Run:
    """The run as it is right after its signal was applied."""
    worker = world.worker("w1")
    before = world.run(run).seq
    while world.run(run).seq == before:
        worker.round()
    return world.run(run)


def test_every_possible_act_is_foreseen_in_every_language(stopped: tuple[World, str]) -> None:
    world, run = stopped
    possible = world.app.looking.possible(run)
    assert ["hold", "retry", "extend", "fail"] == possible
    for act in possible:
        sentences = world.app.looking.foresee(run, act).sentences
        assert 3 <= len(sentences)
        assert all(language(one).tell(sentence) for one in LOCALES for sentence in sentences)


def test_foreseeing_changes_nothing(world: World, asked: str) -> None:
    before = world.run(asked), world.journal(asked)
    for act in world.app.looking.possible(asked):
        world.app.looking.foresee(asked, act)
    assert before == (world.run(asked), world.journal(asked))


def test_what_the_run_does_not_allow_is_not_foreseen(world: World, asked: str) -> None:
    for act in ("release", "extend", "takeover"):
        with pytest.raises(Conflict):
            world.app.looking.foresee(asked, act)
    with pytest.raises(BadInput, match="nothing that can be done"):
        world.app.looking.foresee(asked, "praise")


def test_a_later_deadline_is_foreseen_as_it_becomes(stopped: tuple[World, str]) -> None:
    world, run = stopped
    before = world.run(run).deadline_at
    assert before is not None
    said = world.app.looking.foresee(run, "extend", HOUR).sentences

    do(world, run, "extend")

    moved = next(one for one in said if "after" in one.params)
    assert (before, world.run(run).deadline_at) == (moved.params["before"], moved.params["after"])


def test_a_run_that_only_goes_on_is_still_what_was_foreseen(make_world: MakeWorld) -> None:
    world = make_world(embedded={"move_chunk": 1, "move_time": "5m"})
    run = world.order()
    world.run_for("1m")
    foreseen = world.app.looking.foresee(run, "hold")
    world.run_for("5m")
    assert foreseen.seq < world.run(run).seq
    assert "migrating" == world.state(run)

    seq = world.app.looking.still(foreseen)

    assert world.run(run).seq == seq
    do(world, run, "hold", if_seq=seq)
    assert world.run(run).held is not None


def test_an_act_that_would_do_something_else_by_now_is_refused(stopped: tuple[World, str]) -> None:
    world, run = stopped
    foreseen = world.app.looking.foresee(run, "hold")
    do(world, run, "extend")
    with pytest.raises(Changed, match="Nothing was done"):
        world.app.looking.still(foreseen)


def test_a_signal_is_not_sent_to_a_run_that_has_gone_on(world: World, asked: str) -> None:
    seq = world.run(asked).seq
    do(world, asked, "hold")
    with pytest.raises(Changed):
        world.app.service.signal(asked, "credit_approved", **BY, if_seq=seq)
    assert [] == world.app.runs.pending_signals(asked)
    world.app.service.signal(asked, "credit_approved", **BY, if_seq=seq + 1)
    assert 1 == len(world.app.runs.pending_signals(asked))


def test_the_answer_to_a_task_is_foreseen(world: World) -> None:
    run = world.submit(world.tenant(domains=("acme.example",)), "e3", route=Route.MANUAL)
    world.work()
    (task,) = world.app.tasks.open()
    target = world.app.library.latest("manual_change").next_state(world.state(run), task.kind.done)

    said = told(world.app.looking.foresee(run, task.kind.done))

    assert f"from {world.state(run)} to {target}" in said
