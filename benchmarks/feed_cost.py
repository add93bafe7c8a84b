"""What the feed costs: batch commits per second with it and without it.

    python benchmarks/feed_cost.py [--pairs 200] [--batch 1 --batch 10 --batch 200] [--database URL ...]

Batches are decided and committed as `chain_cost.py` does it. Those that add a row to the feed and those whose statement
knows of no feed take turns, so that what else the machine does falls on both. The three figures are those of
`chain_cost.py`, too. Without --database it measures an SQLite file in a temporary folder and a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from chain_cost import claimed, first_quartile, one_batch
from ground import databases, kind_of
from overstap.store import commits
from overstap.store.bulk import Alone, Row, Together
from overstap.store.database import Database
from overstap.store.schema import upgrade_schema
from overstap.workflow.chain import sealed

_WARM_UP = 10
_WITH = commits._advance, commits.feed_rows  # noqa: SLF001


class WithoutFeed(Together):
    """The same statement without its last part, which is the feed's."""

    def __call__(self, connection: Any, *rows: Sequence[Row]) -> int:
        """As before there was one."""
        return super().__call__(connection, *rows[:-1])

    def alone(self, *rows: Sequence[Row], hold: Sequence[str] = ()) -> Alone:
        """As before there was one."""
        return super().alone(*rows[:-1], hold=hold)


_WITHOUT = WithoutFeed(*_WITH[0]._parts[:-1]), lambda _: []  # noqa: SLF001


def measure(url: str, batch: int, pairs: int) -> dict[bool, tuple[list[float], list[float]]]:
    """Seconds that batches with and without the feed took; in all, and at work here."""
    database = Database(url)
    upgrade_schema(database)
    claims, held = claimed(database, batch)
    taken: dict[bool, tuple[list[float], list[float]]] = {True: ([], []), False: ([], [])}
    for turn in range(pairs + _WARM_UP):
        for fed in (True, False) if turn % 2 else (False, True):
            commits._advance, commits.feed_rows = _WITH if fed else _WITHOUT  # type: ignore[assignment]  # noqa: SLF001
            seconds, worked, held = one_batch(claims, held, sealed)
            if turn >= _WARM_UP:
                taken[fed][0].append(seconds)
                taken[fed][1].append(worked)
    database.close()
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--batch", type=int, action="append", default=[])
    parser.add_argument("--database", action="append", default=[])
    given = parser.parse_args()
    table = Table("database", "batch", "ms without", "ms with", "slower by: pairs", "quiet quarter", "work here")
    with databases(given.database) as urls:
        for url in urls:
            for batch in given.batch or [1, 10, 200]:
                taken = measure(url, batch, given.pairs)
                (fed, fed_work), (bare, bare_work) = taken[True], taken[False]
                slower = (
                    statistics.median(a / b for a, b in zip(fed, bare, strict=True)),
                    first_quartile(fed) / first_quartile(bare),
                    first_quartile(fed_work) / first_quartile(bare_work),
                )
                took = [f"{statistics.median(one) * 1000:.2f}" for one in (bare, fed)]
                table.add_row(kind_of(url), str(batch), *took, *(f"{(one - 1) * 100:+.1f} %" for one in slower))
    Console().print(table)


if __name__ == "__main__":
    main()
