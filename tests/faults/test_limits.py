"""Limits over real worker processes on PostgreSQL: what they ask of the provider together, and what a death leaves."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

OpenOffice = Callable[[str], Any]
HASTY = """
[worker]
batch = 25
lease = "2s"
tick = "200ms"
call_limit = "900ms"
heartbeat = "500ms"
[embedded]
move_chunk = 2
"""
SLOW = '[[embedded.faults]]\noperation = "move_users"\nkind = "slow"\ntime = "60ms"\n'
pytestmark = [
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
    pytest.mark.timeout(120),
]


def effects(office: Any) -> list[Any]:
    return [one for run_id in office.app.runs.all_ids() for one in office.app.runs.effects(run_id)]


def most_at_once(office: Any) -> int:
    """The most effects that were under way at one moment, from their being written down to their answer's commit."""
    ends = sorted(
        event
        for one in effects(office)
        for event in ((one.at, 1), (one.settled_at, -1))  # one that ends when another begins has ended
    )
    under_way = most = 0
    for _, change in ends:
        under_way += change
        most = max(most, under_way)
    return most


def test_two_workers_together_never_ask_more_at_once_than_allowed(office: OpenOffice) -> None:
    opened = office(HASTY + SLOW + "[limits.providers.embedded]\nat_once = 3\n")
    opened.submit(12)

    workers = [opened.start_worker("--until-idle") for _ in range(2)]

    assert [0, 0] == [worker.end() for worker in workers]
    assert {"completed": 12} == opened.states()
    assert 3 == most_at_once(opened)
    assert all(row.steps > 0 for row in opened.app.fleet.workers()), "one of the two did nothing"
    assert opened.app.verify().ok


def test_two_workers_together_keep_the_rate(office: OpenOffice) -> None:
    opened = office(HASTY + '[limits.providers.embedded]\nrate = "10/s"\n')
    runs = opened.submit(2)

    workers = [opened.start_worker("--until-idle") for _ in range(2)]

    assert [0, 0] == [worker.end() for worker in workers]
    assert {"completed": 2} == opened.states()
    rows = opened.app.fleet.workers()
    ended = max(opened.app.runs.get(run_id).run.ended_at for run_id in runs)
    starts = sum(row.steps for row in rows)
    assert ended - min(row.started_at for row in rows) >= (starts - 1) * timedelta(milliseconds=100)


def test_a_killed_workers_places_come_back(office: OpenOffice) -> None:
    opened = office(HASTY + SLOW.replace("60ms", "150ms") + "[limits.providers.embedded]\nat_once = 1\n")
    opened.submit(2)
    doomed = opened.start_worker()
    until = time.monotonic() + 60
    while not any(one.operation == "move_users" for one in effects(opened)):
        assert time.monotonic() < until, "no user was ever moved"
        time.sleep(0.01)

    doomed.kill()  # it has the only place

    assert opened.start_worker("--until-idle").end() == 0
    assert {"completed": 2} == opened.states()
    assert opened.app.verify().ok
