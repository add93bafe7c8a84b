"""The plot of one session, drawn in the environment that has matplotlib.

    var/bench/envs/plot/bin/python benchmarks/plot.py RESULTS SESSION

writes `benchmark.png` and `benchmark.svg` beside the results.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import matplotlib as mpl

from results import BARE, OURS, Session, Spread, name_of, read, spread

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

PANELS = (
    ("PostgreSQL, trivial steps", "postgresql", ("drain", "batches"), "transitions_per_s", "transitions/s"),
    ("PostgreSQL, an effect per step", "postgresql", ("effects",), "transitions_per_s", "transitions/s"),
    ("SQLite, trivial steps", "sqlite", ("drain", "batches"), "transitions_per_s", "transitions/s"),
    ("PostgreSQL, submit to end", "postgresql", ("latency",), "p50_ms", "p50, ms; less is better"),
    ("SQLite, an effect per step", "sqlite", ("effects",), "transitions_per_s", "transitions/s"),
    ("SQLite, submit to end", "sqlite", ("latency",), "p50_ms", "p50, ms; less is better"),
)
COLOURS = {OURS: "#1f5fa8", BARE: "#9a9a9a"}
PEER = "#d08a3a"
FEWEST = 5
"""Bars that a panel has room for at least, so that few are not thick."""


def bars(session: Session, database: str, whats: tuple[str, ...], field: str) -> list[tuple[str, str, Spread]]:
    """Label, side and figures of each bar: for each side and number of processes one."""
    found = []
    for what in whats:
        for side in session.values("side", what=what, database=database):
            for processes in session.values("processes", side=side, what=what, database=database):
                key = {"side": side, "what": what, "database": database, "processes": processes}
                if (figures := spread(session.series(field, **key))) is not None:
                    label = name_of(side) if field == "p50_ms" else f"{name_of(side)}, {processes}"
                    found.append((label, side, figures))
    return sorted(found, key=lambda bar: bar[2].median)


def draw(axes: Axes, title: str, unit: str, found: list[tuple[str, str, Spread]]) -> None:
    """One panel: medians as bars, least and greatest figures as whiskers."""
    medians = [figures.median for _, _, figures in found]
    whiskers = [
        [figures.median - figures.least for _, _, figures in found],
        [figures.most - figures.median for _, _, figures in found],
    ]
    colours = [COLOURS.get(side, PEER) for _, side, _ in found]
    axes.barh([label for label, _, _ in found], medians, xerr=whiskers, color=colours, ecolor="#444444", capsize=2)
    for place, (_, _, figures) in enumerate(found):
        axes.annotate(f" {figures.median:,.3g}" if figures.median < 100 else f" {figures.median:,.0f}",  # noqa: PLR2004
                      (figures.most, place), va="center", fontsize=8)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(10 ** math.floor(math.log10(min(medians) / 2)), 8 * max(figures.most for _, _, figures in found))
    axes.set_ylim(min(0, len(found) - FEWEST) - 0.6, len(found) - 0.4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.7g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Draw it."""
    results, name = Path(sys.argv[1]), sys.argv[2]
    session = next(one for one in read(results) if one.name == name)
    panels = [(title, unit, bars(session, *where)) for title, *where, unit in PANELS]
    panels = [(title, unit, found) for title, unit, found in panels if found]
    if not panels:
        sys.exit("this session has nothing to draw")
    rows = -(-len(panels) // 2)
    figure, axes = plt.subplots(rows, 2, figsize=(11, 3.1 * rows), squeeze=False, layout="constrained")
    for place, one in enumerate(axes.flat):
        if place < len(panels):
            draw(one, *panels[place])
        else:
            one.set_visible(False)
    repeats = len(session.values("repeat"))
    figure.suptitle(
        f"Medians and spread of {repeats} repetitions; logarithmic scale; with the number of processes", fontsize=9
    )
    for ending in ("png", "svg"):
        figure.savefig(results.with_name(f"benchmark.{ending}"), dpi=150)


if __name__ == "__main__":
    main()
