"""`overstap worker --processes N`: real processes under a supervisor, killed and stopped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overstap.entrypoints.cli import processes
from overstap.entrypoints.cli.processes import Supervisor
from overstap.settings import Settings, WorkerSettings

OpenOffice = Callable[[str], Any]
QUICK = """
[worker]
batch = 25
lease = "2s"
tick = "200ms"
call_limit = "900ms"
heartbeat = "1s"
"""
SLOW = '[[embedded.faults]]\noperation = "move_users"\nkind = "slow"\ntime = "150ms"\n'
ON_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.timeout(120)
def test_a_killed_process_is_replaced_and_every_run_gets_to_its_end(office: OpenOffice) -> None:
    opened = office(QUICK + SLOW)
    opened.submit(60)
    supervisor = opened.start_worker("--processes", "2", "--until-idle")
    killed = supervisor.wait_for("worker_process_started")["pid"]
    wait_until(lambda: opened.states().get("migrating", 0) > 0, "the work is under way")
    wait_until(lambda: killed in {row.pid for row in opened.app.fleet.workers()}, "that process is at work, too")

    os.kill(killed, signal.SIGKILL)

    died = supervisor.wait_for("worker_process_died")
    assert (killed, -signal.SIGKILL) == (died["pid"], died["code"])
    assert killed != supervisor.wait_for("worker_process_started")["pid"]
    assert supervisor.end() == 0
    assert {"completed": 60} == opened.states()
    assert opened.app.verify().ok
    rows = opened.app.fleet.workers()
    assert 3 == len({row.pid for row in rows})
    assert {killed} == {row.pid for row in rows if row.stopped_at is None}


@ON_POSTGRES
@pytest.mark.timeout(120)
def test_workers_whose_supervisor_is_killed_stop_in_order(office: OpenOffice) -> None:
    opened = office(QUICK)
    supervisor = opened.start_worker("--processes", "2")
    pids = [supervisor.wait_for("worker_process_started")["pid"] for _ in range(2)]
    wait_until(lambda: len(opened.app.fleet.workers()) == 2, "both are at work")

    supervisor.kill()

    wait_until(lambda: not any(is_there(pid) for pid in pids), "both have ended")
    assert sorted(pids) == sorted(row.pid for row in opened.app.fleet.workers() if row.stopped_at is not None)


@ON_POSTGRES
@pytest.mark.timeout(120)
def test_a_signal_to_the_supervisor_stops_all_in_order(office: OpenOffice) -> None:
    opened = office(QUICK)
    supervisor = opened.start_worker("--processes", "2")
    wait_until(lambda: len(opened.app.fleet.workers()) == 2, "both are at work")

    supervisor.send(signal.SIGTERM)

    assert supervisor.end() == 0
    assert [True, True] == [row.stopped_at is not None for row in opened.app.fleet.workers()]
    assert 2 == len([line for line in supervisor.lines if line["event"] == "worker_stopped"])


@ON_POSTGRES
@pytest.mark.timeout(120)
def test_a_second_signal_ends_all_at_once(office: OpenOffice) -> None:
    patient = QUICK.replace('"2s"', '"60s"').replace('"900ms"', '"29s"')
    opened = office(patient + SLOW.replace("150ms", "25s"))
    opened.submit(2)
    supervisor = opened.start_worker("--processes", "2", "--grace", "1h")
    pids = [supervisor.wait_for("worker_process_started")["pid"] for _ in range(2)]
    wait_until(lambda: opened.states() == {"migrating": 2}, "the slow steps are under way")

    supervisor.send(signal.SIGINT)
    supervisor.wait_for("worker_stopping")
    began = time.monotonic()
    supervisor.send(signal.SIGTERM)

    assert supervisor.end() == processes.INTERRUPTED
    assert time.monotonic() - began < 10
    assert [] == [pid for pid in pids if is_there(pid)]


@pytest.fixture
def hopeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Worker processes that die as soon as they are started; each leaves a line in this file."""
    note = tmp_path / "deaths"
    code = f"open({str(note)!r}, 'a').write('died\\n')\nraise SystemExit(3)\n"
    (tmp_path / "dies_at_once.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(processes, "_MODULE", "dies_at_once")
    monkeypatch.setattr(processes, "_PAUSES", (0.01, 0.02, 0.04))
    return note


def test_the_supervisor_gives_up_on_what_dies_at_once_each_time(hopeless: Path) -> None:
    settings = Settings(worker=WorkerSettings(processes=1))

    assert 1 == Supervisor(settings, until_idle=False).run()

    assert ["died"] * 4 == hopeless.read_text(encoding="utf-8").splitlines()
