"""In which order due runs are taken, and what others do not have to wait for; every law on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Select, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite

from overstap.store.batch import Claim, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.queue import DueQueue
from overstap.store.rows import RUN
from overstap.store.runs import Runs
from overstap.workflow.decide import settle, submit
from overstap.workflow.definition import Definition
from overstap.workflow.outcome import Done
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HIGH, NORMAL, LOW = Priority
Submit = Callable[..., Run]


@pytest.fixture
def order(runs: Runs, definition: Definition) -> Callable[..., str]:
    """Orders the run `r<number>` of a tenant with a priority, due so many minutes after noon."""

    def order_one(number: int, priority: Priority = NORMAL, *, minutes: float = 0, tenant: str | None = None) -> str:
        details = {"subscription_id": "s", "target_plan": "e3"}
        at = NOON + minutes * MINUTE
        decision = submit(definition, f"r{number:05}", tenant or f"t{number}", details, "operator", at)
        runs.insert(decision, None, priority)
        return decision.run.id

    return order_one


def taken(claims: Claims, limit: int, now: datetime) -> list[str]:
    return [claim.run.id for claim in claims.claim("ann", limit, now, now + 60 * MINUTE)]


def test_the_higher_priority_is_taken_first(claims: Claims, order: Callable[..., str]) -> None:
    low, normal, high = order(1, LOW), order(2), order(3, HIGH)

    assert [high] == taken(claims, 1, NOON)
    assert [normal] == taken(claims, 1, NOON)
    assert [low] == taken(claims, 1, NOON)


def test_the_higher_priority_is_taken_first_also_by_who_had_room_for_all(
    claims: Claims, order: Callable[..., str]
) -> None:
    assert [] == taken(claims, 5, NOON)
    low, normal, high = order(1, LOW), order(2), order(3, HIGH)

    assert [normal, high] == taken(claims, 2, NOON)
    assert [low] == taken(claims, 2, NOON)


def test_what_becomes_due_during_a_storm_does_not_wait_for_its_end(claims: Claims, order: Callable[..., str]) -> None:
    storm = [order(number) for number in range(60)]
    new = [order(number, minutes=1) for number in range(60, 63)]

    first, second = (taken(claims, 24, NOON + 2 * MINUTE) for _ in range(2))

    assert [*storm[:21], *new] == first
    assert (24, storm[21:42]) == (len(second), [one for one in second if one in storm[:42]])


def test_a_run_that_waits_is_overtaken_by_no_more_than_comes_within_its_head_start(
    claims: Claims, order: Callable[..., str]
) -> None:
    low = order(0, LOW)
    for minute in range(40):  # more urgent work comes in all the time, as fast as it is taken
        order(minute + 1, HIGH, minutes=minute)

    rounds = [taken(claims, 1, NOON + minute * MINUTE) for minute in range(40)]

    assert [low] == rounds[21]


def test_one_batch_holds_the_first_of_each_priority(claims: Claims, order: Callable[..., str]) -> None:
    for number in range(4):
        order(number, LOW, minutes=number)
        order(10 + number, NORMAL, minutes=number)
    high = order(20, HIGH, minutes=20)

    assert sorted([high, "r00000", "r00010", "r00011", "r00012", "r00013"]) == taken(claims, 6, NOON + 20 * MINUTE)


def test_what_is_next_due_is_found_over_all_priorities(claims: Claims, order: Callable[..., str]) -> None:
    order(1, HIGH, minutes=9)
    order(2, LOW, minutes=3)

    assert NOON + 3 * MINUTE == claims.next_due(NOON)
    assert claims.idle(NOON, NOON + MINUTE)
    assert not claims.idle(NOON + 3 * MINUTE, NOON + 4 * MINUTE)


def test_two_workers_share_what_is_due_of_several_priorities(claims: Claims, order: Callable[..., str]) -> None:
    for number in range(12):
        order(number, Priority.of(number % 3 + 1))

    ann = {claim.run.id for claim in claims.claim("ann", 6, NOON, NOON + MINUTE)}
    bob = {claim.run.id for claim in claims.claim("bob", 6, NOON, NOON + MINUTE)}

    assert (6, 6, 12) == (len(ann), len(bob), len(ann | bob))


# --- fairness between tenants ---

ENDED = 10_000


def with_ended_runs(database: Database, like: str, tenant: str) -> None:
    """Give a tenant ten thousand runs that have ended."""
    with database.write() as connection:
        stored = [column for column in RUN.c if column.computed is None]
        row = dict(connection.execute(select(*stored).where(RUN.c.id == like)).one()._mapping)
        row |= {"tenant_id": tenant, "state": "home", "status": "ended", "ended_at": NOON, "due_at": None}
        rows = [{**row, "id": f"e{number:05}"} for number in range(ENDED)]
        connection.execute(insert(RUN), rows)


def finish(claims: Claims, definition: Definition, held: list[Claim], now: datetime) -> None:
    """Bring claimed runs to the state in which they wait for something from outside, or to their end."""
    decisions = [settle(definition, claim.run, Done(event="called_back"), now) for claim in held]
    parts = [Settlement(claim, one.run, [one.entry]) for claim, one in zip(held, decisions, strict=True)]
    claims.commit(parts, [], now)


def test_a_tenant_that_orders_back_to_back_holds_up_no_other(
    database: Database, claims: Claims, definition: Definition, order: Callable[..., str]
) -> None:
    """Whoever orders again and again stands behind all who were due before: at most one run of it goes first."""
    first = order(90_000, tenant="greedy")
    with_ended_runs(database, first, "greedy")
    others = {order(number, minutes=number / 100) for number in range(1, 41)}
    batch, now, again = 4, NOON + MINUTE, 0
    rounds: list[set[str]] = []

    while others - set().union(*rounds):
        held = claims.claim("ann", batch, now, now + MINUTE)
        rounds.append({claim.run.id for claim in held})
        finish(claims, definition, held, now)
        if any(claim.run.tenant_id == "greedy" for claim in held):
            again += 1
            order(90_000 + again, tenant="greedy", minutes=1)  # at once

    # 40 others and one run of the greedy one, four at a time.
    assert -(-41 // batch) == len(rounds)
    assert 1 <= again <= 2


def test_claims_read_the_queue_by_its_index_and_no_ended_run(
    database: Database, claims: Claims, order: Callable[..., str]
) -> None:
    with_ended_runs(database, order(1), "greedy")
    queue = DueQueue([("errand", 1)])
    if database.dialect == "postgresql":
        with database.write() as connection:
            connection.execute(text("ANALYZE run"))

    due = queue.next(NORMAL).params(b_now=NOON, b_count=10)
    for query in (due, queue.busy(NOON, NOON + MINUTE)):
        assert "run_due" in plan_of(database, query)


def plan_of(database: Database, query: Select[tuple[str]]) -> str:
    dialect = sqlite.dialect() if database.dialect == "sqlite" else postgresql.dialect()
    sql = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    explain = "EXPLAIN QUERY PLAN" if database.dialect == "sqlite" else "EXPLAIN"
    with database.read() as connection:
        return "\n".join(str(row) for row in connection.execute(text(f"{explain} {sql}")))
