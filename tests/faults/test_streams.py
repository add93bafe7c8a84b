"""A listener that is cut off again and again while worker processes carry runs on: nothing missed, nothing twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from listening import Event, Listening, Served, served
from overstap.errors import Conflict

OpenOffice = Callable[[str], Any]
QUICK = """
[worker]
batch = 25
lease = "2s"
tick = "200ms"
call_limit = "900ms"
heartbeat = "1s"
"""
RUNS = 40


class CutOff:
    """A client that is cut off at random, and begins again where it was.

    Attributes:
        cuts: how often it was.
    """

    def __init__(self, api: Served, seed: int) -> None:
        self.heard: list[Event] = []
        self.cuts = 0
        self.begun = threading.Event()
        self._dice = random.Random(seed)
        self._client = api.client()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        listening = Listening()
        while not self._done.is_set():
            last = {"last-event-id": listening.place} if listening.place else {}
            until = time.monotonic() + self._dice.uniform(0, 0.4)
            lines = self._dice.randrange(1, 400)
            try:
                with self._client.stream("GET", "/events", headers=last, timeout=1) as response:
                    assert httpx.codes.OK == response.status_code, response.read()
                    self.heard.extend(listening.events(self._until(response.iter_lines(), until, lines)))
            except httpx.TimeoutException:
                pass
            if listening.place:
                self.begun.set()
            self.cuts += 1

    def _until(self, lines: Any, limit: float, count: int) -> Any:
        for line in lines:
            yield line
            count -= 1
            if count == 0 or time.monotonic() > limit:
                return

    def finish(self, count: int) -> list[Event]:
        """What it heard, once that is so much and nothing more comes."""
        limit = time.monotonic() + 20
        while len(self.heard) < count and time.monotonic() < limit:
            time.sleep(0.02)
        time.sleep(0.3)
        self._done.set()
        self._thread.join()
        self._client.close()
        return self.heard


@pytest.mark.timeout(120)
def test_who_is_cut_off_at_random_receives_every_journal_entry_exactly_once(office: OpenOffice) -> None:
    opened = office(QUICK)
    with served(opened.app) as api:
        clients = [CutOff(api, seed) for seed in (1, 2)]
        for client in clients:
            assert client.begun.wait(20)
        workers = [opened.start_worker(), opened.start_worker()]
        for worker in workers:
            worker.wait_for("worker_started")
        ids = opened.submit(RUNS)
        for run_id in ids[::7]:  # acts beside the workers, in transactions of their own
            try:
                opened.app.operators.hold(run_id, actor="operator", reason="look first")
                opened.app.operators.release(run_id, actor="operator", reason="looked")
            except Conflict:
                pass  # it has ended, or changed in between
        limit = time.monotonic() + 60
        while opened.states() != {"completed": RUNS} and time.monotonic() < limit:
            time.sleep(0.05)
        journal = sorted((run_id, one.seq) for run_id in ids for one in opened.app.runs.journal(run_id))
        heard = [client.finish(len(journal)) for client in clients]

    for client, events in zip(clients, heard, strict=True):
        assert journal == sorted((one.data["run_id"], one.data["seq"]) for one in events)
        assert len({one.id for one in events}) == len(events)
        assert client.cuts > 3
    assert [one.id for one in heard[0]] == [one.id for one in heard[1]]
