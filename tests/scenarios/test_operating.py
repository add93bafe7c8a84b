"""docs/operating.md as written: each symptom is brought about, and the page's own commands put it right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import runbook
from mailboxes import mailbox
from newer import with_shipped, write_newer
from overstap.clock import Clock
from overstap.entrypoints.cli.main import run as overstap
from overstap.store.fleet import Fleet

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

MOVES_FAIL = {"operation": "move_users", "kind": "fails"}
MOVES_HANG = {"operation": "move_users", "kind": "hangs"}


class Night:
    """Somebody at a keyboard with the page, and a worker that works while a command waits."""

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self._world = world
        self._capsys = capsys
        self._plan = ""

    def works(self, _seconds: float = 0.0) -> None:
        """Let the worker work for some seconds, with a sign of life at their end."""
        self._world.run_for("5s")
        self.beats()

    def beats(self) -> None:
        """Give the worker's sign of life."""
        self._world.app.fleet.heartbeat("w1", self._world.clock.now(), 0, 0.0)

    def plays(self, section: str, **placeholders: str) -> str:
        """Type the commands of a section, one after the other; each has to go well.

        Args:
            placeholders: what stands where the page says so.

        Returns:
            What all of them said.
        """
        told = []
        for step in runbook.steps(section):
            if step == ["worker"]:
                self.works()
                continue
            filled = [{"TEXT": "as the page says", "PLAN": self._plan, **placeholders}.get(one, one) for one in step]
            self._capsys.readouterr()
            code = overstap(["--database", self._world.settings.database_url, *filled])
            said = self._capsys.readouterr()
            assert 0 == code, f"{step}: {said.out}{said.err}"
            if step[:2] == ["replay", "plan"]:
                self._plan = said.out.split()[1].rstrip(",")
            told.append(said.out)
        return "\n".join(told)


@pytest.fixture
def night(
    make_world: MakeWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[World, Night]]:
    """Makes a world of which the command line knows, by its time; one worker is alive there."""

    def make(**values: object) -> tuple[World, Night]:
        world = make_world(operators={"stuck_after": 2}, **values)
        monkeypatch.setenv("OVERSTAP_OPERATORS__STUCK_AFTER", "2")
        monkeypatch.setattr(Fleet, "clock", lambda _: as_clock(world))
        world.app.fleet.register("w1", "host", 1, "0", world.clock.now())
        somebody = Night(world, capsys)
        monkeypatch.setattr("overstap.entrypoints.cli.replay_progress.time.sleep", somebody.works)
        return world, somebody

    return make


def as_clock(world: World) -> Clock:
    return world.clock


MakeNight = Callable[..., tuple["World", Night]]


def test_stuck_runs_go_on_when_the_cause_is_gone(night: MakeNight) -> None:
    world, somebody = night(faults={**MOVES_FAIL, "lasting": "5m"})
    first, second = world.order(name="acme"), world.order(name="beta")
    world.run_for("4m")
    world.pass_time("1m30s")
    somebody.beats()

    told = somebody.plays("Runs are stuck", RUN=first)

    assert "No such runs" in told
    assert {"completed"} == {world.state(first), world.state(second)}


def test_unknown_effects_are_looked_up_and_not_repeated(night: MakeNight) -> None:
    world, somebody = night(faults={**MOVES_HANG, "lasting": "5m"})
    run = world.order(name="acme")
    world.run_for("4m")
    assert "unknown" in world.effects(run).values()
    world.pass_time("5m")
    somebody.beats()

    told = somebody.plays("Effects are unknown")

    assert "unknown, and not there: repeated under its key" in told
    assert "passed the step" in told
    world.run_for("1m")
    assert {"confirmed"} == set(world.effects(run).values())


def test_an_escalated_run_is_tried_at_once_and_ends(night: MakeNight) -> None:
    world, somebody = night(faults={**MOVES_FAIL, "lasting": "3h"})
    run = world.order(name="acme")
    world.run_for("2h59m")
    assert "escalated" == world.state(run)
    world.pass_time("1m")

    told = somebody.plays("A run is escalated", RUN=run)
    somebody.works()

    assert "times in a row" in told
    assert "completed" == world.state(run)


def test_a_credit_check_is_answered_before_its_window_closes(night: MakeNight) -> None:
    world, somebody = night(embedded={"credit_answers": "never"})
    run = world.order(name="acme", users=200, payment="invoice")
    world.run_for("13d")
    assert "credit_check" == world.state(run)

    somebody.plays("A deadline passed", RUN=run)
    somebody.works()

    assert "credit_check" != world.state(run)


def test_what_a_dead_worker_held_is_done_by_the_next_one(night: MakeNight) -> None:
    world, somebody = night()
    run = world.order(name="acme")
    world.worker("w1").claim()
    world.pass_time("2m")

    somebody.plays("A worker is dead")

    assert "completed" == world.state(run)


def test_a_run_is_taken_from_a_frozen_worker_and_what_that_one_did_is_dropped(night: MakeNight) -> None:
    world, somebody = night()
    run = world.order(name="acme")
    frozen = world.worker("w1")
    frozen.claim()
    frozen.perform()

    told = somebody.plays("A worker is frozen", RUN=run)
    somebody.works()

    assert "Worker w1 holds it" in told
    assert "completed" == world.state(run)
    assert [run] == list(frozen.commit().lost)


def test_a_paused_provider_is_left_alone_until_it_is_resumed(night: MakeNight) -> None:
    world, somebody = night()
    run = world.order(name="acme")

    told = somebody.plays("Stop before it gets worse")
    world.run_for("1m")

    assert ("as the page says" in told, "completed") == (True, world.state(run))


def test_messages_that_failed_are_sent(night: MakeNight, monkeypatch: pytest.MonkeyPatch) -> None:
    world, somebody = night(faults=MOVES_FAIL)
    world.order(name="acme")
    world.run_for("1m")

    with mailbox() as box:
        monkeypatch.setenv("OVERSTAP_NOTIFICATIONS__URLS", json.dumps([box.url]))
        told = somebody.plays("Notifications do not come")

    assert "parked" in told
    assert 1 == len(box.received)


def test_a_new_version_is_released(night: MakeNight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = with_shipped(tmp_path / "workflows")
    monkeypatch.setenv("OVERSTAP_WORKFLOWS_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    world, somebody = night(workflows_dir=folder)
    run = world.order(name="acme")
    write_newer(folder)

    somebody.plays("Releasing a version 2 of a workflow")

    world.reopen()
    assert 2 == world.run(run).version


@pytest.mark.parametrize(
    "section", ["Start here", "The disk is full", "The database is away", "SQLite is locked", "The audit"]
)
def test_what_only_looks_says_that_all_is_well(
    night: MakeNight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: str
) -> None:
    monkeypatch.chdir(tmp_path)
    world, somebody = night()
    run = world.order(name="acme")
    somebody.works()

    assert somebody.plays(section, RUN=run)
    assert "completed" == world.state(run)
