"""Operators are told: from the journal, grouped, at most so often, at least once, by a number that stays; virtual time.

The messages really go out, to a web server on this machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from mailboxes import Mailbox, mailbox
from overstap.app.telling import TellingThread
from overstap.bootstrap import App
from overstap.clock import parse_duration
from overstap.store.database import Database
from overstap.workflow.notable import Topic

if TYPE_CHECKING:
    from tests.scenarios.conftest import MakeWorld, World

AWAY = {"operation": "move_users", "kind": "fails"}


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


@pytest.fixture
def other_box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def late(make_world: MakeWorld, *boxes: Mailbox, faults: tuple[Any, ...] = (), **notifications: Any) -> World:
    """A world in which every migration takes 61 minutes, and escalates."""
    urls = [box.url for box in boxes]
    return make_world(embedded={"move_time": "61m", "faults": faults}, notifications={"urls": urls, **notifications})


def escalate(world: World, *names: str) -> list[str]:
    """Have runs of these tenants escalate, one after the other."""
    runs = [world.order(name=name) for name in names]
    world.run_for("1h")
    assert {"escalated"} == {world.state(run) for run in runs}
    return runs


@pytest.mark.rule("R32")
def test_an_escalation_is_told_with_what_an_operator_needs(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    (run,) = escalate(world, "acme")

    told = world.app.teller.tell()

    (message,) = box.received
    assert "Overstap: One plan change is late and goes on" == message["title"]
    assert "warning" == message["type"]
    body = message["message"]
    for part in (
        "acme): ",
        "→ e3",
        "escalated since 2 Mar 2026 13:00 UTC: the deadline of migrating passed (migration_overdue)",
        f"overstap runs show {run}",
        f"Message {told.sent[0].id}.",
    ):
        assert part in body


def test_it_is_told_in_the_language_and_the_zone_of_the_settings(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box, locale="nl", timezone="Europe/Amsterdam")
    escalate(world, "acme")

    world.app.teller.tell()

    assert ["Overstap: Eén overstap is te laat en gaat door"] == box.titles
    assert (
        "escalated sinds 2 mrt 2026 14:00 CET: de termijn van migrating is verstreken (migration_overdue)"
        in box.received[0]["message"]
    )


def test_what_is_told_once_is_not_told_again(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    escalate(world, "acme")

    for _ in range(5):
        world.app.teller.tell()
        world.pass_time("1h")

    assert 1 == len(box.received)


def test_the_first_message_goes_out_at_once_and_the_next_after_the_interval_with_all_of_meanwhile(
    make_world: MakeWorld, box: Mailbox
) -> None:
    world = late(make_world, box)
    escalate(world, "t0")
    world.app.teller.tell()
    for number in range(1, 4):
        world.order(name=f"t{number}")
        world.run_for("1m")
    world.run_for("57m")  # t1 is late
    sent_at = world.clock.now()
    world.app.teller.tell()
    first = len(box.received)
    for _ in range(9):
        world.run_for("30s")  # so are t2 and t3, meanwhile
        world.app.teller.tell()
    between = len(box.received)
    world.run_for("30s")
    world.app.teller.tell()

    assert timedelta(minutes=5) == world.clock.now() - sent_at
    assert (2, 2, 3) == (first, between, len(box.received))
    assert "Overstap: Two plan changes are late and go on" == box.titles[-1]
    assert all(f"({name}): " in box.received[-1]["message"] for name in ("t2", "t3"))


def test_topics_do_not_wait_for_each_other(make_world: MakeWorld, box: Mailbox) -> None:
    world = make_world(embedded={"faults": (AWAY,)}, notifications={"urls": [box.url]})
    run = world.order()
    world.run_for("10m")
    world.app.teller.tell()
    world.run_for("50m")
    world.app.teller.tell()

    assert "escalated" == world.state(run)
    assert ["Overstap: One plan change is stuck", "Overstap: One plan change is late and goes on"] == box.titles
    assert "failure" == box.received[0]["type"]
    assert "the step move_users failed, try 5: " in box.received[0]["message"]
    assert "; its last error: " in box.received[1]["message"]


def test_many_runs_are_one_message_that_names_the_newest_and_counts_the_others(
    make_world: MakeWorld, box: Mailbox
) -> None:
    world = late(make_world, box)
    runs = escalate(world, *(f"t{number:02}" for number in range(23)))

    world.app.teller.tell()

    (message,) = box.received
    assert "Overstap: 23 plan changes are late and go on" == message["title"]
    assert 20 == sum(run in message["message"] for run in runs)
    assert "And three more: overstap runs list" in message["message"]


def test_a_message_says_where_a_run_has_got_to_meanwhile(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    escalate(world, "acme")
    world.run_for("2h")

    world.app.teller.tell()

    assert "by now: completed" in box.received[0]["message"]


def test_a_message_that_failed_is_sent_again_later_with_the_same_number_and_words(
    make_world: MakeWorld, box: Mailbox
) -> None:
    world = late(make_world, box)
    escalate(world, "acme")
    box.answers = [500, 500]
    failed = world.app.teller.tell().failed
    world.app.teller.tell()  # its next try is not due yet
    world.pass_time("30s")
    world.app.teller.tell()
    world.pass_time("1m")
    told = world.app.teller.tell()

    assert "500" in failed[0][1]
    assert [failed[0][0].id] * 3 == box.ids
    assert box.received[0] == box.received[1] == box.received[2]
    assert [failed[0][0].id] == [message.id for message in told.sent]
    (listed,) = world.app.notices.messages(10)
    assert (3, None) == (listed.attempts, listed.error)


def test_it_is_tried_for_ever_and_afterwards_all_of_meanwhile_is_one_message(
    make_world: MakeWorld, box: Mailbox
) -> None:
    world = late(make_world, box)
    escalate(world, "t0")
    box.answers = [503] * 100
    for hour in range(12):
        world.order(name=f"n{hour:02}")
        world.run_for("1h")
        world.app.teller.tell()
    tries = len(box.received)
    box.answers = []
    for _ in range(3):
        world.pass_time("15m")
        world.app.teller.tell()

    assert 12 == tries
    assert 1 == len(set(box.ids[:tries]))
    assert [box.ids[0]] == box.ids[tries : tries + 1]
    assert "Overstap: Eleven plan changes are late and go on" == box.titles[-1]
    assert 2 == len(set(box.ids))


def test_a_channel_that_is_broken_keeps_the_news_from_no_other(
    make_world: MakeWorld, box: Mailbox, other_box: Mailbox
) -> None:
    world = late(make_world, other_box, box)
    other_box.answers = [404] * 3
    for name in ("t0", "t1", "t2"):
        escalate(world, name)
        world.app.teller.tell()

    assert 3 == len(set(box.ids)) == len(box.ids)
    assert 3 == len(other_box.received)  # once each round, whatever waits for it
    world.pass_time("15m")
    world.app.teller.tell()
    assert set(box.ids) <= set(other_box.ids)
    assert 3 == len(box.ids)
    assert {True} == {message.sent_at is not None for message in world.app.notices.messages(10)}


def test_who_dies_before_saying_that_it_was_sent_leaves_a_repeat_with_the_same_number(
    make_world: MakeWorld, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = late(make_world, box)
    escalate(world, "acme")

    def dies(*_: Any) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(world.app.notices, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            world.app.teller.tell()
    world.app.teller.tell()  # the claim of the one that died still holds
    assert 1 == len(box.received)
    world.pass_time("5m")
    world.app.teller.tell()

    assert [box.ids[0]] * 2 == box.ids


def test_a_sender_that_was_taken_for_dead_does_not_undo_what_another_wrote(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    escalate(world, "acme")
    box.answers = [500]
    world.app.teller.tell()
    world.pass_time("10m")
    now = world.clock.now()
    slow = world.app.notices.claim(now, now + timedelta(minutes=1), skip=(), at_once=False)
    world.pass_time("2m")
    world.app.teller.tell()

    assert slow is not None
    held = world.app.notices.settle(slow, [], "no answer", now, world.clock.now())

    assert not held
    assert world.app.notices.messages(1)[0].sent_at is not None


def test_two_senders_at_once_send_each_message_once(make_world: MakeWorld, box: Mailbox) -> None:
    world = make_world(embedded={"faults": (AWAY,)}, notifications={"urls": [box.url]})
    for number in range(4):
        world.order(name=f"t{number}")
    world.run_for("1h")
    for _ in range(3):  # some of each topic, and each of them at once
        world.app.notices.group(world.clock.now(), timedelta(0), 20, lambda *_: ("title", "A" * 26))
    tellers = [App(world.settings, world.database, clock=world.clock).teller for _ in range(4)]
    together = threading.Barrier(4)

    def tell(teller: Any) -> None:
        together.wait(30)
        teller.tell()

    threads = [threading.Thread(target=tell, args=(teller,)) for teller in tellers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    messages = world.app.notices.messages(10)
    assert {Topic.PARKED, Topic.ESCALATED} == {message.topic for message in messages}
    assert len(messages) == len(box.received) == 2
    assert {1} == {message.attempts for message in messages}


def test_two_that_group_at_once_tell_of_each_run_once(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    runs = escalate(world, *(f"t{number}" for number in range(5)))
    tellers = [App(world.settings, world.database, clock=world.clock).teller for _ in range(4)]
    together = threading.Barrier(4)

    def tell(teller: Any) -> None:
        together.wait(30)
        teller.tell()

    threads = [threading.Thread(target=tell, args=(teller,)) for teller in tellers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert 1 == len(box.received)
    assert all(run in box.received[0]["message"] for run in runs)


def test_a_compensation_that_does_not_get_on_is_told_as_such(make_world: MakeWorld, box: Mailbox) -> None:
    refused = {"operation": "swap_licences", "kind": "refuses", "times": 1}
    stops = {"operation": "cancel_target", "kind": "refuses"}
    world = make_world(embedded={"faults": (refused, stops)}, notifications={"urls": [box.url]})
    run = world.order()
    world.run_for("10m")

    world.app.teller.tell()

    assert ("rolling_back", "stuck") == (world.state(run), world.run(run).status)
    assert ["Overstap: The undoing of one plan change is stuck"] == box.titles
    assert "the step cancel_target stopped: " in box.received[0]["message"]


@pytest.mark.rule("R34")
def test_a_credit_check_that_runs_out_is_told_as_expired(make_world: MakeWorld, box: Mailbox) -> None:
    world = make_world(embedded={"credit_answers": "never"}, notifications={"urls": [box.url]})
    world.order(payment="invoice")
    world.run_for("14d")

    world.app.teller.tell()

    assert ["Overstap: One plan change has expired"] == box.titles


def test_a_change_that_goes_well_or_is_cancelled_is_not_told(make_world: MakeWorld, box: Mailbox) -> None:
    world = make_world(embedded={"credit_answers": "never"}, notifications={"urls": [box.url]})
    world.order(name="good")
    stopped = world.order(name="stopped", payment="invoice")
    world.run_for("1h")
    world.signal(stopped, "cancel")
    world.run_for("15d")

    world.app.teller.tell()

    assert "cancelled" == world.state(stopped)
    assert [] == box.received


# --- with the journal, in one transaction ---


@pytest.mark.parametrize("where", ["INSERT INTO journal", "INSERT INTO notice"])
def test_a_commit_that_breaks_leaves_neither_the_entry_nor_its_notice(
    make_world: MakeWorld, box: Mailbox, where: str
) -> None:
    world = late(make_world, box)
    run = world.order()
    world.run_for("59m")
    world.pass_time("1m")
    worker = world.worker("ann")
    worker.claim()
    worker.perform()

    with breaking_after(world.database, where), pytest.raises(KeyboardInterrupt):
        worker.commit()

    assert ("migrating", {}) == (world.state(run), world.app.notices.counts())
    world.run_for("2m")
    assert "escalated" in world.path(run)
    assert {Topic.ESCALATED: 1} == world.app.notices.counts()


class breaking_after:  # noqa: N801 - reads as a block
    """The process dies right after its next statement of a kind."""

    def __init__(self, database: Database, statement: str) -> None:
        self._engine, self._statement = database.engine, statement

    def _break(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if self._statement in statement:
            raise KeyboardInterrupt

    def __enter__(self) -> None:
        event.listen(self._engine, "after_cursor_execute", self._break)

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "after_cursor_execute", self._break)


def test_a_late_writer_leaves_no_notice(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    world.order()
    world.run_for("59m")
    world.pass_time("1m")
    slow = world.worker("slow")
    slow.claim()
    slow.perform()
    world.pass_time("2m")
    world.work()

    lost = slow.commit().lost

    assert lost
    assert {Topic.ESCALATED: 1} == world.app.notices.counts()


# --- when nobody is there to be told ---


def test_without_a_url_what_happens_waits_and_is_seen(make_world: MakeWorld) -> None:
    world = late(make_world)
    (run,) = escalate(world, "acme")

    told = world.app.teller.tell()

    assert ([], [], 0) == (told.sent, told.failed, told.closed)
    assert [run] == [one.notice.run_id for one in world.app.notices.waiting(10)]


def test_who_names_a_url_after_a_year_is_told_of_the_last_day_only(make_world: MakeWorld, box: Mailbox) -> None:
    silent = late(make_world)
    escalate(silent, "old")
    silent.run_for("300d")
    (new,) = escalate(silent, "new")
    world = late(make_world, box)
    world.clock.advance_to(silent.clock.now())

    told = world.app.teller.tell()

    assert 1 == told.closed
    assert ["Overstap: One plan change is late and goes on"] == box.titles
    assert new in box.received[0]["message"]
    assert {} == world.app.notices.counts()


@pytest.mark.parametrize("away", ["1h", "2d", "60d"])
def test_what_happened_just_before_all_senders_were_away_is_told_however_long_that_was(
    make_world: MakeWorld, box: Mailbox, away: str
) -> None:
    world = late(make_world, box)
    world.app.teller.tell()
    for _ in range(24):
        world.run_for("2h")  # nothing to tell for two days, but somebody is there
        world.app.teller.tell()
    (run,) = escalate(world, "acme")
    again = App(world.settings, world.database, clock=world.clock)
    world.pass_time(away)

    assert 0 == again.teller.tell().closed
    assert run in box.received[0]["message"]


def test_an_outage_of_the_mail_that_is_longer_than_the_age_loses_nothing(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    escalate(world, "t0")
    box.answers = [503] * 1000
    world.app.teller.tell()
    (run,) = escalate(world, "t1")
    for _ in range(40):
        world.run_for("3h")
        world.app.teller.tell()
    box.answers = []
    for _ in range(2):
        world.pass_time("15m")
        world.app.teller.tell()

    assert run in box.received[-1]["message"]


# --- beside a worker ---


def test_a_channel_that_hangs_holds_up_no_run_and_no_end(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    box.hold = threading.Event()
    escalate(world, "acme")
    thread = TellingThread(world.app.teller, timedelta(milliseconds=10))
    with thread:
        assert box.came.wait(30)
        run = world.order(name="other")
        world.run_for("2h")
        assert "completed" == world.state(run)
        box.hold.set()
    assert 1 <= len(box.received)


def test_what_is_made_in_the_last_moment_is_sent_before_the_end(make_world: MakeWorld, box: Mailbox) -> None:
    world = late(make_world, box)
    with TellingThread(world.app.teller, parse_duration("1h")):
        escalate(world, "acme")

    assert 1 == len(box.received)


def test_a_round_that_crashes_does_not_end_the_telling(
    make_world: MakeWorld, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = late(make_world, box)
    escalate(world, "acme")
    group, broken = world.app.notices.group, iter([True, True])

    def sometimes(*arguments: Any) -> Any:
        if next(broken, False):
            raise ZeroDivisionError("by the way")
        return group(*arguments)

    monkeypatch.setattr(world.app.notices, "group", sometimes)
    with TellingThread(world.app.teller, timedelta(milliseconds=10)):
        assert box.came.wait(30)

    assert 1 == len(box.received)
