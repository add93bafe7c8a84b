"""The feed: every journal entry is in it once, at a place that stays, whatever order transactions commit in."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH, MAX_CACHED_STATEMENT_PARAMS
from sqlalchemy import func, insert, select

from overstap.errors import BadInput
from overstap.store import commits, runs
from overstap.store.acts import Acts
from overstap.store.batch import Claim, Intent, Settlement
from overstap.store.bulk import Together
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.feed import FEED, FedEntry, Feed, Position
from overstap.store.rows import JOURNAL
from overstap.store.runs import Runs, StoredRun
from overstap.workflow.acts import hold, release
from overstap.workflow.decide import Decision, settle
from overstap.workflow.definition import Definition
from overstap.workflow.outcome import Done, Progress
from overstap.workflow.run import JournalEntry, Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
START = Position(0, 0, 0)
ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
Submit = Callable[..., Run]


@pytest.fixture
def feed(database: Database) -> Feed:
    return Feed(database)


def rest(feed: Feed, after: Position = START, limit: int = 3, **only: str) -> list[FedEntry]:
    """All that is behind a place."""
    told = []
    while True:
        some, position = feed.read(after, limit, **only)
        told += some
        if position == after:
            return told
        after = position


def awaited(feed: Feed, count: int, after: Position = START) -> list[FedEntry]:
    """What is behind a place as soon as it is so much: elsewhere on the server something older may be under way."""
    limit = time.monotonic() + 20
    while len(told := rest(feed, after)) < count and time.monotonic() < limit:
        time.sleep(0.01)
    return told


def names(told: list[FedEntry]) -> list[str]:
    return [f"{one.entry.run_id} {one.entry.seq}" for one in told]


def journals(database: Database) -> list[JournalEntry]:
    with database.read() as connection:
        ids = connection.execute(select(JOURNAL.c.run_id).distinct().order_by(JOURNAL.c.run_id)).scalars().all()
    return [entry for run_id in ids for entry in Runs(database).journal(run_id)]


def feed_rows(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(FEED)).scalar_one()


def going_on(definition: Definition, claims: list[Claim], now: datetime = NOON) -> list[Settlement]:
    decisions = [settle(definition, claim.run, Progress(claim.run.done + 1, 900), now) for claim in claims]
    return [Settlement(one, to.run, [to.entry], keep=True) for one, to in zip(claims, decisions, strict=True)]


@contextmanager
def under_way(database: Database, definition: Definition, run_id: str) -> Iterator[threading.Event]:
    """An act in a transaction of its own that has begun, and goes on when it is told to."""
    began, go_on = threading.Event(), threading.Event()

    def decide(stored: StoredRun) -> Decision:
        began.set()
        assert go_on.wait(20)
        return hold(definition, stored.run, "look first", "operator", NOON)

    thread = threading.Thread(target=lambda: Acts(database).change(run_id, decide))
    thread.start()
    assert began.wait(20)
    try:
        yield go_on
    finally:
        go_on.set()
        thread.join()


def test_every_entry_is_told_of_once_in_the_order_of_its_journal_with_its_tenant(
    database: Database, feed: Feed, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    for number in range(40):
        submitted(number)
    held = claims.claim("ann", 100, NOON, NOON + MINUTE)
    held = claims.commit(going_on(definition, held), [], NOON).kept
    claims.commit(going_on(definition, held[:3]), [], NOON)
    Acts(database).change("r007", lambda stored: hold(definition, stored.run, "look first", "operator", NOON))
    Acts(database).change("r007", lambda stored: release(definition, stored.run, "looked", "operator", NOON))

    told = awaited(feed, 85)

    assert journals(database) == sorted((one.entry for one in told), key=lambda entry: (entry.run_id, entry.seq))
    assert all(int(one.entry.run_id[1:]) == int(one.tenant_id[1:]) for one in told)
    assert sorted({one.position for one in told}) == [one.position for one in told]
    assert all(
        [1, 2, *([3, 4] if run_id == "r007" else [3] if run_id in {"r000", "r001", "r002"} else [])]
        == [one.entry.seq for one in told if one.entry.run_id == run_id]
        for run_id in {one.entry.run_id for one in told}
    )


def test_each_transaction_adds_one_row_and_one_without_entries_adds_none(
    database: Database, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    before = feed_rows(database)
    for number in range(40):
        submitted(number)
    assert before + 40 == feed_rows(database)

    held = claims.claim("ann", 100, NOON, NOON + MINUTE)
    claims.commit([], [Intent(held[0], "r000:walking:1:walk", "walk", {})], NOON)
    claims.commit([], [], NOON)
    assert before + 40 == feed_rows(database)

    claims.commit(going_on(definition, held), [], NOON)
    assert before + 41 == feed_rows(database)


def test_what_a_late_writer_tried_is_not_told(
    feed: Feed, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1), submitted(2)
    late, other = claims.claim("ann", 10, NOON, NOON + MINUTE)
    Acts(claims._database).change("r001", lambda stored: hold(definition, stored.run, "wait", "operator", NOON))

    committed = claims.commit(going_on(definition, [late, other]), [], NOON)

    assert ["r001"] == list(committed.lost)
    assert ["r001 1", "r001 2", "r002 1", "r002 2"] == sorted(names(awaited(feed, 4)))


def test_a_reader_goes_on_behind_any_entry_also_in_the_midst_of_a_transaction(
    feed: Feed, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    for number in (1, 2, 3):
        submitted(number)
    claims.commit(going_on(definition, claims.claim("ann", 10, NOON, NOON + MINUTE)), [], NOON)
    told = awaited(feed, 6)

    assert [told[after + 1 :] for after in range(6)] == [rest(feed, one.position) for one in told]


def test_others_are_left_out_and_gone_past(
    feed: Feed, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    for number in (1, 2, 3):
        submitted(number)
    claims.commit(going_on(definition, claims.claim("ann", 10, NOON, NOON + MINUTE)), [], NOON)
    told = awaited(feed, 6)

    assert [told[1], told[4]] == rest(feed, tenant_id="t2")
    assert [told[1], told[4]] == rest(feed, run_id="r002")
    assert [] == rest(feed, run_id="r002", tenant_id="t1")
    nothing, position = feed.read(START, 100, tenant_id="t9")
    assert ([], ([], position)) == (nothing, feed.read(position, 100))


def test_who_begins_at_the_end_sees_what_is_committed_later(feed: Feed, submitted: Submit) -> None:
    empty = feed.end()
    submitted(1)
    before = feed.end()
    submitted(2)

    assert ["r001 1", "r002 1"] == names(awaited(feed, 2, empty))
    assert "r002 1" == names(awaited(feed, 1, before))[-1]


@ONLY_POSTGRES
def test_a_transaction_that_began_first_and_commits_last_is_told_of_first(
    database: Database, feed: Feed, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    follower = awaited(feed, 1)[0].position

    with under_way(database, definition, "r001") as go_on:
        submitted(2)
        begins_now = feed.end()
        assert [] == rest(feed, follower)
        go_on.set()

    told = awaited(feed, 2, follower)
    assert (["r001 2", "r002 1"], told) == (names(told), rest(feed, begins_now))


@ONLY_POSTGRES
def test_a_transaction_that_is_given_up_holds_nobody_up_any_more(
    database: Database, feed: Feed, submitted: Submit
) -> None:
    with database.write() as connection:
        connection.execute(insert(FEED).values(entries="r001:1-1"))
        submitted(2)
        assert [] == rest(feed)
        connection.rollback()

    assert ["r002 1"] == names(awaited(feed, 1))


def test_a_reader_misses_nothing_and_sees_nothing_twice_while_many_write_and_give_up(
    database: Database, feed: Feed, submitted: Submit, definition: Definition
) -> None:
    acts, done, seen = Acts(database), threading.Event(), list[FedEntry]()

    def write(writer: int) -> None:
        dice = random.Random(writer)
        for number in range(writer * 100, writer * 100 + 8):
            submitted(number)
            for act in (hold, release):
                with pytest.raises(ZeroDivisionError):
                    acts.change(f"r{number:03}", lambda _: Decision(*[1 / 0] * 2))

                def decide(stored: StoredRun, act: Callable[..., Decision] = act) -> Decision:
                    time.sleep(dice.random() / 500)  # others begin later and commit first
                    return act(definition, stored.run, "as it comes", "operator", NOON)

                acts.change(f"r{number:03}", decide)

    def read() -> None:
        position, limit = START, time.monotonic() + 30
        while (len(seen) < 5 * 8 * 3 or not done.is_set()) and time.monotonic() < limit:
            some, position = feed.read(position, 7)
            seen.extend(some)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[number]) for number in range(5)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()

    assert sorted({one.position for one in seen}) == [one.position for one in seen]
    assert journals(database) == sorted((one.entry for one in seen), key=lambda entry: (entry.run_id, entry.seq))
    assert 5 * 8 * 3 == len(seen)


def test_what_is_old_is_let_go_of_and_who_stood_there_learns_that_something_is_missing(
    feed: Feed, submitted: Submit
) -> None:
    begin = feed.end()
    for number in range(5):
        submitted(number, after=60 * number)
    told = awaited(feed, 5)
    places = [one.position for one in told]
    assert all(map(feed.keeps, [begin, *places]))

    feed.prune(NOON + 2 * MINUTE)

    assert [False, True, True, True, True] == [feed.keeps(place) for place in places]
    assert told[1:] == rest(feed)
    assert 0 == feed.prune(NOON + 2 * MINUTE)


def test_nothing_is_let_go_of_that_somebody_has_still_to_read(feed: Feed, submitted: Submit) -> None:
    for number in range(5):
        submitted(number)
    told = awaited(feed, 5)

    feed.prune(NOON + MINUTE, unread=told[2].position)

    assert told[2:] == rest(feed, told[1].position)
    assert feed.keeps(told[2].position)


def test_the_newest_row_stays_however_old(feed: Feed, submitted: Submit) -> None:
    for number in range(3):
        submitted(number)
    (*_, newest) = awaited(feed, 3)

    feed.prune(NOON + timedelta(days=999))
    submitted(3)

    assert ["r003 1"] == names(awaited(feed, 1, newest.position))
    assert feed.keeps(newest.position)


def test_a_new_database_keeps_the_place_where_its_first_follower_began(feed: Feed, submitted: Submit) -> None:
    begin = feed.end()
    submitted(1)
    awaited(feed, 1)

    assert feed.keeps(begin)


def test_a_place_of_the_future_is_none_of_this_database(feed: Feed, submitted: Submit) -> None:
    submitted(1)
    place = awaited(feed, 1)[0].position

    assert not feed.keeps(Position(place.xid + 10**15, place.id, 1))
    assert not feed.keeps(Position(place.xid + 10**15, place.id + 10**15, 1))


@ONLY_POSTGRES
def test_rows_that_another_server_numbered_are_let_go_of(database: Database, feed: Feed, submitted: Submit) -> None:
    with database.write() as connection:
        connection.execute(insert(FEED).values(xid=10**15, entries="r001:1-1"))
    submitted(1)

    assert 1 <= feed.prune(NOON - MINUTE)
    assert ["r001 1"] == names(awaited(feed, 1))
    with database.read() as connection:
        assert [] == connection.execute(select(FEED).where(FEED.c.xid == 10**15)).all()


def test_a_place_is_read_as_it_is_written() -> None:
    place = Position(815, 42, 7)

    assert ("815-42-7", place) == (str(place), Position.read(str(place)))
    assert Position(9, 99, 9) < Position(815, 1, 9) < Position(815, 42, 6) < place


@pytest.mark.parametrize(
    "text", ["", "1-2", "1-2-3-4", "-1-2-3", "1-2-x", " 1-2-3", "1-2-3\n", "٣-1-1", f"1-{2**63}-1", "9" * 90 + "-1-1"]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no place in the feed"):
        Position.read(text)


@pytest.mark.parametrize("together", [commits._advance, runs._insert], ids=["commit", "submit"])
def test_the_driver_remembers_the_statements_of_the_hot_path(together: Together) -> None:
    for shapes in ([None] * len(together._parts), [(False,) * len(part.encoders) for part in together._parts]):
        statement = together._make_alone(*shapes)

        assert statement.count(b"%s") <= MAX_CACHED_STATEMENT_PARAMS
        assert len(statement) <= MAX_CACHED_STATEMENT_LENGTH


def test_an_end_is_told_of_with_the_entry_that_brings_it(
    feed: Feed, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 1, NOON, NOON + MINUTE)
    arrived = settle(definition, claim.run, Done(), NOON)

    claims.commit([Settlement(claim, arrived.run, [arrived.entry])], [], NOON)

    assert ["submitted", "transition"] == [one.entry.kind for one in awaited(feed, 2)]
