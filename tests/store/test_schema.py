"""The schema: made once, the same as the tables in the code, and never touched when it is newer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text, update
from sqlmodel import SQLModel

from overstap.errors import BadInput, Refused
from overstap.store import api_tables, embedded_tables, fleet_tables, limit_tables, schema, tables
from overstap.store.chains import Chains
from overstap.store.database import Database
from overstap.store.rows import JOURNAL, RUN, changing_values, journal_values
from overstap.store.schema import SchemaState, schema_status, upgrade_schema
from overstap.workflow.breaches import first_breach
from overstap.workflow.decide import Decision, record
from overstap.workflow.run import JournalEntry, Kind, Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

assert all((tables, api_tables, embedded_tables, fleet_tables, limit_tables))  # their tables register themselves


def test_the_migrations_make_just_the_tables_that_the_code_uses(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, SQLModel.metadata)

    assert [] == [one for one in differences if one[0] != "remove_table"]


def test_a_fresh_database_is_current(database: Database) -> None:
    assert SchemaState.CURRENT == schema_status(database).state


def test_two_processes_that_start_at_once_make_one_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/twice.db"
    errors: list[BaseException] = []

    def start() -> None:
        opened = Database(url)
        try:
            upgrade_schema(opened)
        except BaseException as error:  # noqa: BLE001 - any error of the thread is the finding
            errors.append(error)
        finally:
            opened.close()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == errors


def test_a_database_newer_than_the_code_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    assert SchemaState.NEWER == schema_status(database).state
    with pytest.raises(Refused, match="made by a newer one"):
        upgrade_schema(database)
    assert "9999" == schema_status(database).revision


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/theirs.db")
    with database.write() as connection:
        connection.execute(text("CREATE TABLE invoices (id integer)"))

    with pytest.raises(Refused, match="invoices"):
        upgrade_schema(database)
    database.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite://", "needs a database file"),
        ("sqlite:///:memory:", "needs a database file"),
        ("mysql://host/name", "not a database Overstap runs on"),
        ("nonsense", "not a database URL"),
    ],
)
def test_a_url_that_is_of_no_use_is_refused(url: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        Database(url)


def hashes(database: Database) -> dict[str, str]:
    """Every hash of every chain, by what it is of."""
    with database.read() as connection:
        entries = connection.execute(select(JOURNAL.c.run_id, JOURNAL.c.seq, JOURNAL.c.hash)).all()
        heads = connection.execute(select(RUN.c.id, RUN.c.head)).all()
    return {f"{row.run_id} {row.seq}": row.hash for row in entries} | {row.id: row.head for row in heads}


def test_an_older_database_gets_the_hashes_that_the_code_would_have_made(
    database: Database, submitted: Callable[..., Run]
) -> None:
    runs = [submitted(number) for number in (1, 2, 3)]
    decisions = [Decision(runs[1], JournalEntry("r002", 1, NOON, Kind.SUBMITTED))]
    for _ in range(1100):  # the migration reads a thousand entries at a time
        data = {"done": 1.0, "total": 2.5, "learned": {"é": [1e16, -0.0, 1e300, 1e-7, None]}}
        decisions.append(record(decisions[-1].run, Kind.PROGRESS, NOON, data=data))
    with database.write() as connection:
        connection.execute(insert(JOURNAL), [journal_values(decision.entry) for decision in decisions[1:]])
        connection.execute(update(RUN).where(RUN.c.id == "r002").values(changing_values(decisions[-1].run)))
    before = hashes(database)

    with database.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
    assert SchemaState.OLDER == schema_status(database).state
    upgrade_schema(database)

    assert before == hashes(database)
    assert 1103 + 3 == len(before)
    assert all(first_breach(run.links, [run.tip] if run.tip else []) is None for run in Chains(database).runs())
