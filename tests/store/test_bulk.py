"""Many rows by one statement: what was given is what is there, on both databases."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from overstap.store.bulk import BulkInsert, BulkUpdate, Together
from overstap.store.database import CLASHES, Database
from overstap.store.rows import EFFECT

COLUMNS = ("key", "run_id", "operation", "status", "request", "response", "error", "at", "settled_at")
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
ODD = ['"', "\\", '{"a"}', "NULL", "", "é, 漢", "{,}", "a\tb\nc", "'; DROP TABLE run"]
insert = BulkInsert(EFFECT, COLUMNS)
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def row(key: str, **given: Any) -> tuple[Any, ...]:
    usual = {
        "run_id": "r1", "operation": "buy", "status": "intended", "request": {}, "response": None, "error": None,
        "at": NOON, "settled_at": None,
    }  # fmt: skip
    return (key, *(usual | given).values())


def stored(database: Database) -> list[tuple[Any, ...]]:
    with database.read() as connection:
        columns = [EFFECT.c[name] for name in COLUMNS]
        return [tuple(one) for one in connection.execute(select(*columns).order_by(EFFECT.c.key))]


@pytest.mark.parametrize("count", [1, 31, 32, 100])
def test_rows_come_back_as_they_were_given(database: Database, count: int) -> None:
    rows = [row(f"{number:03}{ODD[number % 9]}", error=ODD[number % 7]) for number in range(count)]

    with database.write() as connection:
        insert(connection, rows)

    assert sorted(rows) == stored(database)


@pytest.mark.parametrize("value", [*ODD, None])
def test_what_all_of_many_rows_have_in_common_is_there_in_each(database: Database, value: str | None) -> None:
    rows = [row(f"{number:03}", error=value, operation=value or "x", request={"a": value}) for number in range(40)]

    with database.write() as connection:
        insert(connection, rows)

    assert rows == stored(database)


def test_values_that_only_python_takes_for_equal_stay_apart(database: Database) -> None:
    whole, true, part = {"a": 1}, {"a": True}, {"a": 1.5}
    assert whole == true
    rows = [row(f"{number:03}", request=(whole, true, part, whole)[number % 4]) for number in range(41)]

    with database.write() as connection:
        insert(connection, rows)

    assert [repr(one[4]) for one in rows] == [repr(one[4]) for one in stored(database)]


def test_a_moment_of_another_zone_is_the_same_moment(database: Database) -> None:
    rows = [row(f"{number:03}", at=NOON.astimezone(timezone(timedelta(hours=number % 5)))) for number in range(40)]

    with database.write() as connection:
        insert(connection, rows)

    assert [row(f"{number:03}") for number in range(40)] == stored(database)


def test_a_row_that_is_otherwise_is_left_as_it_is_also_where_all_are_to_become_the_same(database: Database) -> None:
    update = BulkUpdate(EFFECT, ("status", "error"), ("key", "status"))
    with database.write() as connection:
        insert(
            connection, [row(f"{number:03}", status="unknown" if number == 7 else "intended") for number in range(40)]
        )

    with database.write() as connection:
        changed = update(connection, [("confirmed", None, f"{number:03}", "intended") for number in range(40)])

    assert (39, ["007"]) == (changed, [one[0] for one in stored(database) if one[3] != "confirmed"])


@ONLY_POSTGRES
@pytest.mark.parametrize("count", [3, 40])
def test_what_is_done_alone_is_done_wholly_or_not_at_all(database: Database, count: int) -> None:
    together = Together(BulkUpdate(EFFECT, ("status",), ("key", "status")), insert)
    with database.write() as connection:
        insert(connection, [row(f"{number:03}") for number in range(count)])
    before = stored(database)
    right = [("confirmed", f"{number:03}", "intended") for number in range(count)]

    with pytest.raises(psycopg.DataError), database.each() as connection:
        connection.execute(*together.alone([*right[1:], ("confirmed", "000", "refused")], [row("new")]))
    assert before == stored(database)

    with database.each() as connection:
        connection.execute(*together.alone(right, [row("new")]))
    assert [*["confirmed"] * count, "intended"] == [one[3] for one in stored(database)]


@ONLY_SQLITE
@pytest.mark.parametrize("count", [1, 40])
def test_what_is_done_by_the_driver_is_there_when_its_block_ends_well(database: Database, count: int) -> None:
    together = Together(BulkUpdate(EFFECT, ("status",), ("key", "status")), insert)
    with database.alone() as driver:
        assert count == insert.by_driver(driver, [row(f"{number:03}") for number in range(count)])
    before = stored(database)
    changes = [("confirmed", f"{number:03}", "intended") for number in range(count)]

    with suppress(ZeroDivisionError), database.alone() as driver:
        together.by_driver(driver, changes, [row("new")])
        raise ZeroDivisionError
    assert before == stored(database)

    with database.alone() as driver:
        ready = together.ready([*changes, ("confirmed", "000", "refused")], [row("new", error="é")])
        assert count == together.by_driver(driver, *ready)
    assert [*["confirmed"] * count, "intended"] == [one[3] for one in stored(database)]


@ONLY_SQLITE
def test_what_the_driver_may_not_do_leaves_nothing_behind(database: Database) -> None:
    with database.alone() as driver:
        insert.by_driver(driver, [row("000")])
    before = stored(database)

    with pytest.raises(CLASHES), database.alone() as driver:
        insert.by_driver(driver, [row("001"), row("000")])

    assert before == stored(database)
    with database.alone() as driver:  # and others may write again
        assert 1 == insert.by_driver(driver, [row("002")])
