"""The console's runs page over a million runs: how long it takes to come, and what an open one costs the server.

    python benchmarks/console_runs.py [--runs 1000000] [--database URL ...] [--asks 20] [--open 20]

The databases are filled as `million.py` fills them, with one journal entry and one effect for each run. `overstap
serve` answers; each view is asked for as a browser asks, whole, its first page and those behind it. Then the system's Chromium
opens the page, until its first row is there, and so many more beside it: the server's memory before and after, while
they all look each second. It exits with 1 when a 95th percentile of a page is over 300 ms or the first row takes more
than a second.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import httpx
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

import million
from ground import databases, kind_of
from overstap.app.finding import Sort
from overstap.app.principals import Role
from overstap.bootstrap import open_app
from overstap.clock import SystemClock
from overstap.settings import Settings

PAGING_MS, FIRST_ROW_MS = 300.0, 1000.0
PAGES = 4
FILTERS = (
    "",
    "state=migrating",
    "state=completed",
    "status=stuck",
    "plan=e3",
    "plan=project-online",
    "workflow=manual_change",
    "stuck=true",
    "escalated=true",
    "overdue=true",
    "error=no answer",
    "error=out of cheese",
    "older_than=300d",
    "state=completed&plan=e3&older_than=100d",
)


class Server(NamedTuple):
    """`overstap serve`, and a token of its staff."""

    url: str
    pid: int
    token: str


@contextmanager
def serving(database: str) -> Iterator[Server]:
    """The API and the console over a database, in a process of their own."""
    with open_app(Settings(database_url=database)) as app:
        name = f"bench-{time.time_ns()}"
        _, token = app.tokens.create(name, [Role.OPERATOR], actor="bench", reason="benchmark")
    environment = {**os.environ, "OVERSTAP_API__REQUESTS": "0"}
    command = [sys.executable, "-m", "overstap", "--database", database, "serve", "--port", "0"]
    process = subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
    )
    try:
        lines = iter(process.stdout.readline, "")  # type: ignore[union-attr]
        url = next(line for line in lines if line.startswith("Console: ")).removeprefix("Console: ").strip().rstrip("/")
        yield Server(url, process.pid, token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def pages(server: Server, asks: int) -> Iterator[tuple[str, list[float]]]:
    """How long each view took, in milliseconds, on one of its first pages each time."""
    chance = random.Random(7)
    headers = {"Authorization": f"Bearer {server.token}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=120) as client:
        for sort in Sort:
            for chosen in FILTERS:
                query = "&".join(filter(None, (chosen, f"sort={sort.value}")))
                places: list[str | None] = [None]
                while len(places) < PAGES and places[-1] != "":
                    cursor = f"&cursor={places[-1]}" if places[-1] else ""
                    places.append(client.get(f"/api/v1/runs?{query}{cursor}").json()["next"] or "")
                there = [one for one in places if one != ""]
                took = []
                for number in range(asks):
                    place = there[0] if number == 0 else chance.choice(there)
                    behind = "" if place is None else "&" + urlencode({"cursor": place})
                    began = time.perf_counter()
                    client.get(f"/console/runs?{query}{behind}").raise_for_status()
                    took.append((time.perf_counter() - began) * 1000)
                yield f"{sort.value}: {chosen or 'every run'}", took


class Opened(NamedTuple):
    """What a browser saw, and what the server then held.

    Attributes:
        first_row: milliseconds from asking for the page to its first row, at best and at worst.
        before, after: kilobytes of the server's memory with one page open, and with all of them.
        share: part of a core that the server then takes.
    """

    first_row: tuple[float, float]
    before: int
    after: int
    share: float


def opened(server: Server, count: int) -> Opened:
    """Open so many pages, each of another part of the runs, and let them look for a while."""
    executable = os.environ.get("OVERSTAP_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{server.url}/sign-in?to=/console/runs")
        page.locator("input[name=token]").fill(server.token)
        page.locator("form button[type=submit]").click()
        page.locator("table.runs tbody tr").first.wait_for()
        took = []
        for _ in range(5):
            began = time.perf_counter()
            page.goto(f"{server.url}/console/runs", wait_until="commit")
            page.locator("table.runs tbody tr").first.wait_for()
            took.append((time.perf_counter() - began) * 1000)
        time.sleep(70)  # what is left of pages that were asked for without a browser is let go of
        before = memory(server.pid)
        for number in range(count):
            other = context.new_page()
            other.goto(f"{server.url}/console/runs?older_than={number}d")
            other.locator("table.runs tbody tr").first.wait_for()
        time.sleep(10)
        began, used = time.perf_counter(), cpu(server.pid)
        time.sleep(10)
        share = (cpu(server.pid) - used) / (time.perf_counter() - began)
        after = memory(server.pid)
        browser.close()
    return Opened((min(took), max(took)), before, after, share)


def memory(pid: int) -> int:
    """Kilobytes that a process has in memory, without the files that it reads."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Fill, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--asks", type=int, default=20)
    parser.add_argument("--open", type=int, default=20)
    parser.add_argument("--database", action="append", default=[])
    arguments = parser.parse_args()
    million.ENTRIES = million.EFFECTS = 1
    out, well = Console(width=None if sys.stdout.isatty() else 140), True
    table = Table("page, in ms", "database", "p50", "p95", "max")
    with databases(arguments.database) as urls:
        for url in urls:
            million.prepare(url, arguments.runs, SystemClock().now())
            with serving(url) as server:
                for name, took in pages(server, arguments.asks):
                    p95 = statistics.quantiles(took, n=20, method="inclusive")[-1]
                    well = well and p95 <= PAGING_MS
                    table.add_row(
                        name, kind_of(url), f"{statistics.median(took):.0f}", f"{p95:.0f}", f"{max(took):.0f}"
                    )
                seen = opened(server, arguments.open)
            well = well and seen.first_row[0] <= FIRST_ROW_MS
            each = (seen.after - seen.before) / arguments.open
            out.print(
                f"{kind_of(url)}: first row in a browser after {seen.first_row[0]:.0f} to {seen.first_row[1]:.0f} ms; "
                f"the server holds {seen.before / 1024:.0f} MB with one page open, {seen.after / 1024:.0f} MB with "
                f"{arguments.open} more: {each / 1024:.2f} MB each, and they take {seen.share:.0%} of a core"
            )
    out.print(table)
    if not well:
        sys.exit(1)


if __name__ == "__main__":
    main()
