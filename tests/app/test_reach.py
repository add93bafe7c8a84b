"""How many runs a worker holds, and how many of them it commits together."""

from __future__ import annotations

import os
from typing import Any

import pytest

from overstap.app.reach import FEW, Reach
from overstap.settings import WorkerSettings

QUICK, SLOW = [(0.0001, False)] * 200, [(0.002, False)] * 200


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def learned(steps: list[tuple[float, bool]], *, on_server: bool = True, processes: int = 1) -> Reach:
    reach = Reach(WorkerSettings(processes=processes, batch=100, threads=8), on_server=on_server)
    reach.learn(steps)
    return reach


def test_a_worker_takes_steps_for_slow_until_it_knows_them() -> None:
    assert 2 * 8 == learned([]).runs()


@pytest.mark.parametrize(
    "given", [{}, {"on_server": False, "processes": 2}], ids=["a core to spare", "a file that another has in turn"]
)
def test_where_it_would_wait_it_holds_three_batches_and_commits_one(given: dict[str, Any]) -> None:
    reach = learned(QUICK, **given)

    assert (300, 100) == (reach.runs(), reach.portion(300))
    assert (100, 100, 20) == (reach.room(0), reach.room(200), reach.room(280))


def test_what_is_held_is_committed_in_halves_where_a_third_is_not_worth_to_be_made_ready_and_a_few_at_once() -> None:
    reach = learned(QUICK)

    assert [FEW, (FEW + 1) // 2, 149, 100] == [reach.portion(held) for held in (FEW, FEW + 1, 299, 300)]


@pytest.mark.parametrize(
    "given", [{"on_server": False}, {"processes": 2}], ids=["a file of its own", "no core to spare"]
)
def test_else_it_holds_one_and_commits_all(given: dict[str, Any]) -> None:
    reach = learned(QUICK, **given)

    assert (100, 100) == (reach.runs(), reach.portion(100))


def test_it_holds_no_more_than_it_begins_within_a_tick() -> None:
    reach = Reach(WorkerSettings(batch=1000, threads=8), on_server=True)
    reach.learn([(0.0004, False)] * 200)

    assert 2500 == pytest.approx(reach.runs(), abs=1)


def test_what_takes_a_while_is_not_held_three_times() -> None:
    assert 100 == learned(SLOW).runs()
    assert 16 == learned([(1.0, False)] * 200).runs()


def test_what_has_effects_is_not_held_three_times_for_its_threads_need_no_more() -> None:
    reach = learned([*QUICK, (0.0001, True)])
    assert 100 == reach.runs()

    reach.learn([])
    assert 100 == reach.runs()

    reach.learn(QUICK)
    assert 300 == reach.runs()
