"""When a delivery is tried again, when it is dead, and what becomes of those that are under way at the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import select

from mailboxes import Mailbox, mailbox
from overstap.app import delivering
from overstap.app.delivering import Deliveries, DeliveringThread
from overstap.app.posting import Answer
from overstap.app.webhooks import Webhooks
from overstap.clock import SystemClock, VirtualClock
from overstap.domain.change import PlanChange
from overstap.entrypoints import run_shapes
from overstap.settings import Settings, WebhookSettings
from overstap.store.database import Database
from overstap.store.deliveries import Claimed, DeliveryBook
from overstap.store.feed import Feed
from overstap.store.webhooks import DELIVERY, DeliveryStatus
from overstap.testing import sample_tenant
from overstap.workflow.run import JournalEntry, Kind

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
NOTHING: Any = None
FAILED = Answer(500, "HTTP 500")


class Case:
    """Deliveries without a database, and one that was claimed at noon."""

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock(NOON)
        self.deliveries = Deliveries(NOTHING, WebhookSettings(**settings), run_shapes.entry, self.clock)

    def claimed(self, attempts: int = 0, name: str = "01DELIVERY") -> Claimed:
        entry = JournalEntry("01RUN", 4, NOON, Kind.TRANSITION, "cancel", "submitted", "cancelled", hash="abc")
        until = NOON + timedelta(seconds=30)
        return Claimed(name, "01WEBHOOK", "http://127.0.0.1:9/", "whsec_QUJD", attempts, "t", until, "tenant-a", entry)

    def pause(self, attempts: int, answer: Answer = FAILED, name: str = "01DELIVERY") -> timedelta:
        outcome = self.deliveries.judge(self.claimed(attempts, name), answer)
        assert DeliveryStatus.WAITING is outcome.status
        return outcome.next_at - NOON


def test_each_pause_is_about_twice_the_one_before_up_to_the_most() -> None:
    case = Case()

    for failure, seconds in enumerate([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600, 3600, 3600]):
        assert 0.8 * seconds <= case.pause(failure).total_seconds() <= 1.2 * seconds
    assert 10 < len({case.pause(3, name=f"01DELIVERY{number}") for number in range(20)})


def test_a_target_that_says_when_to_come_again_is_obeyed_up_to_the_most() -> None:
    case = Case()

    assert 600 * SECOND == case.pause(0, Answer(503, "HTTP 503", 600 * SECOND))
    assert timedelta(hours=1) == case.pause(0, Answer(429, "HTTP 429", timedelta(days=9)))
    assert case.pause(0) == case.pause(0, Answer(503, "HTTP 503", timedelta(0)))


@pytest.mark.parametrize("answer", [FAILED, Answer(None, "no answer"), Answer(302, "HTTP 302")])
def test_after_the_last_attempt_it_is_dead(answer: Answer) -> None:
    case = Case(attempts=3)

    assert DeliveryStatus.WAITING is case.deliveries.judge(case.claimed(1), answer).status
    last = case.deliveries.judge(case.claimed(2), answer)
    assert (DeliveryStatus.DEAD, answer.told, False) == (last.status, last.answer, last.gone)


def test_any_status_of_success_takes_it_and_410_ends_the_webhook() -> None:
    case = Case()

    for status in (200, 201, 204, 299):
        assert DeliveryStatus.DELIVERED is case.deliveries.judge(case.claimed(), Answer(status, "")).status
    gone = case.deliveries.judge(case.claimed(), Answer(410, "HTTP 410"))
    assert (DeliveryStatus.DEAD, True) == (gone.status, gone.gone)


def test_what_could_be_in_others_hands_before_it_is_answered_is_not_sent() -> None:
    case = Case(timeout="10s")
    case.clock.advance(20 * SECOND)  # as a process that stood still after it had claimed
    outcome = asyncio.run(case.deliveries.deliver(case.claimed(), NOTHING))

    assert (DeliveryStatus.WAITING, False, case.clock.now()) == (outcome.status, outcome.counts, outcome.next_at)


def test_a_message_has_the_entry_as_everything_else_shows_it() -> None:
    case = Case()
    told = json.loads(case.deliveries.message(case.claimed()))

    shape = run_shapes.entry(case.claimed().entry)
    data = {"run_id": "01RUN", "tenant_id": "tenant-a", **shape}
    assert {"type": "run.transition", "timestamp": NOON.isoformat(), "data": data} == told


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        made.url = made.url.replace("json://", "http://")
        yield made


def test_what_is_under_way_at_the_end_is_anybodys_at_once(
    database_url: str, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    from overstap.bootstrap import open_app

    monkeypatch.setattr(delivering, "_LAST_SECONDS", 0.4)
    box.hold = Event()
    with open_app(Settings(database_url=database_url, webhooks={"private": True}, worker={"tick": "20ms"})) as app:
        app.webhooks.create(box.url, actor="operator:ann", reason="to be told")
        app.provider.import_tenants([sample_tenant("a", users=1)], app.clock.now())
        with app.delivering(run_shapes.entry) as thread:
            app.service.submit(PlanChange("a", "a-e1", "e3"))
            assert box.came.wait(20)
        thread._thread.join(20)
        with app.database.read() as connection:
            (left,) = connection.execute(select(DELIVERY)).all()
        box.hold.set()
        assert ("waiting", 0, None, "it was broken off") == (left.status, left.attempts, left.claim_token, left.answer)

        with app.delivering(run_shapes.entry):
            until = time.monotonic() + 20
            while app.webhooks.counts(app.webhooks.all()[0])["delivered"] == 0:
                assert time.monotonic() < until
                time.sleep(0.01)
    assert 2 == len(box.received)


def test_delivering_goes_on_after_whatever_goes_wrong(
    database: Database, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = Feed(database)
    book = DeliveryBook(database, feed)
    calls = []

    def enqueue(*_: Any) -> bool:
        calls.append(1)
        raise ValueError("broken")

    monkeypatch.setattr(book, "enqueue", enqueue)
    made = Deliveries(book, WebhookSettings(), run_shapes.entry, SystemClock())
    with DeliveringThread(made, timedelta(milliseconds=5)):
        until = time.monotonic() + 20
        while len(calls) < 3 and time.monotonic() < until:
            time.sleep(0.005)

    assert len(calls) >= 3


def test_a_tenants_webhook_is_made_only_for_a_tenant_that_there_is(database: Database) -> None:
    from overstap.errors import NotFound
    from overstap.store.webhooks import WebhookBook

    class NoTenant:
        def tenant(self, tenant_id: str) -> Any:
            raise NotFound(f"There is no tenant {tenant_id}")

    book = WebhookBook(database, Feed(database))
    hooks = Webhooks(book, cast("Any", NoTenant()), WebhookSettings(), SystemClock(), lambda *_: ["93.184.216.34"])
    with pytest.raises(NotFound):
        hooks.create("https://hooks.example/", tenant_id="x", actor="operator:ann", reason="x")
    assert [] == hooks.all()
