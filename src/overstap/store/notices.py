"""What operators are told: grouping notices into messages, claiming messages to send them, and looking at both.

At least once: a message is whole, with its id, before it is first sent, and stays claimable until each channel has it.
At most one sender at a time: a claim has an end and a token, as a run's has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, insert, select, tuple_, update
from ulid import ULID

from overstap.store.database import Database, upserting
from overstap.store.notice_tables import MESSAGE, NOTICE, TOPIC
from overstap.store.rows import JOURNAL, RUN, RUN_COLUMNS, to_entry, to_run
from overstap.workflow.notable import Notice, Topic
from overstap.workflow.run import JournalEntry, Run

_WAITING = NOTICE.c.message_id.is_(None) & NOTICE.c.closed_at.is_(None)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A journal entry that a message tells of.

    Attributes:
        before: the entry just before it, None for a run's first.
        run: its run as it is now, which may have got further.
    """

    entry: JournalEntry
    before: JournalEntry | None
    run: Run


@dataclass(frozen=True, slots=True)
class Message:
    """Something to send, or that was sent.

    Attributes:
        id: what a repeat is recognised by.
        runs: how many runs it tells of.
        reached: the channels that have it, by their keys.
        first_sent_at: when the first channel got it.
        sent_at: when the last one did; None while some have not.
        token: of the claim under which it was taken.
    """

    id: str
    topic: Topic
    title: str
    body: str
    runs: int
    created_at: datetime
    reached: tuple[str, ...]
    first_sent_at: datetime | None
    sent_at: datetime | None
    attempts: int
    next_try_at: datetime
    error: str | None
    token: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that no message tells of yet."""

    notice: Notice
    tenant_id: str | None
    state: str | None


Write = Callable[[str, Topic, int, Sequence[Occurrence]], tuple[str, str]]
"""Finds the words: from an id, a topic, the number of runs and the first of them to a title and a body."""


def record_notices(connection: Connection, notices: Iterable[Notice]) -> None:
    """Write notices down in the transaction that commits what they tell of."""
    rows = [{"run_id": one.run_id, "seq": one.seq, "topic": one.topic.value, "at": one.at} for one in notices]
    if rows:
        connection.execute(insert(NOTICE), rows)


class Notices:
    """Notices and messages of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listen(self, now: datetime, max_age: timedelta) -> int:
        """Say that somebody is there to send messages, and close what happened while nobody was.

        Only what was written more than `max_age` after anybody listened last, and more than `max_age` ago, is closed:
        an outage of the workers, or of what messages are sent by, closes nothing.

        Returns:
            How many notices were closed.
        """
        closed = 0
        with self._database.write() as connection:
            for row in _topics(connection):
                forgotten = _WAITING & (NOTICE.c.topic == row.topic) & (NOTICE.c.at < now - max_age)
                if row.listened_at is not None:
                    forgotten &= NOTICE.c.at > row.listened_at + max_age
                closed += connection.execute(update(NOTICE).where(forgotten).values(closed_at=now)).rowcount
                connection.execute(update(TOPIC).where(TOPIC.c.topic == row.topic).values(listened_at=now))
        return closed

    def group(self, now: datetime, interval: timedelta, lines: int, write: Write) -> list[Message]:
        """Make one message of the waiting notices of each topic whose turn it is.

        A topic's turn comes `interval` after its last message went out, and while one has reached nobody it waits: when
        the way is free again, everything of meanwhile is in one message.

        Args:
            lines: how many runs a message tells of one by one, the newest first.
        """
        with self._database.read() as connection:
            if not _open(connection, now, interval):
                return []
        with self._database.write() as connection:
            held = [row.topic for row in _topics(connection)]
            topics = [topic for topic in _open(connection, now, interval) if topic in held]
            return [_make(connection, Topic(topic), now, lines, write) for topic in topics]

    def claim(self, now: datetime, until: datetime, *, skip: Collection[str], at_once: bool) -> Message | None:
        """Take the next message to send, for nobody else until the claim's end; None when there is none.

        Args:
            skip: ids of messages that are not wanted.
            at_once: also one whose next try is not due yet.
        """
        wanted = MESSAGE.c.sent_at.is_(None) & MESSAGE.c.id.not_in(skip)
        wanted &= MESSAGE.c.claim_until.is_(None) | (MESSAGE.c.claim_until <= now)
        if not at_once:
            wanted &= MESSAGE.c.next_try_at <= now
        # What has not been tried yet comes first: a channel that is broken must not keep the news from the others.
        query = select(MESSAGE.c.id).where(wanted).order_by(MESSAGE.c.attempts, MESSAGE.c.id).limit(1)
        with self._database.read() as connection:
            if connection.execute(query).first() is None:
                return None
        with self._database.write() as connection:
            chosen = connection.execute(query.with_for_update(skip_locked=True)).scalar()
            if chosen is None:
                return None
            take = update(MESSAGE).where(MESSAGE.c.id == chosen)
            take = take.values(claim_token=MESSAGE.c.claim_token + 1, claim_until=until)
            return _to_message(connection.execute(take.returning(*MESSAGE.c)).one())

    def settle(
        self, message: Message, reached: Sequence[str], error: str | None, next_try_at: datetime, now: datetime
    ) -> bool:
        """Write down what became of a try to send a message, while its claim's token holds.

        Args:
            reached: the channels that have it, those of before included.
            error: why not all have it; None when all have.

        Returns:
            Whether the token held; if not, somebody else sends it, and some may get it again.
        """
        values: dict[str, Any] = {
            "reached": list(reached),
            "attempts": message.attempts + 1,
            "error": error,
            "next_try_at": next_try_at,
            "claim_until": None,
            "sent_at": now if error is None else None,
        }
        first = message.first_sent_at is None and (bool(reached) or error is None)
        if first:
            values["first_sent_at"] = now
        mine = and_(MESSAGE.c.id == message.id, MESSAGE.c.claim_token == message.token)
        with self._database.write() as connection:
            held = connection.execute(update(MESSAGE).where(mine).values(values)).rowcount == 1
            if held and first:
                connection.execute(update(TOPIC).where(TOPIC.c.topic == message.topic.value).values(last_at=now))
        return held

    def messages(self, limit: int) -> list[Message]:
        """Messages, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(MESSAGE).order_by(MESSAGE.c.id.desc()).limit(limit))
            return [_to_message(row) for row in rows]

    def waiting(self, limit: int) -> list[Waiting]:
        """Notices that no message tells of yet, the oldest first."""
        query = (
            select(NOTICE, RUN.c.tenant_id, RUN.c.state)
            .outerjoin(RUN, RUN.c.id == NOTICE.c.run_id)
            .where(_WAITING)
            .order_by(NOTICE.c.at, NOTICE.c.run_id, NOTICE.c.seq)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                Waiting(Notice(row.run_id, row.seq, Topic(row.topic), row.at), row.tenant_id, row.state)
                for row in connection.execute(query)
            ]

    def counts(self) -> dict[Topic, int]:
        """How many notices of each topic wait for a message."""
        query = select(NOTICE.c.topic, func.count()).where(_WAITING).group_by(NOTICE.c.topic)
        with self._database.read() as connection:
            return {Topic(topic): count for topic, count in connection.execute(query)}


def _topics(connection: Connection) -> Sequence[Row[Any]]:
    """All topics, held by this transaction; those that another one holds are left to it."""
    rows = [{"topic": topic.value} for topic in sorted(Topic)]
    connection.execute(upserting(connection, TOPIC).values(rows).on_conflict_do_nothing())
    return connection.execute(select(TOPIC).order_by(TOPIC.c.topic).with_for_update(skip_locked=True)).all()


def _open(connection: Connection, now: datetime, interval: timedelta) -> list[str]:
    """The topics that have something to tell and may tell it now."""
    waiting = connection.execute(select(NOTICE.c.topic).where(_WAITING).distinct().order_by(NOTICE.c.topic)).scalars()
    if not (topics := waiting.all()):
        return []
    unheard = select(MESSAGE.c.topic).where(MESSAGE.c.sent_at.is_(None), MESSAGE.c.first_sent_at.is_(None))
    early = select(TOPIC.c.topic).where(TOPIC.c.last_at > now - interval)
    closed = {*connection.execute(unheard).scalars(), *connection.execute(early).scalars()}
    return [topic for topic in topics if topic not in closed]


def _make(connection: Connection, topic: Topic, now: datetime, lines: int, write: Write) -> Message:
    message_id = str(ULID.from_datetime(now))
    waiting = update(NOTICE).where(_WAITING, NOTICE.c.topic == topic.value)
    connection.execute(waiting.values(message_id=message_id))
    mine = NOTICE.c.message_id == message_id
    runs = connection.execute(select(func.count(NOTICE.c.run_id.distinct())).where(mine)).scalar_one()
    title, body = write(message_id, topic, runs, _occurrences(connection, mine, lines))
    values: dict[str, Any] = {
        "id": message_id,
        "topic": topic.value,
        "title": title,
        "body": body,
        "runs": runs,
        "created_at": now,
        "reached": [],
        "attempts": 0,
        "next_try_at": now,
        "claim_token": 0,
    }
    row = connection.execute(insert(MESSAGE).values(values).returning(*MESSAGE.c)).one()
    connection.execute(update(TOPIC).where(TOPIC.c.topic == topic.value).values(last_at=now))
    return _to_message(row)


def _occurrences(connection: Connection, mine: ColumnElement[bool], lines: int) -> list[Occurrence]:
    """The last notice of each run, the newest first."""
    last = func.max(NOTICE.c.seq).label("seq")
    query = select(NOTICE.c.run_id, last).where(mine).group_by(NOTICE.c.run_id)
    found = connection.execute(query.order_by(func.max(NOTICE.c.at).desc(), NOTICE.c.run_id).limit(lines)).all()
    ids = [row.run_id for row in found]
    wanted = [(row.run_id, row.seq) for row in found] + [(row.run_id, row.seq - 1) for row in found]
    journal: Select[Any] = select(JOURNAL).where(tuple_(JOURNAL.c.run_id, JOURNAL.c.seq).in_(wanted))
    entries = {(row.run_id, row.seq): to_entry(row) for row in connection.execute(journal)}
    runs = {row.id: to_run(row) for row in connection.execute(select(*RUN_COLUMNS).where(RUN.c.id.in_(ids)))}
    return [
        Occurrence(entries[row.run_id, row.seq], entries.get((row.run_id, row.seq - 1)), runs[row.run_id])
        for row in found
    ]


def _to_message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        topic=Topic(row.topic),
        title=row.title,
        body=row.body,
        runs=row.runs,
        created_at=row.created_at,
        reached=tuple(row.reached),
        first_sent_at=row.first_sent_at,
        sent_at=row.sent_at,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        error=row.error,
        token=row.claim_token,
    )
