"""Where the microseconds of a transition go, in a worker's process: each part alone, for batches of 500.

    python benchmarks/parts.py

Parts that wait for the database are left out: `--only drain` of bench.py has these in it. docs/performance.md explains
the table.
"""

from __future__ import annotations

import argparse
import timeit
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

import ours
from overstap.app.engine import Engine
from overstap.clock import SystemClock
from overstap.store.batch import Claim, Settlement
from overstap.store.commits import _prepared, _write
from overstap.workflow.chain import entry_record, link
from overstap.workflow.decide import next_action, settle, submit
from overstap.workflow.files import Library
from overstap.workflow.fold import apply
from overstap.workflow.notable import notices_of
from overstap.workflow.outcome import Done, Step

BATCH = 500


class Nowhere:
    """A connection that takes every statement and does nothing, so that only our own work is measured."""

    rowcount = BATCH

    def __init__(self, dialect: str) -> None:
        self.name = dialect
        self.dialect = self.context = self.cursor = self

    def exec_driver_sql(self, *_: Any) -> Nowhere:
        """Take it."""
        return self

    execute = exec_driver_sql

    def scalar_one(self) -> int:
        """As many rows as there were."""
        return BATCH


def written(dialect: str, settlements: list[Settlement], now: datetime) -> None:
    """What a commit does without its database."""
    _write(Nowhere(dialect), settlements, _prepared(settlements, frozenset(), now, dialect), now)  # type: ignore[arg-type]


def parts() -> list[tuple[str, Callable[[], object]]]:
    """What a transition consists of, each for a whole batch; indented what is part of the one before it."""
    definition, now = ours.definition(ours.CHAIN), datetime.now(UTC)
    runs = [submit(definition, f"1{n:025}", f"t{n}", ours.ORDER, "operator", now).run for n in range(BATCH)]
    claims = [Claim(run, 1, 0, [], now, "worker") for run in runs]
    steps = {name: Step(name, lambda _: Done()) for name in ours.STEPS}
    engine = Engine(
        Library([definition]), steps, None, None, SystemClock(),  # type: ignore[arg-type]  # neither is reached
        lease=timedelta(minutes=1), call_limit=timedelta(seconds=20),
    )  # fmt: skip
    performed = [engine.perform(claim, "check", None) for claim in claims]  # type: ignore[arg-type]
    decided = [settle(definition, run, Done(), now) for run in runs]
    pairs = list(zip(runs, (one.entry for one in decided), strict=True))
    settlements = [engine.decide(claim, one, now) for claim, one in zip(claims, performed, strict=True)]
    records = [entry_record(entry) for _, entry in pairs]
    return [
        ("what to do next", lambda: [engine.action(claim, now) for claim in claims]),
        ("do the step, which is trivial", lambda: [engine.perform(claim, "check", None) for claim in claims]),  # type: ignore[arg-type]
        ("decide what follows", lambda: [engine.decide(*one, now) for one in zip(claims, performed, strict=True)]),
        ("  the statechart's answer", lambda: [definition.next_state("submitted", "checked") for _ in runs]),
        ("  the hash", lambda: [link(run.head, record) for run, record in zip(runs, records, strict=True)]),
        ("  the run as the entry makes it", lambda: [apply(*pair) for pair in pairs]),
        ("  what is next", lambda: [next_action(definition, run, [], now) for run in runs]),
        ("  whom to tell", lambda: [notices_of(definition, [entry], 5) for _, entry in pairs]),
        ("arrays for PostgreSQL", lambda: written("postgresql", settlements, now)),
        ("rows for SQLite", lambda: written("sqlite", settlements, now)),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=20, help="times of which the quickest counts; default 20")
    repeat = parser.parse_args().repeat
    table = Table("part", "µs per transition")
    for name, part in parts():
        table.add_row(name, f"{min(timeit.repeat(part, number=1, repeat=repeat)) / BATCH * 1e6:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
