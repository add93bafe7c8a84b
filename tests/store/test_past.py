"""How long earlier runs took, on both databases (rules.md R30)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from overstap.store.database import Database
from overstap.store.past import Past
from overstap.store.rows import JOURNAL, RUN, fixed_values
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def write(database: Database, number: int, *, minutes: float, **facts: Any) -> None:
    """An ended run that took so many minutes from the beginning of its migration."""
    whole: dict[str, Any] = {"workflow": "plan_change", "state": "completed", "kind": "same_family", **facts}
    end = NOON + timedelta(minutes=minutes)
    order = {"subscription_id": "s", "target_plan": "e3", "kind": whole["kind"]}
    run = Run(f"R{number:05}", whole["workflow"], 1, "d", f"t{number}", order, whole["state"], NOON, end)
    at = {"run_id": run.id, "kind": "transition", "actor": "worker", "data": {}, "from_state": None}
    counts = dict.fromkeys(("visit", "step", "chunk", "attempt", "done", "total", "claim_token", "inbox"), 0)
    with database.write() as connection:
        values = {"state": run.state, "status": "ended", "data": {}, "updated_at": end, "ended_at": end, "seq": 3}
        connection.execute(insert(RUN), {**fixed_values(run), **values, **counts})
        connection.execute(
            insert(JOURNAL),
            [
                {**at, "seq": 1, "at": NOON - timedelta(days=14), "to_state": "submitted"},
                {**at, "seq": 2, "at": NOON, "to_state": "migrating"},
                {**at, "seq": 3, "at": end, "from_state": "licenses_reassigned", "to_state": run.state},
                {**at, "seq": 4, "at": end + timedelta(days=5), "from_state": "domain_return", "to_state": "completed"},
            ],
        )


def minutes(database: Database, kind: str = "same_family", workflow: str = "plan_change") -> list[float]:
    times = Past(database).times(workflow, kind, entered="migrating", left="licenses_reassigned")
    return sorted(time / timedelta(minutes=1) for time in times)


@pytest.mark.rule("R30", "R32")
def test_the_time_is_that_of_the_migration_without_the_waits_before_and_after_it(
    database: Database,
) -> None:
    write(database, 1, minutes=8)
    write(database, 2, minutes=3)

    assert [3, 8] == minutes(database)


@pytest.mark.rule("R30")
@pytest.mark.parametrize(
    "other",
    [{"kind": "other_family"}, {"workflow": "manual_change"}, {"state": "failed"}],
    ids=lambda one: next(iter(one)),
)
def test_only_completed_changes_of_the_same_kind_and_way_count(database: Database, other: dict[str, str]) -> None:
    write(database, 1, minutes=8)
    write(database, 2, minutes=90, **other)

    assert [8] == minutes(database)


def test_without_a_past_there_is_nothing(database: Database) -> None:
    assert [] == minutes(database)


def test_only_the_last_thousand_are_looked_at(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overstap.store.past._LAST", 3)
    for number in range(1, 6):
        write(database, number, minutes=number)

    assert [3, 4, 5] == minutes(database)


def test_another_name_of_a_state_in_a_newer_version_is_no_other_stay(database: Database) -> None:
    write(database, 1, minutes=8)
    moved = {"run_id": "R00001", "kind": "migrated", "actor": "operator", "data": {}, "step": "move_users"}
    with database.write() as connection:
        connection.execute(
            insert(JOURNAL),
            [
                {**moved, "seq": 5, "at": NOON, "from_state": "moving", "to_state": "migrating"},
                {**moved, "seq": 6, "at": NOON, "from_state": "licenses_reassigned", "to_state": "closing"},
            ],
        )

    assert [8] == minutes(database)
