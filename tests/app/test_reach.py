"""How many runs a worker holds, and how many of them it commits together."""

from __future__ import annotations

import os

import pytest

from overstap.app.reach import FEW, Reach
from overstap.settings import WorkerSettings

QUICK, SLOW = [0.0001] * 200, [0.002] * 200


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def learned(took: list[float], *, overlaps: bool = True, processes: int = 1) -> Reach:
    reach = Reach(WorkerSettings(processes=processes, batch=100, threads=8), overlaps=overlaps)
    reach.learn(took)
    return reach


def test_a_worker_takes_steps_for_slow_until_it_knows_them() -> None:
    assert 2 * 8 == learned([]).runs()


def test_with_a_core_to_spare_it_holds_three_batches_and_commits_one() -> None:
    reach = learned(QUICK)

    assert (300, 100) == (reach.runs(), reach.portion(300))
    assert FEW == reach.portion(FEW)


@pytest.mark.parametrize(
    "reach",
    [lambda: learned(QUICK, overlaps=False), lambda: learned(QUICK, processes=2)],
    ids=["database in the process", "no core to spare"],
)
def test_else_it_holds_one_and_commits_all(reach: type[Reach]) -> None:
    assert (100, 100) == (reach().runs(), reach().portion(100))


def test_what_takes_a_while_is_not_held_three_times() -> None:
    assert 100 == learned(SLOW).runs()
    assert 16 == learned([1.0] * 200).runs()
