"""Webhooks against a real receiver in another process that fails, hangs, is killed and comes back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from overstap.entrypoints import run_shapes
from overstap.store.webhooks import DeliveryStatus
from receiver import Receiver

OpenOffice = Callable[[str], Any]
CONFIG = """
[worker]
tick = "50ms"
[embedded]
move_chunk = 1
[webhooks]
private = true
timeout = "400ms"
first = "20ms"
most = "200ms"
attempts = 10000
"""
RUNS = 6


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    made.start()
    yield made
    made.kill()


@contextmanager
def serving(office: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A real `overstap serve` over the same database."""
    where = ["--port", "0", "--database", office.url, "--config", str(office.config)]
    server = subprocess.Popen(
        [sys.executable, "-m", "overstap", "serve", *where], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert server.stdout is not None
        with server.stdout as told:
            assert told.readline().startswith(b"API: ")
            yield server
    finally:
        server.kill()
        server.wait()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.01)


def entry_of(message: dict[str, Any]) -> tuple[str, int]:
    data = json.loads(message["body"])["data"]
    return data["run_id"], data["seq"]


@pytest.mark.timeout(120)
def test_a_receiver_that_fails_hangs_and_restarts_gets_every_entry_signed_and_in_the_order_of_its_run(
    office: OpenOffice, receiver: Receiver
) -> None:
    opened = office(CONFIG)
    made, secret = opened.app.webhooks.create(receiver.url(), actor="operator:ann", reason="to be told")
    dead, _ = opened.app.webhooks.create(receiver.url("/hang"), actor="operator:ann", reason="it hangs all along")

    def count(*how: str) -> int:
        return sum(one["how"] in how for one in receiver.received())

    def waiting() -> list[str]:
        found = opened.app.webhooks.deliveries(made.id, status=DeliveryStatus.WAITING, limit=1000)
        return [one.answer or "" for one in found]

    with ExitStack() as servers:
        servers.enter_context(opened.app.delivering(run_shapes.entry))
        # One real server is enough: it takes a while to start, and what it asks the database is the same.
        server = servers.enter_context(serving(opened) if opened.url.startswith("sqlite") else nullcontext())
        receiver.answer("503")
        runs = opened.submit(RUNS)
        worker = opened.start_worker("--until-idle")
        wait_until(lambda: count("503") >= 2 * RUNS, "it has failed")
        receiver.answer("200")
        wait_until(lambda: count("200") >= RUNS, "it has taken some")
        if server is not None:
            server.send_signal(signal.SIGTERM)
            assert 0 == server.wait(30)
        servers.enter_context(opened.app.delivering(run_shapes.entry))
        receiver.answer("late")
        wait_until(lambda: count("late") >= RUNS, "it hangs")
        receiver.kill()
        wait_until(lambda: any("connection" in one for one in waiting()), "nobody is there")
        receiver.answer("200")
        receiver.start()
        assert 0 == worker.end()
        journal = [(one.run_id, one.seq) for run_id in runs for one in opened.app.service.journal(run_id)]
        wait_until(lambda: opened.app.webhooks.counts(made)["delivered"] == len(journal), "all has been delivered")
        assert 0 == opened.app.webhooks.counts(dead)["delivered"]

    told = receiver.received()
    for one in told:
        Webhook(secret).verify(one["body"], one["headers"])
    taken = [one for one in told if one["how"] in {"200", "late"}]
    by_run = {run_id: [entry_of(one)[1] for one in told if entry_of(one)[0] == run_id] for run_id in runs}
    ids = {entry_of(one): {each["headers"]["webhook-id"] for each in told if entry_of(each) == entry_of(one)}
           for one in told}  # fmt: skip

    assert sorted(journal) == sorted({entry_of(one) for one in taken})
    assert {run_id: sorted(seqs) for run_id, seqs in by_run.items()} == by_run
    assert {1} == {len(one) for one in ids.values()}
    assert len(told) > len(journal)
    first = json.loads(told[0]["body"])
    entries = {one.seq: one for one in opened.app.service.journal(first["data"]["run_id"])}
    shape = json.loads(json.dumps(run_shapes.entry(entries[first["data"]["seq"]])))
    assert {"run_id", "tenant_id", *shape} == set(first["data"])
    assert shape.items() <= first["data"].items()
    assert f"run.{shape['kind']}" == first["type"]
    assert shape["at"] == first["timestamp"]
