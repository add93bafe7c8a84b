"""What our side is asked: each function plays one scenario once on fresh databases and answers rows of results.

All work is done by worker processes that are ready before the clock starts; what they did is counted in the database
afterwards, and a run that was lost or done twice ends the benchmark.
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import ours
from children import Child
from children import ask as ask_child
from filling import copies
from ground import ask, moment
from looking import Holding, Looker
from peers.chain import summary
from stage import WORKERS, Stage

Row = dict[str, Any]
DONE = "SELECT count(*) FROM journal WHERE kind = 'transition'"


def worker(url: str, *options: str) -> Child:
    """A worker process that has said it is ready."""
    child = Child([sys.executable, "workers.py", "worker", url, *options])
    try:
        child.hear()
    except BaseException:  # a Ctrl-C too: nobody else knows of it yet
        child.kill()
        raise
    return child


def work_off(url: str, processes: int, *options: str) -> float:
    """Seconds that so many worker processes need, from the word to start to the last commit."""
    with ExitStack() as stack:
        children = [
            stack.enter_context(worker(url, "--until-idle", "--processes", str(processes), *options))
            for _ in range(processes)
        ]
        began = time.monotonic()
        for child in children:
            child.say("go")
        return max(last for _, last in map(course, children)) - began


def course(child: Child, patience: float = 900.0) -> tuple[float, float]:
    """When a worker process that ends by itself made its first and its last commit; never and 0 when it made none."""
    first = math.inf
    while "last" not in (said := child.hear(patience)):
        first = said["first"]
    return first, said["last"] or 0.0


def check(url: str, runs: int, prefix: str = "1") -> None:
    """End the benchmark unless exactly so many runs have completed, each with exactly its transitions."""
    span = (f"{prefix}{'0' * 25}", f"{prefix}{'9' * 25}")
    [(completed,)] = ask(url, "SELECT count(*) FROM run WHERE id BETWEEN %s AND %s AND state = 'completed'", *span)
    [(done,)] = ask(url, f"{DONE} AND run_id BETWEEN %s AND %s", *span)
    if (completed, done) != (runs, ours.TRANSITIONS * runs):
        raise SystemExit(f"{url}: of {runs} runs {completed} completed, with {done} transitions")


def drain(stage: Stage, kind: str, processes: int, *, effects: bool = False, held: bool = False) -> Row:
    """Transitions per second over a backlog; with an effect per step, or while an old snapshot is held open."""
    runs = stage.size.effects_runs if effects else stage.size.runs
    url = stage.copy_of(f"backlog {runs}", kind, lambda url: ours.backlog(url, runs))
    options = ["--effects", str(stage.ground.folder / "ledger")] if effects else []
    with ExitStack() as stack:
        if held:
            stack.enter_context(Holding(url))
        seconds = work_off(url, processes, *options)
    check(url, runs)
    if effects:
        [(confirmed,)] = ask(url, "SELECT count(*) FROM effect WHERE status = 'confirmed'")
        if confirmed != ours.TRANSITIONS * runs:
            raise SystemExit(f"{confirmed} effects are confirmed, not {ours.TRANSITIONS * runs}")
    stage.ground.drop(url)
    return {"transitions_per_s": ours.TRANSITIONS * runs / seconds, "runs_per_s": runs / seconds, "runs": runs}


def latency(stage: Stage, kind: str) -> Row:
    """Milliseconds from submit to end of single runs, submitted and watched by a process that is no worker."""
    url = stage.ground.fresh(kind)
    ours.make_schema(url)
    client, took = ours.Client(url), []
    with worker(url) as child, Looker(url) as looker:
        child.say("go")
        time.sleep(1)
        for _ in range(stage.size.samples + stage.size.warm_up):
            began = time.perf_counter()
            run_id = client.submit()
            looker.wait_for_end(run_id)
            took.append(time.perf_counter() - began)
    client.close()
    stage.ground.drop(url)
    return summary(took[stage.size.warm_up :])


def latency_inside(stage: Stage, kind: str) -> Row:
    """The same, submitted in the worker's own process, which also tells of the end."""
    runs = stage.size.samples + stage.size.warm_up
    url = stage.ground.fresh(kind)
    ours.make_schema(url)
    with Child([sys.executable, "workers.py", "latency", url, str(runs)]) as child:
        while "took_s" not in (said := child.hear()):
            pass
    check(url, runs)
    stage.ground.drop(url)
    return summary(said["took_s"][stage.size.warm_up :])


def recovery(stage: Stage, kind: str) -> Row:
    """Seconds from a `kill -9` of all workers, with a third done, to the next commit and to the end of all runs."""
    runs, processes = stage.size.recovered, WORKERS
    url = stage.copy_of(f"backlog {runs}", kind, lambda url: ours.backlog(url, runs))
    ledger = stage.ground.folder / f"ledger-{time.monotonic_ns()}"
    options = ["--effects", str(ledger), "--lease", str(stage.size.lease)]
    with ExitStack() as stack:
        children = [stack.enter_context(worker(url, "--processes", str(processes), *options)) for _ in range(processes)]
        for child in children:
            child.say("go")
        wait_until(lambda: ask(url, DONE)[0][0] * 3 >= ours.TRANSITIONS * runs, 600)
        killed = time.monotonic()
        for child in children:
            child.kill()
    [(done,)] = ask(url, DONE)
    with ExitStack() as stack:
        children = [
            stack.enter_context(worker(url, "--until-idle", "--processes", str(processes), *options))
            for _ in range(processes)
        ]
        for child in children:
            child.say("go")
        courses = [course(child) for child in children]
    first, last = min(first for first, _ in courses), max(last for _, last in courses)
    check(url, runs)
    calls = ledger.read_text(encoding="utf-8").split()
    doubled = len(calls) - len(set(calls))
    [(confirmed,)] = ask(url, "SELECT count(*) FROM effect WHERE status = 'confirmed'")
    stage.ground.drop(url)
    if doubled or confirmed != ours.TRANSITIONS * runs:
        raise SystemExit(f"{doubled} calls were made twice, {confirmed} effects are confirmed")
    row = {"goes_on_s": first - killed, "complete_s": last - killed, "lease_s": stage.size.lease, "runs": runs}
    return {**row, "done_before": done, "doubled": doubled, "lost": 0}


