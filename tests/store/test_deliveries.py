"""What is delivered to which webhook, in which order, and whose outcome counts; every law on both databases."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from overstap.errors import Conflict, NotFound
from overstap.store.acts import Acts, advance, hold_runs
from overstap.store.acts_log import ACT
from overstap.store.batch import Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.deliveries import Claimed, DeliveryBook, Outcome
from overstap.store.feed import Feed, Position
from overstap.store.webhooks import (
    DELIVERY,
    MOST_WEBHOOKS,
    WEBHOOK,
    DeliveryStatus,
    StoredDelivery,
    StoredWebhook,
    WebhookBook,
)
from overstap.workflow.acts import hold, release
from overstap.workflow.decide import settle
from overstap.workflow.definition import Definition
from overstap.workflow.outcome import Progress
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
Submit = Callable[..., Run]


class Desk:
    """Webhooks over one database, and what a test does with them."""

    def __init__(self, database: Database, claims: Claims, definition: Definition) -> None:
        self.database = database
        self.feed = Feed(database)
        self.hooks = WebhookBook(database, self.feed)
        self.book = DeliveryBook(database, self.feed)
        self._claims = claims
        self._definition = definition

    def hook(self, number: int = 1, tenant_id: str | None = None, *kinds: str) -> str:
        webhook_id = f"WEBHOOK-{number:03}"
        url, secret = f"https://hooks.example/{number}", "whsec_c2VjcmV0"
        made = StoredWebhook(webhook_id, tenant_id, url, secret, list(kinds), NOON, "operator:ann")
        self.hooks.add(made, "to be told", "hooks.example")
        return webhook_id

    def grow(self, times: int = 1, now: datetime = NOON) -> None:
        """Add so many entries to the journal of each run."""
        held = self._claims.claim("ann", 100, now, now + MINUTE)
        for _ in range(times):
            decisions = [settle(self._definition, one.run, Progress(one.run.done + 1, 900), NOON) for one in held]
            told = [Settlement(one, to.run, [to.entry], keep=True) for one, to in zip(held, decisions, strict=True)]
            held = self._claims.commit(told, [], NOON).kept

    def wait_for_feed(self) -> None:
        """Until all that was committed can be read: elsewhere on the server something older may be under way."""
        until = time.monotonic() + 20
        while not self.feed.read(Position(0, 0, 0), 1)[0] and time.monotonic() < until:
            time.sleep(0.01)

    def enqueue(self, count: int, now: datetime = NOON, limit: int = 500) -> None:
        """Read the feed until there are so many: elsewhere on the server something older may be under way."""
        until = time.monotonic() + 20
        while self.count() < count and time.monotonic() < until:
            self.book.enqueue(now, limit)
        while self.book.enqueue(now, limit):
            pass
        assert count == self.count()

    def count(self) -> int:
        with self.database.read() as connection:
            return connection.execute(select(func.count()).select_from(DELIVERY)).scalar_one()

    def claim(self, now: datetime = NOON, *, each: int = 100, most: int = 100, **busy: int) -> list[Claimed]:
        taken = self.book.claim(now, now + MINUTE, busy=busy, each=each, most=most)
        return sorted(taken, key=lambda one: (one.webhook_id, one.entry.run_id, one.entry.seq))

    def settle(
        self, taken: list[Claimed], status: DeliveryStatus = DeliveryStatus.DELIVERED, next_at: datetime = NOON
    ) -> list[Claimed]:
        return self.book.settle([Outcome(one, status, "HTTP 200", next_at) for one in taken], NOON)

    def one(self, delivery_id: str, webhook_id: str = "WEBHOOK-001") -> StoredDelivery:
        found = self.hooks.deliveries(webhook_id, status=None, before=None, limit=1000)
        return next(one for one in found if one.id == delivery_id)


@pytest.fixture
def desk(database: Database, claims: Claims, definition: Definition) -> Desk:
    return Desk(database, claims, definition)


def names(taken: list[Claimed]) -> list[str]:
    return [f"{one.entry.run_id} {one.entry.seq}" for one in taken]


def test_a_webhook_is_told_of_what_is_committed_after_it_was_made_of_its_tenant_and_its_kinds(
    desk: Desk, submitted: Submit
) -> None:
    submitted(1)
    desk.wait_for_feed()
    everything, mine, some = desk.hook(1), desk.hook(2, "t2"), desk.hook(3, None, "progress")
    submitted(2)
    desk.grow()
    desk.enqueue(3 + 2 + 2)

    told = {one: desk.hooks.deliveries(one, status=None, before=None, limit=10) for one in (everything, mine, some)}

    assert {("r001", 2), ("r002", 1), ("r002", 2)} == {(one.run_id, one.seq) for one in told[everything]}
    assert {("r002", 1), ("r002", 2)} == {(one.run_id, one.seq) for one in told[mine]}
    assert {("r001", 2), ("r002", 2)} == {(one.run_id, one.seq) for one in told[some]}


def test_each_entry_is_written_once_however_many_read_the_feed(desk: Desk, submitted: Submit) -> None:
    desk.hook(1)
    desk.hook(2)
    for number in range(30):
        submitted(number)
    desk.grow(3)
    threads = [threading.Thread(target=lambda: [desk.book.enqueue(NOON, 7) for _ in range(30)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.enqueue(2 * 120)

    with desk.database.read() as connection:
        place = (DELIVERY.c.webhook_id, DELIVERY.c.run_id, DELIVERY.c.seq)
        twice = connection.execute(select(*place).group_by(*place).having(func.count() > 1)).all()
    assert [] == twice


def test_no_entry_is_claimed_while_an_earlier_one_of_its_run_waits(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    submitted(1)
    submitted(2)
    desk.grow(2)
    desk.enqueue(6)

    first = desk.claim()
    meanwhile = desk.claim()
    desk.settle(first[:1])
    second = desk.claim()

    assert ["r001 1", "r002 1"] == names(first)
    assert [] == meanwhile
    assert ["r001 2"] == names(second)
    assert ("t1", first[0].entry) == (second[0].tenant_id, first[0].entry)


def test_a_failed_one_holds_its_run_up_until_its_next_try_and_no_other(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    submitted(1)
    submitted(2)
    desk.grow()
    desk.enqueue(4)
    failed, other = desk.claim()
    desk.settle([failed], DeliveryStatus.WAITING, NOON + MINUTE)
    desk.settle([other])

    assert ["r002 2"] == names(desk.claim(NOON + 0.9 * MINUTE))
    (again,) = desk.claim(NOON + MINUTE)
    assert (failed.id, 1) == (again.id, again.attempts)
    desk.settle([again])
    assert ["r001 2"] == names(desk.claim(NOON + MINUTE))


def test_what_stands_behind_one_that_waits_is_looked_at_with_it_and_no_earlier(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    submitted(1)
    desk.grow(2)
    desk.enqueue(3)
    (first,) = desk.claim()

    def behind() -> set[datetime]:
        found = desk.hooks.deliveries("WEBHOOK-001", status=None, before=None, limit=10)
        return {one.next_at for one in found if one.seq > 1}

    desk.settle([first], DeliveryStatus.WAITING, NOON + DAY)
    assert {NOON + DAY} == behind()
    desk.grow(1, NOON + MINUTE)
    desk.enqueue(4)
    assert [] == desk.claim()
    assert {NOON + DAY} == behind()
    (first,) = desk.claim(NOON + DAY)
    desk.settle([first])
    assert {NOON} == behind()


def test_after_a_dead_one_the_later_entries_of_its_run_go_on(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    submitted(1)
    desk.grow()
    desk.enqueue(2)
    (first,) = desk.claim()
    desk.settle([first], DeliveryStatus.WAITING, NOON + DAY)
    (again,) = desk.claim(NOON + DAY)
    desk.settle([again], DeliveryStatus.DEAD)

    assert ["r001 2"] == names(desk.claim(NOON + MINUTE))
    assert ("dead", 2) == (desk.one(first.id).status, desk.one(first.id).attempts)


def test_who_lost_its_claim_changes_nothing(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    submitted(1)
    desk.enqueue(1)
    (slow,) = desk.claim()
    assert [] == desk.claim(NOON + 0.9 * MINUTE)
    (fast,) = desk.claim(NOON + MINUTE)

    assert [slow] == desk.settle([slow], DeliveryStatus.DEAD)
    assert ("waiting", 0) == (desk.one(slow.id).status, desk.one(slow.id).attempts)
    assert [] == desk.settle([fast])
    assert [slow] == desk.settle([slow], DeliveryStatus.DEAD)
    assert "delivered" == desk.one(slow.id).status


def test_one_webhook_gets_no_more_than_its_share(desk: Desk, submitted: Submit) -> None:
    desk.hook(1)
    desk.hook(2)
    for number in range(6):
        submitted(number)
    desk.enqueue(12)

    taken = desk.claim(each=4, **{"WEBHOOK-001": 3})
    full = desk.claim(each=4, **{"WEBHOOK-001": 4, "WEBHOOK-002": 4})
    few = desk.claim(each=4, most=2)

    assert (1, 4) == tuple(sum(one.webhook_id == f"WEBHOOK-00{number}" for one in taken) for number in (1, 2))
    assert [] == full
    assert 2 == len(few)


def test_several_who_claim_at_once_take_each_delivery_once(desk: Desk, submitted: Submit) -> None:
    desk.hook()
    for number in range(40):
        submitted(number)
    desk.enqueue(40)
    taken: list[str] = []

    def claim() -> None:
        while some := desk.claim(each=3):
            taken.extend(one.id for one in some)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(taken)) == len(taken)
    taken.extend(one.id for one in desk.claim())  # those of one round may have been in others' hands
    assert 40 == len(set(taken)) == len(taken)


def test_a_webhook_that_ends_leaves_nothing_waiting_and_is_told_nothing_more(desk: Desk, submitted: Submit) -> None:
    webhook_id = desk.hook()
    submitted(1)
    submitted(2)
    desk.enqueue(2)
    (taken, _) = desk.claim()
    first = desk.hooks.end(webhook_id, actor="operator:bob", reason="moved", now=NOON)
    again = desk.hooks.end(webhook_id, actor="operator:eve", reason="sure", now=NOON + MINUTE)
    submitted(3)
    desk.book.enqueue(NOON, 100)

    assert (NOON, NOON) == (first.ended_at, again.ended_at)
    assert {"waiting": 0, "delivered": 0, "dead": 2} == desk.hooks.counts(webhook_id)
    assert [taken] == desk.settle([taken])
    assert [] == desk.claim(NOON + DAY)
    assert [] == desk.hooks.all()
    assert [webhook_id] == [one.id for one in desk.hooks.all(ended=True)]
    with desk.database.read() as connection:
        told = connection.execute(select(ACT.c.kind, ACT.c.actor, ACT.c.reason, ACT.c.data)).all()
    assert [("webhook_created", "operator:ann", "to be told"), ("webhook_ended", "operator:bob", "moved")] == [
        tuple(one)[:3] for one in told
    ]
    assert "whsec" not in str(told)


def test_a_target_that_is_gone_ends_its_webhook_unless_its_claim_was_lost(desk: Desk, submitted: Submit) -> None:
    webhook_id = desk.hook()
    submitted(1)
    submitted(2)
    desk.enqueue(2)
    (slow, _) = desk.claim()
    (fast, _) = desk.claim(NOON + MINUTE)

    def gone(claimed: Claimed) -> Outcome:
        return Outcome(claimed, DeliveryStatus.DEAD, "HTTP 410", NOON, gone=True)

    assert [slow] == desk.book.settle([gone(slow)], NOON)
    assert desk.hooks.get(webhook_id).ended_at is None
    assert [] == desk.book.settle([gone(fast)], NOON)
    assert NOON == desk.hooks.get(webhook_id).ended_at
    assert ("dead", "HTTP 410", 1) == (
        desk.one(fast.id).status,
        desk.one(fast.id).answer,
        desk.one(fast.id).attempts,
    )
    assert {"waiting": 0, "delivered": 0, "dead": 2} == desk.hooks.counts(webhook_id)


def test_a_replay_starts_anew_under_the_same_id(desk: Desk, submitted: Submit) -> None:
    webhook_id = desk.hook()
    for number in (1, 2, 3):
        submitted(number)
    desk.enqueue(3)
    dead, taken, other = desk.claim()
    desk.settle([dead, other], DeliveryStatus.DEAD)
    desk.settle([taken])

    def replay(*ids: str) -> int:
        named = list(ids) or None
        return desk.hooks.replay(webhook_id, named, actor="operator:ann", reason="mended", now=NOON + DAY)

    assert 2 == replay()
    assert 0 == replay()
    assert 1 == replay(taken.id)
    assert {dead.id: 0, taken.id: 0, other.id: 0} == {one.id: one.attempts for one in desk.claim(NOON + DAY)}
    with pytest.raises(NotFound, match="no delivery 'NONE'"):
        replay(dead.id, "NONE")
    desk.hooks.end(webhook_id, actor="operator:ann", reason="moved", now=NOON)
    with pytest.raises(Conflict, match="has ended"):
        replay()


def test_for_a_tenant_only_its_own_webhooks_exist(desk: Desk) -> None:
    everybodys, own = desk.hook(1), desk.hook(2, "t1")

    assert [own] == [one.id for one in desk.hooks.all("t1")]
    assert own == desk.hooks.get(own, "t1").id
    for webhook_id, tenant_id in ((everybodys, "t1"), (own, "t2")):
        with pytest.raises(NotFound):
            desk.hooks.get(webhook_id, tenant_id)
        with pytest.raises(NotFound):
            desk.hooks.end(webhook_id, actor="admin:eve", reason="no", now=NOON, tenant_id=tenant_id)


def test_nobody_has_more_webhooks_than_may_be(desk: Desk) -> None:
    for number in range(MOST_WEBHOOKS):
        desk.hook(number, "t1")

    with pytest.raises(Conflict, match="50 webhooks already"):
        desk.hook(MOST_WEBHOOKS, "t1")
    desk.hook(MOST_WEBHOOKS, "t2")
    desk.hooks.end("WEBHOOK-000", actor="operator:ann", reason="full", now=NOON)
    desk.hook(MOST_WEBHOOKS + 1, "t1")


def test_what_is_over_for_long_is_deleted_and_what_waits_is_not(desk: Desk, submitted: Submit) -> None:
    ended, lives = desk.hook(1), desk.hook(2)
    submitted(1)
    submitted(2)
    desk.enqueue(4)
    desk.settle([one for one in desk.claim() if one.webhook_id == lives and one.entry.run_id == "r001"])
    desk.hooks.end(ended, actor="operator:ann", reason="moved", now=NOON)

    assert 0 == desk.book.prune(NOON)
    assert 3 == desk.book.prune(NOON + DAY)
    assert 0 == desk.book.prune(NOON + DAY)
    assert [("r002", "waiting")] == [
        (one.run_id, one.status) for one in desk.hooks.deliveries(lives, status=None, before=None, limit=10)
    ]
    assert [lives] == [one.id for one in desk.hooks.all(ended=True)]


def test_the_feed_is_kept_for_the_webhook_that_is_furthest_behind(desk: Desk, submitted: Submit) -> None:
    assert desk.book.unread() is None
    desk.hook()
    place = desk.book.unread()
    for number in range(5):
        submitted(number)
    desk.feed.prune(NOON + DAY, desk.book.unread())
    desk.enqueue(5)

    assert desk.book.unread() is not None
    assert place is not None
    assert place < desk.book.unread()


@ONLY_POSTGRES
def test_an_entry_never_goes_before_an_earlier_one_that_stands_behind_it_in_the_feed(
    desk: Desk, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    submitted(2)
    desk.hook()
    with desk.database.write() as connection:
        hold_runs(connection, ["r001"])  # as one that acts on many runs: its number is older than that of who is next
        Acts(desk.database).change("r002", lambda found: hold(definition, found.run, "look", "operator", NOON))
        found = hold_runs(connection, ["r002"])["r002"]
        advance(connection, [release(definition, found.run, "looked", "operator", NOON)])

    until = time.monotonic() + 20
    while "r002 3" not in (told := waiting(desk)):
        assert time.monotonic() < until
        desk.book.enqueue(NOON, 1)

    assert ["r002 2", "r002 3"] == told[-2:]


def waiting(desk: Desk) -> list[str]:
    query = select(DELIVERY.c.run_id, DELIVERY.c.seq).order_by(DELIVERY.c.run_id, DELIVERY.c.seq)
    with desk.database.read() as connection:
        return [f"{row.run_id} {row.seq}" for row in connection.execute(query)]


def test_the_secret_is_shown_by_no_representation(desk: Desk) -> None:
    webhook_id = desk.hook()

    assert "whsec" not in repr(desk.hooks.get(webhook_id))
    with desk.database.read() as connection:
        assert "whsec_c2VjcmV0" == connection.execute(select(WEBHOOK.c.secret)).scalar()
