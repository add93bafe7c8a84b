"""Real worker processes over one real database: killed, doubled, frozen and stopped (design §4, rules.md J7)."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text

from overstap.errors import DatabaseUnavailable, OverstapError
from overstap.store.database import Database

HASTY = """
[worker]
batch = 25
threads = 8
lease = "2s"
tick = "200ms"
call_limit = "900ms"
heartbeat = "1s"
[embedded]
move_chunk = 2
licence_chunk = 3
"""
OPERATIONS = ("place_order", "move_users", "swap_licences", "start_billing", "close_subscription")
OpenOffice = Callable[[str], Any]


def slow(operation: str, duration: str, tenant: str | None = None) -> str:
    whose = f'tenant = "{tenant}"\n' if tenant else ""
    return f'[[embedded.faults]]\noperation = "{operation}"\nkind = "slow"\ntime = "{duration}"\n{whose}'


def breaches(office: Any) -> list[str]:
    return [breach for check in office.app.verify().checks for breach in check.breaches]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


@pytest.mark.rule("R21", "J7")
@pytest.mark.timeout(300)
def test_workers_killed_at_random_moments_lose_nothing_and_do_nothing_twice(office: OpenOffice) -> None:
    dice = random.Random(20260302)
    # Each operation takes a while, so that the killer finds all of them under way.
    opened = office(HASTY + "".join(slow(operation, "60ms") for operation in OPERATIONS))
    runs = opened.submit(200)

    killed_at_work = 0
    for _ in range(20):
        worker = opened.start_worker()
        worker.wait_for("worker_started")
        time.sleep(dice.uniform(0.05, 0.6))  # the moment of the power cut is the point, nothing is waited for
        worker.kill()
        killed_at_work += opened.states().get("completed", 0) < len(runs)
    assert killed_at_work == 20, "the runs ended before the killing did: it proves nothing"

    last = opened.start_worker("--until-idle")
    assert last.end() == 0

    assert {"completed": 200} == opened.states()
    assert [] == breaches(opened)


@pytest.mark.rule("J7")
@pytest.mark.timeout(180)
def test_two_workers_share_the_work_and_advance_no_run_twice(office: OpenOffice) -> None:
    opened = office(HASTY + slow("move_users", "20ms"))
    opened.submit(60)

    workers = [opened.start_worker("--until-idle") for _ in range(2)]

    assert [0, 0] == [worker.end() for worker in workers]
    assert {"completed": 60} == opened.states()
    assert [] == breaches(opened)
    for worker in workers:
        moved = [line for line in worker.lines if line["event"] == "transition"]
        assert moved, "one of the two did nothing"
        assert [] == [line for line in worker.lines if line.get("level") == "error"]


def freeze_outside_a_write(worker: Any, database: Database) -> None:
    """Freeze a worker, but not while it keeps others out: of an SQLite file, or of rows on PostgreSQL."""
    for _ in range(100):
        worker.send(signal.SIGSTOP)
        if nobody_else_writes(database):
            return
        worker.send(signal.SIGCONT)
        time.sleep(0.005)  # else it is stopped again before it gets on
    pytest.fail("the worker never left the database alone")


def nobody_else_writes(database: Database) -> bool:
    if database.dialect == "sqlite":
        with suppress(DatabaseUnavailable), database.write():
            return True
        return False
    at_work = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend' AND state <> 'idle'"
    )
    with database.read() as connection:
        return connection.execute(at_work).scalar_one() == 0


@pytest.mark.timeout(180)
def test_a_worker_frozen_past_its_claims_end_cannot_write(office: OpenOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.store.write_gate.BUSY_SECONDS", 0.2)
    # Slow enough that it is frozen before its call writes anything, also on a busy machine.
    unhurried = HASTY.replace('"2s"', '"6s"').replace('"900ms"', '"2900ms"').replace("move_chunk = 2", "move_chunk = 6")
    opened = office(unhurried + slow("move_users", "2500ms"))
    (run_id,) = opened.submit(1)
    service = opened.app.service
    frozen = opened.start_worker()
    wait_until(lambda: any(one.operation == "move_users" for one in service.effects(run_id)), "a move is under way")
    freeze_outside_a_write(frozen, opened.app.database)
    holder = service.run(run_id).claimed_by

    successor = opened.start_worker("--until-idle")
    assert successor.end() == 0
    monkeypatch.undo()
    after = (service.run(run_id), service.journal(run_id))
    assert after[0].run.state == "completed"

    frozen.send(signal.SIGCONT)
    lost = frozen.wait_for("claim_lost")
    assert (holder, run_id) == (lost["worker"], lost["run_id"])
    frozen.send(signal.SIGTERM)
    assert frozen.end() == 0

    assert after == (service.run(run_id), service.journal(run_id))
    assert [] == breaches(opened)


@pytest.mark.timeout(120)
def test_a_worker_told_to_stop_finishes_its_steps_and_lets_the_rest_go(office: OpenOffice) -> None:
    opened = office(HASTY + slow("place_order", "600ms"))
    opened.submit(30)
    service = opened.app.service

    def effects() -> list[Any]:
        runs = [one.stored.run.id for one in opened.app.search.page(limit=100)]
        return [one for run_id in runs for one in service.effects(run_id)]

    worker = opened.start_worker("--grace", "10s")
    wait_until(lambda: bool(effects()), "orders are under way")

    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    (record,) = opened.app.fleet.workers()
    assert (0, True) == (record.held, record.stopped_at is not None)
    assert {"confirmed"} == {one.status for one in effects()}
    assert opened.states().get("submitted", 0) > 0, "it went on with new steps after it was told to stop"


@pytest.mark.timeout(120)
def test_a_second_signal_ends_a_worker_at_once(office: OpenOffice) -> None:
    opened = office(HASTY.replace('"900ms"', '"29s"').replace('"2s"', '"60s"') + slow("place_order", "20s"))
    (run_id,) = opened.submit(1)
    worker = opened.start_worker("--grace", "60s")
    wait_until(lambda: bool(opened.app.service.effects(run_id)), "the order is under way")

    worker.send(signal.SIGTERM)
    worker.wait_for("worker_stopping")
    began = time.monotonic()
    worker.send(signal.SIGTERM)

    assert worker.end() != 0
    assert time.monotonic() - began < 10
    assert opened.app.service.run(run_id).claimed_by is not None


@pytest.mark.timeout(120)
def test_a_grace_that_is_too_short_leaves_the_claim_to_run_out(office: OpenOffice) -> None:
    opened = office(HASTY.replace('"900ms"', '"29s"').replace('"2s"', '"60s"') + slow("place_order", "20s"))
    (run_id,) = opened.submit(1)
    worker = opened.start_worker("--grace", "200ms")
    wait_until(lambda: bool(opened.app.service.effects(run_id)), "the order is under way")

    worker.send(signal.SIGTERM)

    assert worker.end() == 0
    stored = opened.app.service.run(run_id)
    assert stored.claimed_by is not None, "its step may still be writing: only the claim's end may free the run"
    assert ["intended"] == [one.status for one in opened.app.service.effects(run_id)]


def test_until_idle_ends_while_runs_are_parked_and_a_signal_brings_them_on(office: OpenOffice) -> None:
    opened = office(HASTY + '[rules]\ncredit_threshold = "0.01"\n')
    runs = opened.submit(3)

    assert opened.start_worker("--until-idle").end() == 0
    assert {"credit_check": 3} == opened.states()

    for run_id, event in zip(runs, ("cancel", "credit_approved", "credit_declined"), strict=True):
        opened.app.service.signal(run_id, event, reason="the customer called")
    assert opened.start_worker("--until-idle").end() == 0
    assert {"cancelled": 1, "completed": 1, "failed": 1} == opened.states()
    assert [] == breaches(opened)


def test_a_database_that_is_away_is_one_clear_line(office: OpenOffice) -> None:
    opened = office(HASTY)
    opened.app.close()
    away = (
        opened.url.replace("sqlite:///", "sqlite:////proc/nowhere/")
        if "sqlite" in opened.url
        else ("postgresql://nobody@127.0.0.1:1/none")
    )
    opened.url = away

    worker = opened.start_worker("--until-idle")

    assert worker.end() == OverstapError.exit_code or worker.end() == 2
    assert not any("Traceback" in line["event"] for line in worker.lines)
    assert any(line["event"].startswith("error: ") for line in worker.lines)
