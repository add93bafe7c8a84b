"""The results as Markdown tables, each target with its verdict, and a plot.

    python benchmarks/report.py [RESULTS] [--no-plot]

writes `report.md`, `benchmark.png` and `benchmark.svg` beside the results and prints the tables. Medians stand with
least and greatest figure. Every ratio is within one session; with several sessions in the file, the newest that has
both sides. It ends with 1 when a target that was measured does not hold.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from environments import HOME, NoEnvironment, python_of
from results import INSIDE, LATENCY, OURS, Session, Spread, name_of, read, spread
from stage import WORKERS
from targets import KINDS, Verdict, verdicts

RATES = ("drain", "effects", "batches", "one by one")
WAYS = {LATENCY: "", INSIDE: ", in one process"}
WHATS = {"drain": "trivial steps", "effects": "with an effect per step", "batches": "batches of 500"}
WHATS |= {"one by one": "one commit each"}
FIGURES = {
    "transitions_per_s": "transitions/s",
    "goes_on_s": "from the kill to the next commit, s",
    "complete_s": "from the kill to the end of all runs, s",
    "lease_s": "lease, s",
    "doubled": "calls made twice",
    "lost": "runs lost",
    "start_s": "start-up, s",
    "look_ms": "of it the first look for due runs, ms",
    "rss_mb": "memory, MB",
    "claim_p50_ms": "a claim of five runs, p50, ms",
    "claim_p99_ms": "a claim of five runs, p99, ms",
    "new_runs": "new runs that came in",
    "drain_s": "time to drain, s",
    "start_p50_ms": "new runs' start delay, p50, ms",
    "start_p99_ms": "new runs' start delay, p99, ms",
}
"""The figures of scenarios that are shown, and what they are."""


def shown(figure: float) -> str:
    """A figure with about three digits that say something."""
    if abs(figure) >= 100 or figure == int(figure):  # noqa: PLR2004
        return f"{figure:,.0f}"
    return f"{figure:.3g}"


def spread_shown(found: Spread) -> str:
    """The median, and where the figures lie."""
    if found.count == 1:
        return shown(found.median)
    return f"{shown(found.median)} [{shown(found.least)} … {shown(found.most)}]"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, all but its first two columns to the right."""
    marks = ["---" if place < 2 else "---:" for place in range(len(head))]  # noqa: PLR2004
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, marks, *rows])


def rates(session: Session) -> str:
    """Transitions per second of all sides; ours over each one's beside it."""
    rows = []
    for kind in KINDS:
        for what in RATES:
            for side in session.values("side", what=what, database=kind):
                for processes in session.values("processes", side=side, what=what, database=kind):
                    key = {"side": side, "what": what, "database": kind, "processes": processes}
                    found = spread(session.series("transitions_per_s", **key))
                    runs = session.median("runs_per_s", **key)
                    like = {"what": "effects" if what == "effects" else "drain", "database": kind}
                    ours = session.median("transitions_per_s", side=OURS, processes=processes, **like)
                    if found is None or runs is None:
                        continue
                    times = "" if side == OURS or ours is None else shown(ours / found.median)
                    where = f"{KINDS[kind]}, {processes} process{'es'[: 2 * (processes > 1)]}"
                    rows.append([where, f"{name_of(side)}, {WHATS[what]}", spread_shown(found), shown(runs), times])
    return table(["database", "side", "transitions/s", "runs/s", "Overstap ÷ this"], rows)


def latencies(session: Session) -> str:
    """Submit to end at light load, of all sides."""
    rows = []
    for kind in KINDS:
        ours = session.median("p50_ms", side=OURS, what=LATENCY, database=kind)
        for what, way in WAYS.items():
            for side in session.values("side", what=what, database=kind):
                key = {"side": side, "what": what, "database": kind}
                p50, p99 = (spread(session.series(field, **key)) for field in ("p50_ms", "p99_ms"))
                if p50 is None or p99 is None:
                    continue
                times = "" if side == OURS or ours is None else shown(ours / p50.median)
                rows.append([KINDS[kind], f"{name_of(side)}{way}", spread_shown(p50), spread_shown(p99), times])
    return table(["database", "side", "p50, ms", "p99, ms", "Overstap ÷ this, p50"], rows)


