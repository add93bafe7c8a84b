"""The log of acts: one chain, however many write at once."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from sqlalchemy import select, text

from overstap.store.acts_log import ACT, record_act
from overstap.store.chains import Chains
from overstap.store.database import Database
from overstap.workflow.chain import BEGINNING, link

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def act(database: Database, subject: str, **data: Any) -> int:
    with database.write() as connection:
        return record_act(
            connection, at=NOON, actor="operator:ada", kind="paused", subject=subject, reason="why not", data=data
        )


def hashes_hold(database: Database) -> bool:
    previous = BEGINNING
    with database.read() as connection:
        for row in connection.execute(select(ACT).order_by(ACT.c.seq)):
            if row.hash != link(previous, {name: value for name, value in row._mapping.items() if name != "hash"}):
                return False
            previous = row.hash
    return True


def test_acts_are_numbered_from_one_without_gaps(database: Database) -> None:
    assert [1, 2, 3] == [act(database, "engine", limit=number / 2) for number in range(3)]
    assert hashes_hold(database)


def test_a_number_comes_back_when_its_transaction_does_not_commit(database: Database) -> None:
    act(database, "engine")
    with contextlib.suppress(RuntimeError), database.write() as connection:
        record_act(connection, at=NOON, actor="a", kind="paused", subject="s", reason="r", data={})
        raise RuntimeError

    assert 2 == act(database, "engine")
    assert hashes_hold(database)


def test_acts_of_many_at_once_are_one_chain(database: Database) -> None:
    threads = [threading.Thread(target=lambda: [act(database, "engine") for _ in range(5)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as connection:
        numbers = list(connection.execute(select(ACT.c.seq).order_by(ACT.c.seq)).scalars())
    assert list(range(1, 21)) == numbers
    assert hashes_hold(database)


def test_a_moment_counts_and_not_its_time_zone(database: Database) -> None:
    with database.write() as connection:
        amsterdam = NOON.astimezone(timezone(timedelta(hours=1)))
        record_act(connection, at=amsterdam, actor="a", kind="paused", subject="s", reason="r", data={"n": 1e16})

    assert hashes_hold(database)


def test_the_newest_acts_come_first_a_page_at_a_time_by_kind_and_text(database: Database) -> None:
    for subject in ("engine", "workflow plan_change", "Engine 50%"):
        act(database, subject)
    chains = Chains(database)

    assert [3, 2] == [one.seq for one in chains.last_acts(None, 2)]
    assert [1] == [one.seq for one in chains.last_acts(2, 2)]
    assert [3, 1] == [one.seq for one in chains.last_acts(None, 9, text="engine")]
    assert [3] == [one.seq for one in chains.last_acts(None, 9, kind="paused", text="50%")]
    assert [] == chains.last_acts(None, 9, kind="resumed")
    assert ["paused"] == chains.kinds_of_acts()


def test_an_act_that_cannot_be_read_any_more_does_not_hide_the_others(database: Database) -> None:
    act(database, "engine")
    act(database, "engine")
    with database.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(text("UPDATE act SET data = 'no JSON' WHERE seq = 1"))
        else:
            connection.execute(text("UPDATE act SET data = '[]' WHERE seq = 1"))

    newest, broken = Chains(database).last_acts(None, 9)
    assert newest.record is not None
    assert newest.record["actor"] == "operator:ada"
    assert broken.seq == 1
