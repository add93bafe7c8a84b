"""A copy of runs for a rehearsal: what is in it, and what must not be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select
from sqlmodel import SQLModel

from overstap.store.copying import copy_runs
from overstap.store.database import Database
from overstap.store.feed import Feed, Position
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TABLES = SQLModel.metadata.tables


def test_a_copy_has_the_runs_and_nothing_that_opens_or_tells_anything(
    database: Database, submitted: Callable[..., Run], tmp_path: Path
) -> None:
    submitted(1), submitted(2)
    common = {"created_at": NOON, "created_by": "operator", "tenant_id": "t1"}
    with database.write() as connection:
        connection.execute(insert(TABLES["api_token"]).values(id="a", name="a", hash="h", roles=[], **common))
        webhook = {"url": "https://x.example", "secret": "s", "kinds": [], "place_xid": 0, "place_id": 0}
        connection.execute(insert(TABLES["webhook"]).values(id="w", **webhook, **common))
        delivery = {"webhook_id": "w", "run_id": "r001", "seq": 1, "at": NOON, "status": "waiting", "next_at": NOON}
        connection.execute(insert(TABLES["delivery"]).values(id="d", attempts=0, **delivery))
    target = Database(f"sqlite:///{tmp_path}/copy.db")
    upgrade_schema(target)

    copy_runs(database, target, ["r001"], ["t1"])

    with target.read() as connection:
        for name in ("api_token", "webhook", "delivery"):
            assert [] == connection.execute(select(TABLES[name])).all()
    assert Runs(database).journal("r001") == Runs(target).journal("r001")
    assert ["r001"] == Runs(target).all_ids()
    assert [] == Feed(target).read(Position(0, 0, 0), 10)[0]
    target.close()
