"""The child processes of our side, which `scenarios.py` starts.

python benchmarks/workers.py worker URL [--until-idle] [--effects FILE] [--lease SECONDS]
python benchmarks/workers.py start-up URL SECONDS
python benchmarks/workers.py claims URL SAMPLES EACH
python benchmarks/workers.py latency URL SAMPLES
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import structlog

from children import memory, tell
from ours import Client, bench
from peers.chain import LATENCY_SECONDS


def work(given: argparse.Namespace) -> None:
    """In a child: get ready, wait for the word, work until told to stop or until nothing is left."""
    with bench(given.url, ledger=given.effects, lease=given.lease, processes=given.processes) as at_work:
        at_work.engine.idle()  # connects
        tell(ready=time.monotonic(), **memory())
        if not sys.stdin.readline():
            return  # whoever started it has gone

        def watch() -> None:
            sys.stdin.read()
            at_work.worker.stop()

        threading.Thread(target=watch, daemon=True).start()
        at_work.worker.run(until_idle=given.until_idle)
        tell(last=at_work.claims.last, **memory())


def start_up(given: argparse.Namespace) -> None:
    """In a child: how long a worker's first look takes, and its memory a moment later."""
    with bench(given.url) as at_work:
        began = time.monotonic()
        claims = at_work.engine.claim("bench", 200)
        looked = time.monotonic()
        if claims:
            raise SystemExit(f"{len(claims)} runs are due where none should be")
        threading.Timer(given.seconds, at_work.worker.stop).start()
        at_work.worker.run()
        tell(looked=looked, look_ms=(looked - began) * 1000, **memory())


def claim_often(given: argparse.Namespace) -> None:
    """In a child: milliseconds that claims of a few runs take, so many times."""
    with bench(given.url) as at_work:
        took = []
        for _ in range(given.samples):
            began = time.perf_counter()
            claims = at_work.engine.claim("bench", given.each)
            took.append((time.perf_counter() - began) * 1000)
            if len(claims) != given.each:
                raise SystemExit(f"{len(claims)} runs were due, not {given.each}")
        tell(took_ms=took)


def submit_inside(given: argparse.Namespace) -> None:
    """In a child: seconds from submit to end of single runs whose worker is a thread of this process."""
    with closing(Client(given.url)) as client, bench(given.url) as at_work:
        ended, took = threading.Event(), []
        at_work.claims.on_end = ended.set
        thread = threading.Thread(target=at_work.worker.run)
        thread.start()
        try:
            time.sleep(1)
            for _ in range(given.samples):
                began = time.perf_counter()
                client.submit()
                if not ended.wait(LATENCY_SECONDS):
                    raise SystemExit(f"a run did not end in {LATENCY_SECONDS:.0f} s")
                took.append(time.perf_counter() - began)
                ended.clear()
        finally:
            at_work.worker.stop()
            thread.join()
        tell(took_s=took)


def main() -> None:
    """Be one of the child processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    worker = commands.add_parser("worker", help="work, after a line on standard input, until that is closed")
    worker.add_argument("url")
    worker.add_argument("--until-idle", action="store_true", help="end when nothing is due and nobody holds anything")
    worker.add_argument("--effects", type=Path, help="have an effect per step; the provider's file")
    worker.add_argument("--processes", type=int, default=1, help="how many of these there are")
    worker.add_argument("--lease", type=float, help="in seconds, in place of the setting's default")
    worker.set_defaults(call=work)
    start = commands.add_parser("start-up", help="a first look and the memory after so many seconds")
    start.add_argument("url")
    start.add_argument("seconds", type=float)
    start.set_defaults(call=start_up)
    claims = commands.add_parser("claims", help="how long claims take")
    claims.add_argument("url")
    claims.add_argument("samples", type=int)
    claims.add_argument("each", type=int)
    claims.set_defaults(call=claim_often)
    latency = commands.add_parser("latency", help="submit to end of single runs, in one process")
    latency.add_argument("url")
    latency.add_argument("samples", type=int)
    latency.set_defaults(call=submit_inside)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    given = parser.parse_args()
    given.call(given)


if __name__ == "__main__":
    main()
