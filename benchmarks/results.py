"""The results of the benchmark as they were written: sessions, and series of figures in them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Row = dict[str, Any]
OURS, BARE = "overstap", "bare"
LATENCY, INSIDE = "latency", "latency in one process"
NAMES = {OURS: "Overstap", BARE: "bare database", "dbos": "DBOS", "pgqueuer": "PgQueuer"}


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a series, and its least and greatest figure."""

    median: float
    least: float
    most: float
    count: int


def spread(figures: Iterable[float]) -> Spread | None:
    """The spread of a series; None of an empty one."""
    ordered = sorted(figures)
    if not ordered:
        return None
    return Spread(statistics.median(ordered), ordered[0], ordered[-1], len(ordered))


class Session:
    """What one run of the benchmark found.

    Args:
        rows: its results, and one about the machine.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self.machine: Row = next((row for row in rows if row["what"] == "machine"), {})
        self.rows = [row for row in rows if row["what"] != "machine"]
        self.name = str(rows[0]["session"]) if rows else ""

    def series(self, field: str, **wanted: Any) -> list[Any]:
        """A figure in each row that has it and matches, e.g. `series("p50_ms", side="dbos", what="latency")`."""
        return [row[field] for row in self.rows if field in row and all(row.get(key) == wanted[key] for key in wanted)]

    def median(self, field: str, **wanted: Any) -> float | None:
        """The median of a series; None when there is nothing."""
        found = spread(self.series(field, **wanted))
        return None if found is None else found.median

    def values(self, key: str, **wanted: Any) -> list[Any]:
        """The different values of a key in the rows that have it and match, in the order they came."""
        return list(dict.fromkeys(self.series(key, **wanted)))

    def peers(self) -> list[str]:
        """The sides that are neither us nor the bare database."""
        return [side for side in self.values("side") if side not in {OURS, BARE}]

    def best_peer(self, field: str, *, least: bool = False, **wanted: Any) -> tuple[float, str] | None:
        """The best median of any peer, with whatever number of processes it got it, and whose it is.

        Args:
            least: whether less is better.
        """
        medians = [
            (median, peer)
            for peer in self.peers()
            for processes in self.values("processes", side=peer, **wanted)
            if (median := self.median(field, side=peer, processes=processes, **wanted)) is not None
        ]
        if not medians:
            return None
        return min(medians) if least else max(medians)


def name_of(side: str) -> str:
    """A side's name."""
    return NAMES.get(side, side.title())


def read(path: Path) -> list[Session]:
    """The sessions of a file of results, the newest first; quick ones only where there are no others."""
    sessions: dict[str, list[Row]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        sessions.setdefault(row["session"], []).append(row)
    found = [Session(sessions[name]) for name in sorted(sessions, reverse=True)]
    return [one for one in found if not one.machine.get("quick")] or found