def scenarios(session: Session) -> str:
    """Everything that only our side is asked."""
    rows = []
    for kind in KINDS:
        for what in session.values("what", side=OURS, database=kind):
            if what in {*RATES, *WAYS}:
                continue
            for field, label in FIGURES.items():
                if (found := spread(session.series(field, side=OURS, what=what, database=kind))) is not None:
                    rows.append([KINDS[kind], scenario_shown(what), label, spread_shown(found)])
    return table(["database", "scenario", "figure", "median"], rows)


def scenario_shown(what: str) -> str:
    """A scenario's name; of those with a number of runs that number with separators."""
    word, _, number = what.partition(" ")
    return f"{int(number):,} {word} runs" if number.isdigit() else what


def held_snapshot(session: Session) -> str:
    """What an old snapshot that stays open costs."""
    lines = []
    for kind, name in KINDS.items():
        key = {"side": OURS, "database": kind, "processes": WORKERS}
        held, free = (session.median("transitions_per_s", what=what, **key) for what in ("held snapshot", "drain"))
        if held and free:
            lines.append(f"{name}: an old snapshot held open leaves {held / free:.0%} of the throughput.")
    return "\n".join(lines)


def targets(found: Iterable[Verdict]) -> str:
    """Each target and what became of it."""
    return table(
        ["target", "what", "has to be", "is", "holds"],
        [
            [
                one.target.number,
                one.target.text,
                f"{'≤' if one.target.most else '≥'} {shown(one.target.bound)}",
                "" if one.figure is None else shown(one.figure),
                one.word,
            ]
            for one in found
        ],
    )


def measured_on(session: Session) -> str:
    """Under what circumstances a session's figures were taken."""
    told = session.machine
    server = ", ".join(f"{name} {value}" for name, value in told.get("server", {}).items())
    repeats = len(session.values("repeat"))
    machine = f"{told.get('cores')} cores, {told.get('memory_gb')} GB, Python {told.get('python')}"
    word = "Quick session, which says nothing of speed," if told.get("quick") else "Session"
    line = (
        f"{word} {session.name}: {machine}; {repeats} repetition{'s'[: repeats > 1]}; PostgreSQL {server}; "
        "SQLite in WAL mode, synchronous FULL."
    )
    return "\n\n".join([line, *told.get("missing", [])])


def report(sessions: list[Session], found: list[Verdict]) -> str:
    """The whole page."""
    both = next((one for one in sessions if one.peers()), None)
    alone = [one for one in sessions if not one.peers()]
    parts = ["# The benchmark", "## Targets", targets(found)]
    compared = both or next(iter(alone), None)
    if compared is not None:
        parts += ["## Throughput", rates(compared), "## Latency at light load", latencies(compared)]
        parts.append(measured_on(compared))
    for one in alone[:1]:
        parts += ["## Scenarios", scenarios(one), held_snapshot(one), measured_on(one)]
    return "\n\n".join(part for part in parts if part) + "\n"


def plot(results: Path, session: Session) -> str | None:
    """Draw the plot in an environment that has matplotlib; answers why that was not possible."""
    try:
        python = python_of("plot")
    except NoEnvironment as error:
        return f"no plot: {error}"
    command = [python, str(Path(__file__).with_name("plot.py")), str(results), session.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    return None if done.returncode == 0 else f"no plot: {done.stderr[-500:]}"


def main() -> None:
    """Make the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="?", default=HOME / "results.jsonl")
    parser.add_argument("--no-plot", action="store_true")
    given = parser.parse_args()
    if not given.results.exists():
        sys.exit(f"There is no {given.results}; `make bench` writes it.")
    sessions = read(given.results)
    found = verdicts(sessions)
    page = report(sessions, found)
    given.results.with_name("report.md").write_text(page, encoding="utf-8")
    print(page)
    compared = next((one for one in sessions if one.peers()), sessions[0])
    if not given.no_plot and (trouble := plot(given.results, compared)):
        print(trouble, file=sys.stderr)
    missed = [one for one in found if one.figure is not None and not one.target.holds(one.figure)]
    if missed:
        print(f"{len(missed)} of {len(found)} targets do not hold.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
