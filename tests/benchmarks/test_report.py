"""The arithmetic of the benchmark's report, and what it says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import environments
from report import report, shown, spread_shown
from results import Session, Spread, read, spread
from targets import TARGETS, Verdict, verdicts

REPORT = Path(__file__).parents[2] / "benchmarks" / "report.py"


def row(side: str, what: str, figure: float, *, session: str = "a", **more: Any) -> dict[str, Any]:
    values = {"database": "postgresql", "processes": 2, "repeat": 0, "transitions_per_s": figure, "runs_per_s": 1.0}
    return {"session": session, "side": side, "what": what, **values, **more}


def times(side: str, p50: float, p99: float, **more: Any) -> dict[str, Any]:
    keys = {"session": "a", "side": side, "what": "latency", "database": "postgresql", "processes": 1, "repeat": 0}
    return {**keys, "p50_ms": p50, "p99_ms": p99, **more}


def figures(*rows: dict[str, Any]) -> dict[str, float]:
    """The targets that were measured, and what came out."""
    sessions = [Session([one for one in rows if one["session"] == name]) for name in ("b", "a")]
    return {one.target.text: one.figure for one in verdicts(sessions) if one.figure is not None}


def test_a_series_is_told_by_its_median_its_least_and_its_greatest_figure() -> None:
    assert Spread(3.0, 1.0, 9.0, 5) == spread([9.0, 1.0, 3.0, 2.0, 4.0])
    assert spread([]) is None


def test_the_median_of_ours_is_compared_with_the_best_peers_median() -> None:
    ours = [row("overstap", "drain", figure) for figure in (900.0, 4000.0, 1000.0)]
    peers = [row("oban", "drain", 50.0), row("absurd", "drain", 30.0), row("absurd", "drain", 10_000.0, processes=1)]
    found = figures(*ours, *peers)
    assert found["PostgreSQL, two processes ÷ the best peer"] == pytest.approx(0.1)


def test_the_bare_database_is_no_peer() -> None:
    rows = [row("overstap", "drain", 40.0), row("bare", "batches", 100.0), row("oban", "drain", 2.0)]
    found = figures(*rows)
    assert ["oban"] == Session(rows).peers()
    assert found["PostgreSQL, two processes ÷ the best peer"] == 20
    assert found["PostgreSQL, two processes ÷ the bare database's batches"] == 0.4


def test_of_latencies_the_least_is_the_best_and_each_percentile_has_its_own_best_peer() -> None:
    found = figures(times("overstap", 2.0, 9.0), times("dbos", 4.0, 20.0), times("oban", 8.0, 10.0))
    assert found["PostgreSQL: latency, p50 ÷ the best peer's"] == 0.5
    assert found["PostgreSQL: latency, p99 ÷ the best peer's"] == 0.9


def test_latency_counts_the_faster_way_that_ours_has() -> None:
    inside = times("overstap", 3.0, 8.0, what="latency in one process")
    found = figures(times("overstap", 4.0, 6.0), inside, times("dbos", 8.0, 10.0))
    assert found["PostgreSQL: latency, p50 ÷ the best peer's"] == 3 / 8
    assert found["PostgreSQL: latency, p99 ÷ the best peer's"] == 6 / 10


def test_a_ratio_is_never_taken_across_sessions() -> None:
    assert figures(row("overstap", "drain", 40.0), row("oban", "drain", 2.0, session="b")) == {}


def test_the_newest_session_with_both_sides_counts() -> None:
    old = [row("overstap", "drain", 40.0), row("oban", "drain", 2.0)]
    new = [row("overstap", "drain", 30.0, session="b"), row("oban", "drain", 1.0, session="b")]
    assert figures(*old, *new) == {"PostgreSQL, two processes ÷ the best peer": 30}
    assert figures(*old, new[0]) == {"PostgreSQL, two processes ÷ the best peer": 20}


def test_a_quick_session_counts_only_where_there_is_no_other(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    real, quick = ({"session": name, "what": "machine", "quick": name == "b"} for name in ("a", "b"))
    results.write_text(json.dumps(quick) + "\n", encoding="utf-8")
    assert ["b"] == [session.name for session in read(results)]
    results.write_text(json.dumps(real) + "\n" + json.dumps(quick) + "\n", encoding="utf-8")
    assert ["a"] == [session.name for session in read(results)]


def test_the_most_parked_and_ended_runs_are_compared_with_none() -> None:
    rows = [row("overstap", f"ended {n}", rate, ended=n) for n, rate in ((0, 100.0), (1000, 1.0), (9000, 95.0))]
    rows += [row("overstap", f"parked {n}", 0.0, parked=n, rss_mb=memory) for n, memory in ((0, 50.0), (9, 54.0))]
    found = figures(*rows)
    assert found["PostgreSQL: ended runs, throughput ÷ none"] == 0.95
    assert found["PostgreSQL: parked, memory ÷ empty"] == 1.08


@pytest.mark.parametrize(("figure", "most", "least"), [(0.5, True, True), (0.51, False, True), (0.49, True, False)])
def test_a_target_holds_at_its_bound(figure: float, most: bool, least: bool) -> None:
    at_most = next(one for one in TARGETS if one.text == "PostgreSQL: latency, p50 ÷ the best peer's")
    at_least = next(one for one in TARGETS if one.text == "SQLite, two processes ÷ the bare database's batches")
    assert (most, least) == (at_most.holds(figure), at_least.holds(figure / 2))


def test_what_nobody_measured_is_said_to_be_not_measured() -> None:
    assert {"not measured"} == {one.word for one in verdicts([])}
    assert Verdict(TARGETS[0], 1.0, None).word == "**no**"


@pytest.mark.parametrize(
    ("figure", "text"), [(123_456.7, "123,457"), (99.94, "99.9"), (0.01234, "0.0123"), (5.0, "5"), (1000.0, "1,000")]
)
def test_figures_are_shown_with_the_digits_that_say_something(figure: float, text: str) -> None:
    assert text == shown(figure)


def test_a_single_figure_has_no_spread() -> None:
    assert ("5", "5 [4 … 9]") == (spread_shown(Spread(5, 5, 5, 1)), spread_shown(Spread(5, 4, 9, 3)))


def test_the_page_shows_ratios_beside_absolute_figures_and_why_a_peer_is_not_there() -> None:
    machine = {"session": "a", "what": "machine", "cores": 2, "missing": ["oban is not measured: too old"]}
    session = Session([machine, row("overstap", "drain", 4000.0), row("dbos", "drain", 200.0)])
    page = report([session], verdicts([session]))
    assert "| PostgreSQL, 2 processes | DBOS, trivial steps | 200 | 1 | 20 |" in page
    assert "oban is not measured: too old" in page


@pytest.mark.parametrize(("ours", "code"), [(40.0, 0), (39.0, 1)])
def test_the_report_ends_with_1_when_a_target_does_not_hold(tmp_path: Path, ours: float, code: int) -> None:
    results = tmp_path / "results.jsonl"
    rows = [row("overstap", "drain", ours), row("oban", "drain", 2.0)]
    results.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    command = [sys.executable, REPORT, results, "--no-plot"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (code, True) == (done.returncode, (tmp_path / "report.md").exists())
    assert ["a"] == [session.name for session in read(results)]


def test_a_peer_that_needs_a_newer_python_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "_version", lambda _: (3, 11))
    with pytest.raises(environments.NoEnvironment, match=r"oban needs Python 3\.12 or newer; name one in BENCH_PYTHON"):
        environments.interpreter("oban")
    assert sys.executable == environments.interpreter("dbos")
