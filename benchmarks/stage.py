"""How much is measured, and the databases that are filled for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ours
from ground import Ground

WORKERS = 2
"""Worker processes, where the number is not what is asked: as many as there are cores."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; what `--quick` changes.

    Attributes:
        lease: seconds that a claim lasts where workers are killed; the setting's default is longer.
        storm_rate: new runs per second during a storm.
        storm_lead: seconds from making the storm ready to its breaking loose.
        starts: how often a worker is started to see how long that takes.
        rest_seconds: how long such a worker runs before its memory is looked at.
    """

    runs: int = 30_000
    effects_runs: int = 10_000
    samples: int = 300
    warm_up: int = 10
    recovered: int = 10_000
    lease: float = 3.0
    parked: int = 1_000_000
    ended: tuple[int, ...] = (0, 1_000_000, 10_000_000)
    storm: int = 100_000
    storm_rate: float = 50.0
    storm_lead: float = 20.0
    claims: int = 500
    starts: int = 3
    rest_seconds: float = 5.0
    bare_seconds: float = 3.0
    peer_runs: int = 1_500
    slow_peer_runs: int = 600


QUICK = Size(
    runs=40, effects_runs=20, samples=4, warm_up=2, recovered=400, lease=0.9, parked=200, ended=(0, 100), storm=40,
    storm_rate=20.0, storm_lead=2.5, claims=5, starts=1, rest_seconds=0.2, bare_seconds=0.2, peer_runs=40,
    slow_peer_runs=40,
)  # fmt: skip


@dataclass(slots=True)
class Stage:
    """The ground, and the databases that were filled for one scenario and are copied or used again."""

    ground: Ground
    size: Size
    filled: dict[str, str] = field(default_factory=dict)

    def filled_once(self, name: str, kind: str, fill: Callable[[str], None]) -> str:
        """The URL of a database that is filled the first time that it is asked for."""
        if f"{name} {kind}" not in self.filled:
            url = self.ground.fresh(kind)
            ours.make_schema(url)
            fill(url)
            self.ground.settle(url)
            self.filled[f"{name} {kind}"] = url
        return self.filled[f"{name} {kind}"]

    def copy_of(self, name: str, kind: str, fill: Callable[[str], None]) -> str:
        """The URL of a copy of such a database, to be dropped."""
        return self.ground.copy(self.filled_once(name, kind, fill))

    def forget(self) -> None:
        """Drop what was filled."""
        for url in self.filled.values():
            self.ground.drop(url)
        self.filled.clear()
