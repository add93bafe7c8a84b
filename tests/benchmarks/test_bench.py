"""The benchmark can be played, in small."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from children import Child, ChildFailed
from filling import copies
from ground import ask
from ours import PARKED, Client, bench

BENCH = Path(__file__).parents[2] / "benchmarks" / "bench.py"
PLAYED = (
    ("bare", "one by one", "sqlite", 1),
    ("overstap", "drain", "postgresql", 1),
    ("overstap", "effects", "sqlite", 1),
    ("overstap", "latency", "postgresql", 1),
    ("overstap", "latency in one process", "postgresql", 1),
    ("overstap", "held snapshot", "sqlite", 2),
    ("overstap", "recovery", "sqlite", 2),
    ("overstap", "parked 200", "sqlite", 2),
    ("overstap", "storm", "sqlite", 2),
    ("overstap", "ended 100", "sqlite", 2),
)
FIGURES = {
    "latency": "p50_ms",
    "latency in one process": "p50_ms",
    "recovery": "complete_s",
    "parked 200": "rss_mb",
    "storm": "start_p99_ms",
}


def test_each_scenario_can_be_played_in_small(postgres_server: Callable[[str], str], tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    only = [word for side, what, kind, processes in PLAYED for word in ("--only", f"{side} {what} {kind} x{processes}")]
    command = [sys.executable, BENCH, "--quick", "--results", results, "--server", postgres_server("postgres"), *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    played = {
        (row["side"], row["what"], row["database"], row["processes"]): row for row in rows if row["what"] != "machine"
    }
    assert set(PLAYED) == set(played)
    assert [] == [key for key, row in played.items() if row[FIGURES.get(key[1], "transitions_per_s")] <= 0]


def test_copies_of_a_parked_run_are_due_one_after_the_other_and_then_go_on(database_url: str) -> None:
    with closing(Client(database_url, "2", PARKED)) as client:
        source = client.submit()
    with bench(database_url) as at_work:
        at_work.worker.run(until_idle=True)
    copies(database_url, source, 20, parked=True)
    waiting = "SELECT count(DISTINCT due_at) FROM run WHERE state = 'credit_check' AND id < '2'"
    assert [(20,)] == ask(database_url, waiting)
    with bench(database_url) as at_work:
        due = datetime.now(UTC) + timedelta(hours=2)
        held = at_work.claims.claim("bench", 100, due, due + timedelta(minutes=1))
        assert ["0" * 26] == [claim.run.id for claim in held]
        entries = "SELECT count(*) FROM journal WHERE run_id = %s"
        assert ask(database_url, entries, source) == ask(database_url, entries, held[0].run.id)


def python(code: str) -> Child:
    return Child([sys.executable, "-c", code])


def test_a_child_that_fails_is_told_of_with_its_last_words() -> None:
    with python("raise SystemExit('out of cheese')") as child, pytest.raises(ChildFailed, match="out of cheese"):
        child.hear(30)


def test_a_silent_child_is_not_waited_for_for_ever() -> None:
    with python("import sys; sys.stdin.read()") as child, pytest.raises(ChildFailed, match="was silent"):
        child.hear(0.1)


def fail_beside(child: Child) -> None:
    with child:
        child.hear(30)
        raise KeyboardInterrupt


def test_a_child_is_ended_when_its_block_fails() -> None:
    child = python("import time; print('{}', flush=True); time.sleep(600)")
    with pytest.raises(KeyboardInterrupt):
        fail_beside(child)
    assert -signal.SIGKILL == child.process.returncode
