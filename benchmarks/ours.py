"""Our side: all that the benchmark uses of the engine is here, so that a change of the engine is followed in one place.

Two workflows: `chain` has four durable transitions with trivial steps; `parked` waits fourteen days for a credit
decision in its second state, then goes on.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from children import tell
from overstap.app.engine import Engine
from overstap.app.figures import WorkerFigures
from overstap.app.limiting import Gate
from overstap.app.pace import Pace
from overstap.app.worker import Worker
from overstap.clock import SystemClock
from overstap.settings import WorkerSettings
from overstap.store.batch import Committed, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.fleet import Fleet
from overstap.store.pauses import PauseBook
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.store.wakeup import Listener
from overstap.workflow.decide import submit
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.files import Library
from overstap.workflow.outcome import Done, Outcome, Step, StepContext

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
PARKED = """
workflow: parked
version: 1
chart:
  states:
    submitted: {initial: true, transitions: [{event: checked, target: credit_check}]}
    credit_check:
      transitions: [{event: credit_approved, target: migrating}, {event: window_expired, target: migrating}]
    migrating: {transitions: [{event: migrated, target: completed}]}
    completed: {final: true}
states:
  submitted: {steps: [check], on_done: checked}
  credit_check: {await: [credit_approved], deadline: {after: 14d, event: window_expired}}
  migrating: {steps: [migrate], on_done: migrated}
"""
STEPS = ("check", "approve", "migrate", "settle")
TRANSITIONS = 4
ORDER = {"subscription_id": "s", "target_plan": "e3"}


def definition(text: str) -> Definition:
    """The workflow that a file with this text holds."""
    with tempfile.TemporaryDirectory() as folder:
        name = text.split()[1]
        path = Path(folder) / f"{name}.v1.yaml"
        path.write_text(text, encoding="utf-8")
        return load_definition(path, None)


class Client:
    """Submits runs, as a process does that is no worker.

    Args:
        prefix: one character that the ids of its runs begin with; those of two clients of one database differ.
        first: the number of its first run, for another client with the same prefix.
    """

    def __init__(self, url: str, prefix: str = "1", workflow: str = CHAIN, *, first: int = 1) -> None:
        self._database = Database(url)
        self._runs = Runs(self._database)
        self._prefix = prefix
        self._definition = definition(workflow)
        self._next = first

    def submit(self) -> str:
        """Submit one run of a tenant of its own; answers its id."""
        run_id = f"{self._prefix}{self._next:025}"
        self._next += 1
        self._runs.insert(submit(self._definition, run_id, f"t{run_id}", ORDER, "operator", datetime.now(UTC)), None)
        return run_id

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def make_schema(url: str) -> None:
    """Make the tables."""
    database = Database(url)
    upgrade_schema(database)
    database.close()


def backlog(url: str, runs: int, prefix: str = "1", workflow: str = CHAIN) -> None:
    """Submit so many runs."""
    client = Client(url, prefix, workflow)
    for _ in range(runs):
        client.submit()
    client.close()


class Provider:
    """A provider in the process; what it has done stays in a file, so that it is still known after a kill.

    Args:
        ledger: where a line with the key is written for each operation; None remembers nothing.
    """

    name = "bench"

    def __init__(self, ledger: Path | None) -> None:
        self._path = ledger
        self._known: set[bytes] = set()
        self._read = 0
        self._file = None if ledger is None else os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def execute(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        """Do it: nothing happens but a line in the file."""
        if self._file is not None:
            os.write(self._file, f"{key}\n".encode())
        return {"order": 1}

    def lookup(self, key: str, now: datetime) -> Mapping[str, Any] | None:
        """What was answered under this key, None when nothing was done."""
        if self._path is None:
            return None
        # Only what is new: a provider finds an operation by its key, however many there are.
        with self._path.open("rb") as file:
            file.seek(start := self._read)
            whole = file.read().rpartition(b"\n")[0]
        if whole:
            self._known.update(whole.split())
            self._read = start + len(whole) + 1
        return {"order": 1} if key.encode() in self._known else None


def trivial(_: StepContext) -> Outcome:
    """A step that has nothing to do."""
    return Done()


def with_effect(context: StepContext) -> Outcome:
    """A step that has one effect."""
    return Done(data=context.effect("place_order", {"seats": 25}))


class WatchedClaims(Claims):
    """Claims that know when the first and the last commit of this process had gone through.

    Attributes:
        on_end: called after a commit in which a run has ended.
    """

    first: float | None = None
    last: float | None = None
    on_end: Callable[[], object] | None = None

    def commit(self, settlements: Sequence[Settlement], *arguments: Any) -> Committed:
        """Commit, and look at the clock."""
        committed = super().commit(settlements, *arguments)
        self.last = time.monotonic()
        if self.first is None:
            self.first = self.last
            tell(first=self.first)
        if self.on_end is not None and any(each.run.state == "completed" for each in settlements):
            self.on_end()
        return committed


@dataclass(frozen=True, slots=True)
class Bench:
    """A worker and what it works with."""

    worker: Worker
    engine: Engine
    claims: WatchedClaims
    fleet: Fleet


@contextmanager
def bench(url: str, *, ledger: Path | None = None, lease: float | None = None, processes: int = 1) -> Iterator[Bench]:
    """A worker over a database, with the settings that Overstap comes with, unless a lease is given.

    Args:
        ledger: each step has an effect, and this is the provider's file; None: no step has one.
        lease: in seconds.
        processes: how many there are of them.
    """
    settings, database, clock = WorkerSettings(processes=processes), Database(url), SystemClock()
    if lease is not None:
        term = timedelta(seconds=lease)
        settings = settings.model_copy(update={"lease": term, "call_limit": term / 3, "tick": term / 4})
    workflows = [definition(text) for text in (CHAIN, PARKED)]
    claims = WatchedClaims(database, [(each.name, each.version) for each in workflows])
    call = trivial if ledger is None else with_effect
    engine = Engine(
        Library(workflows),
        {name: Step(name, call, provider=None if ledger is None else "ledger") for name in STEPS},
        Provider(ledger),  # type: ignore[arg-type]
        claims,
        clock,
        lease=settings.lease,
        call_limit=settings.call_limit,
        read_pauses=PauseBook(database).look,
    )
    fleet = Fleet(database)
    gate = Gate(None, (), {}, clock, settings.lease)
    pace = Pace(time.monotonic(), WorkerFigures())
    worker = Worker(engine, fleet, settings, lambda wake: Listener(database, wake, print), gate, pace)
    try:
        yield Bench(worker, engine, claims, fleet)
    finally:
        database.close()
