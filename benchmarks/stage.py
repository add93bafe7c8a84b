"""How much is measured, and the databases that are filled for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import ours
from ground import Ground


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done; what `--quick` changes."""

    runs: int = 30_000
    effects_runs: int = 10_000
    samples: int = 300
    recovered: int = 10_000
    parked: int = 1_000_000
    ended: tuple[int, ...] = (0, 1_000_000, 10_000_000)
    storm: int = 100_000
    storm_rate: float = 20.0
    claims: int = 500
    starts: int = 3
    rest_seconds: float = 5.0
    bare_seconds: float = 3.0
    peer_runs: int = 1_500
    slow_peer_runs: int = 600


QUICK = Size(60, 40, 6, 60, 300, (0, 200), 100, 20.0, 10, 1, 0.3, 0.3, 60, 40)


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
