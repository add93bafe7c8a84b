"""Many small tenants with a plan change each, and real worker processes over them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.settings import load_settings
from overstap.testing import sample_tenant

USERS = 6
PATIENCE = 60.0


class WorkerProcess:
    """A real `overstap worker` process, and what it logs."""

    def __init__(self, url: str, config: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "overstap", "worker", "--database", url, "--config", str(config), *arguments]
        told = {**os.environ, "OVERSTAP_LOGS__LEVEL": "debug"}
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=told
        )
        self.lines: list[dict[str, Any]] = []
        self._queue: Queue[dict[str, Any] | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as log:
            for line in log:
                entry = json.loads(line) if line.startswith("{") else {"event": line.rstrip()}
                self.lines.append(entry)
                self._queue.put(entry)
        self._queue.put(None)

    def wait_for(self, event: str) -> dict[str, Any]:
        """Wait until the worker logs an event."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                entry = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                pytest.fail(f"the worker did not log {event!r}: {self.lines[-5:]}")
            if entry is None:
                pytest.fail(f"the worker ended without {event!r}: {self.lines[-5:]}")
            if entry["event"] == event:
                return entry

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self._process.pid, number)

    def end(self) -> int:
        """Wait for its end; answers the exit code."""
        code = self._process.wait(timeout=PATIENCE)
        self._reader.join(timeout=5)
        return code

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.kill()
        self.end()


class Office:
    """A database with tenants in it, and what a test does with it from outside."""

    def __init__(self, url: str, config: Path) -> None:
        self.url = url
        self.config = config
        self.app: App = open_app(load_settings(config, database_url=url))
        self._processes: list[WorkerProcess] = []

    def submit(self, count: int) -> list[str]:
        """Import so many tenants and order E3 for each; answers the ids of the runs."""
        exports = [sample_tenant(f"tenant-{number:04}", users=USERS) for number in range(count)]
        self.app.provider.import_tenants(exports, self.app.clock.now())
        changes = [PlanChange(one.id, one.subscriptions[0].id, "e3") for one in exports]
        return [self.app.service.submit(change)[0].run.id for change in changes]

    def start_worker(self, *arguments: str) -> WorkerProcess:
        """Start a worker process over the same database."""
        process = WorkerProcess(self.url, self.config, *arguments)
        self._processes.append(process)
        return process

    def states(self) -> dict[str, int]:
        """How many runs are in each state."""
        return self.app.runs.counts()

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            process.kill()
        self.app.close()


@pytest.fixture
def office(database_url: str, tmp_path: Path) -> Iterator[Callable[[str], Office]]:
    """Opens an office with this configuration file's text."""
    opened: list[Office] = []

    def open_office(config: str) -> Office:
        path = tmp_path / "overstap.toml"
        path.write_text(config, encoding="utf-8")
        opened.append(Office(database_url, path))
        return opened[-1]

    yield open_office
    for one in opened:
        one.close()