def fill_parked(url: str, count: int) -> None:
    """Runs that wait for a credit decision, due over fourteen days."""
    client = ours.Client(url, "2", ours.PARKED)
    run_id = client.submit()
    client.close()
    work_off(url, 1)
    copies(url, run_id, count, parked=True)


def parked(stage: Stage, kind: str, count: int) -> Row:
    """Start-up, memory and claims with so many parked runs."""
    size = stage.size
    fill = (lambda url: fill_parked(url, count)) if count else (lambda _: None)
    url = stage.copy_of(f"parked {count}", kind, fill)
    stage.ground.settle(url)
    starts = []
    for _ in range(size.starts):
        with Child([sys.executable, "workers.py", "start-up", url, str(size.rest_seconds)]) as child:
            said = child.hear()
            starts.append((said["looked"] - child.started, said["look_ms"], said["rss_mb"]))
    each = 5
    ours.backlog(url, size.claims * each)
    took = ask_child([sys.executable, "workers.py", "claims", url, str(size.claims), str(each)])["took_ms"]
    stage.ground.drop(url)
    start, look, memory = (statistics.median(column) for column in zip(*starts, strict=True))
    times = summary(one / 1000 for one in took)
    row = {"parked": count, "start_s": start, "look_ms": look, "rss_mb": memory}
    return {**row, "claim_p50_ms": times["p50_ms"], "claim_p99_ms": times["p99_ms"]}


def fill_ended(url: str, count: int) -> None:
    """Runs that have completed."""
    if count:
        client = ours.Client(url, "2")
        run_id = client.submit()
        client.close()
        work_off(url, 1)
        copies(url, run_id, count)


def with_ended(stage: Stage, kind: str, count: int, repeat: int) -> Row:
    """Transitions per second over a backlog beside so many runs that have ended."""
    url, runs = stage.filled_once(f"ended {count}", kind, lambda url: fill_ended(url, count)), stage.size.runs
    prefix = "abcdefghijklmnopqrstuvwxyz"[repeat]
    client = ours.Client(url, "3", first=repeat)
    copies(url, client.submit(), runs, prefix=prefix)
    client.close()
    stage.ground.settle(url)
    seconds = work_off(url, WORKERS)
    check(url, runs, prefix)
    return {"ended": count, "transitions_per_s": ours.TRANSITIONS * runs / seconds, "runs_per_s": runs / seconds}


def storm(stage: Stage, kind: str) -> Row:
    """So many timers due at one moment while new runs come in: the new ones' start delay, and the time to drain."""
    count, rate = stage.size.storm, stage.size.storm_rate
    url = stage.copy_of(f"parked {count}", kind, lambda url: fill_parked(url, count))
    due = datetime.now(UTC) + timedelta(seconds=stage.size.storm_lead)
    at = moment(url, due)
    ask(url, "UPDATE run SET due_at = %s, deadline_at = %s WHERE workflow = 'parked'", at, at)
    stage.ground.settle(url)
    if datetime.now(UTC) > due:
        raise SystemExit("the storm could not be made ready in time")
    client = ours.Client(url)
    with ExitStack() as stack:
        children = [stack.enter_context(worker(url, "--processes", str(WORKERS))) for _ in range(WORKERS)]
        for child in children:
            child.say("go")
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        submitted = submit_until_drained(url, client, rate)
        wait_until(lambda: not ask(url, "SELECT 1 FROM run WHERE ended_at IS NULL LIMIT 1"), 60)
    client.close()
    [(last,)] = ask(url, "SELECT max(ended_at) FROM run WHERE workflow = 'parked'")
    delays = ask(
        url,
        "SELECT run.created_at, min(journal.at) FROM run JOIN journal ON journal.run_id = run.id AND journal.seq > 1 "
        "WHERE run.workflow = 'chain' GROUP BY run.id, run.created_at",
    )
    stage.ground.drop(url)
    times = summary((parse(first) - parse(created)).total_seconds() for created, first in delays)
    row = {"timers": count, "new_runs": submitted, "drain_s": (parse(last) - due).total_seconds()}
    return {**row, "start_p50_ms": times["p50_ms"], "start_p99_ms": times["p99_ms"]}


def submit_until_drained(url: str, client: ours.Client, rate: float, limit: float = 900.0) -> int:
    """Submit new runs at an even rate until no timer is left; answers how many."""
    began, submitted = time.monotonic(), 0
    while time.monotonic() - began < limit:
        client.submit()
        submitted += 1
        if submitted % 10 == 0:
            left = "SELECT 1 FROM run WHERE workflow = 'parked' AND ended_at IS NULL LIMIT 1"
            if not ask(url, left):
                return submitted
        time.sleep(max(0.0, began + submitted / rate - time.monotonic()))
    raise SystemExit(f"the storm had not drained after {limit:.0f} s")


def parse(at: Any) -> datetime:
    """A moment as the database gave it."""
    return datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at


def wait_until(condition: Callable[[], bool], limit: float) -> None:
    """Look again and again, for so many seconds at most."""
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"what was waited for did not come in {limit:.0f} s")
        time.sleep(0.02)
