"""Where runs are: how many in each state, and which of them is the oldest; against a look at every row."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from overstap.store.database import Database
from overstap.store.narrowing import first_id
from overstap.store.places import Place, Places
from overstap.store.rows import RUN, changing_values, fixed_values
from overstap.store.tally import tell_tally
from overstap.workflow.run import Run, Status

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_run(chance: random.Random, number: int) -> tuple[Run, dict[str, Any]]:
    """A run in some state, at rest or with a worker."""
    status = chance.choice(list(Status))
    ended = status is Status.ENDED
    created = NOW - chance.randrange(10_000) * timedelta(seconds=1)
    run = Run(
        id=first_id(created)[:-4] + f"{number:04}",
        workflow=chance.choice(["change", "other"]),
        version=chance.choice([1, 2]),
        digest="digest",
        tenant_id=f"t{number}",
        input={"subscription_id": "s", "target_plan": chance.choice(["e1", "e3"])},
        state="done" if ended else chance.choice(["moving", "waiting"]),
        status=status,
        created_at=created,
        updated_at=created,
        ended_at=NOW if ended else None,
    )
    claimed = not ended and chance.random() < 0.4
    return run, {"claimed_by": "worker", "claim_until": NOW, "due_at": NOW} if claimed else {}


def test_each_state_is_told_with_the_number_of_its_runs_and_the_oldest_active_one(database: Database) -> None:
    chance = random.Random(5)
    made = [a_run(chance, number) for number in range(150)]
    nobody = {"claim_token": 0, "inbox": 0, "priority": 2, "claimed_by": None, "claim_until": None, "due_at": None}
    with database.write() as connection:
        rows = [{**fixed_values(run), **changing_values(run), **nobody, **row} for run, row in made]
        connection.execute(insert(RUN), rows)
        tell_tally(connection, ((None, run) for run, _ in made))

    expected: dict[tuple[str, int, str], list[Run]] = {}
    for run, _ in made:
        expected.setdefault((run.workflow, run.version, run.state), []).append(run)
    assert Places(database).read() == {
        where: Place(len(runs), min((run.id for run in runs if run.ended_at is None), default=None))
        for where, runs in expected.items()
    }


def test_an_oldest_run_tells_when_it_was_created() -> None:
    assert Place(1, first_id(NOW)).since == NOW
    assert Place(1).since is None
