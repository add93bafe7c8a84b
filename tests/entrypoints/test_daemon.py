"""`overstap worker` and `overstap up` as real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from overstap.entrypoints.cli.daemon import StopSwitch

Cli = Callable[..., Any]
Start = Callable[..., "subprocess.Popen[str]"]
PATIENCE = 30


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "overstap.db")
    return f"sqlite:///{tmp_path}/overstap.db"


@pytest.fixture
def start(database_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts `overstap` as a process of its own; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def popen(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "overstap", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "OVERSTAP_DATABASE_URL": database_url, **environment},
        )
        started.append(process)
        return process

    yield popen
    for process in started:
        process.kill()
        process.communicate()


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line of its log with that text."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return line
    raise AssertionError(f"the process ended without saying {text!r}")


@pytest.mark.rule("R21")
def test_a_worker_until_idle_carries_a_change_to_its_end_and_leaves(
    cli: Cli, start: Start, order: tuple[str, ...]
) -> None:
    run_id = cli(*order, "--json").json["id"]

    out, err = (worker := start("worker", "--until-idle")).communicate(timeout=PATIENCE)

    assert (0, "") == (worker.returncode, out)
    assert "worker_stopped" in err
    assert cli("runs", "show", run_id, "--json").json["state"] == "completed"
    assert cli("verify").code == 0


def test_a_worker_until_idle_leaves_parked_runs_behind(cli: Cli, order: tuple[str, ...]) -> None:
    run_id = cli(*order, "--payment", "invoice", "--json").json["id"]

    assert cli("worker", "--until-idle").code == 0

    run = cli("runs", "show", run_id, "--json").json
    assert ("credit_check", "waiting", None) == (run["state"], run["status"], run["claimed_by"])


class Stoppable:
    """A worker as far as its switch knows it."""

    stops = 0

    def stop(self) -> None:
        self.stops += 1


def test_a_signal_that_comes_before_the_worker_stops_it_as_soon_as_it_is_there() -> None:
    worker = Stoppable()

    with StopSwitch() as switch:
        signal.raise_signal(signal.SIGTERM)
        switch.guard(worker)  # type: ignore[arg-type]

    assert worker.stops == 1


def test_the_switch_leaves_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    with StopSwitch():
        pass

    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_stop_ends_in_order(cli: Cli, start: Start, number: int) -> None:
    worker = start("worker")
    line_with(worker, "worker_started")

    worker.send_signal(number)

    assert worker.wait(PATIENCE) == 0
    line_with(worker, "worker_stopped")
    assert [True] == [one["stopped_at"] is not None for one in cli("workers", "list", "--json").json]


SLOW = {
    "OVERSTAP_EMBEDDED__FAULTS": '[{"operation": "move_users", "kind": "slow", "time": "15s"}]',
    "OVERSTAP_WORKER__TICK": "50ms",
    "OVERSTAP_LOGS__LEVEL": "debug",
}


def wait_for_the_slow_step(worker: subprocess.Popen[str]) -> None:
    line_with(worker, '"state": "migrating"')


def test_a_step_that_outlives_the_grace_is_left_behind(cli: Cli, start: Start, order: tuple[str, ...]) -> None:
    run_id = cli(*order, "--json").json["id"]
    worker = start("worker", "--grace", "100ms", **SLOW)
    wait_for_the_slow_step(worker)

    worker.send_signal(signal.SIGTERM)

    assert worker.wait(10) == 0
    assert cli("runs", "show", run_id, "--json").json["state"] == "migrating"


def test_a_second_signal_ends_a_worker_at_once(cli: Cli, start: Start, order: tuple[str, ...]) -> None:
    cli(*order)
    worker = start("worker", "--grace", "1h", **SLOW)
    wait_for_the_slow_step(worker)

    worker.send_signal(signal.SIGTERM)
    line_with(worker, "worker_stopping")
    worker.send_signal(signal.SIGTERM)

    assert worker.wait(10) == 130


def test_up_makes_the_database_and_says_how_fast_time_runs(start: Start, tmp_path: Path) -> None:
    fresh = tmp_path / "new" / "fresh.db"
    up = start("up", "--speed", "3600", "--port", "0", "--database", f"sqlite:///{fresh}")
    assert up.stdout is not None

    said = [up.stdout.readline() for _ in range(6)]
    up.send_signal(signal.SIGTERM)

    assert up.wait(PATIENCE) == 0
    assert str(fresh) in said[0]
    assert "overstap submit" in said[1]
    assert "3600 times as fast; an hour passes in 1s" in said[2]
    assert "API: http://127.0.0.1:" in said[3]
    assert "Console: http://127.0.0.1:" in said[4]
    assert "/sign-in/" in said[5]
    assert fresh.exists()


def test_a_faster_clock_is_refused_where_runs_live_in_real_time(cli: Cli, order: tuple[str, ...]) -> None:
    cli(*order)
    cli("worker", "--until-idle")

    said = cli("up", "--speed", "60", "--until-idle")

    assert said.code == 1
    assert "real time" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("worker", "--grace", "soon"),
        ("worker", "--threads", "0"),
        ("worker", "--batch", "none"),
        ("up", "--speed", "0"),
        ("up", "--speed", "nan"),
    ],
)
def test_what_a_worker_cannot_be_told_is_a_usage_error(bare: Cli, arguments: tuple[str, ...]) -> None:
    assert bare(*arguments).code == 2
