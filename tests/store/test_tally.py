"""The counters of runs are exact at every moment, whoever writes and folds; every law on both databases."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from alembic import command
from sqlalchemy import func, select, text

from overstap.store import schema
from overstap.store.audit import Audit
from overstap.store.batch import Claim, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.store.schema import upgrade_schema
from overstap.store.tally import TALLY, Bucket, counted, fold_tally
from overstap.workflow.decide import settle
from overstap.workflow.definition import Definition
from overstap.workflow.outcome import Done, Retry, Wait
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Submit = Callable[..., Run]


def told(database: Database) -> dict[Bucket, int]:
    with database.read() as connection:
        return {Bucket(*row[:-1]): row.runs for row in connection.execute(counted())}


def rows(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(TALLY)).scalar_one()


def breaches(database: Database) -> list[str]:
    return [found for found in Audit(database).tally() if found is not None]


def by_state(database: Database) -> Counter[str]:
    states: Counter[str] = Counter()
    for bucket, number in told(database).items():
        states[bucket.state] += number
    return states


def test_the_counters_are_exact_while_several_write_and_fold(
    database: Database, runs: Runs, submitted: Submit, definition: Definition
) -> None:
    for number in range(60):
        submitted(number)
    problems: list[object] = []

    def decide(chance: random.Random, claim: Claim, now: datetime) -> Settlement:
        outcome = chance.choice([Done(), Retry("no"), Retry("no"), Wait(now + 2 * MINUTE)])
        decision = settle(definition, claim.run, outcome, now)
        return Settlement(claim, decision.run, [decision.entry], keep=chance.random() < 0.3)

    def turn(chance: random.Random, claims: Claims, now: datetime) -> None:
        taken = claims.claim(f"worker {chance.random()}", chance.randrange(1, 15), now, now + MINUTE)
        batch = [decide(chance, claim, now) for claim in taken if claim.run.state == "walking"]
        claims.commit(batch, [], now)
        if chance.random() < 0.4:
            fold_tally(database, worth=0)
        problems.extend(breaches(database))

    def guarded(seed: int) -> None:
        chance, claims = random.Random(seed), Claims(database, [("errand", 1)])
        try:
            for number in range(12):
                turn(chance, claims, NOON + MINUTE * (number + 1))
        except BaseException as error:  # noqa: BLE001 - any error of the thread is the finding
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == problems
    assert runs.counts() == by_state(database)
    assert 60 == sum(runs.counts().values())
    assert {"walking", "waiting"} <= runs.counts().keys()


def test_folding_leaves_one_row_for_each_bucket_and_the_same_numbers(
    database: Database, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    for number in range(5):
        submitted(number)
    (first, *_) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    decision = settle(definition, first.run, Done(), NOON)
    claims.commit([Settlement(first, decision.run, [decision.entry])], [], NOON)
    before = told(database)

    fold_tally(database, worth=0)

    assert {"walking": 4, "waiting": 1} == by_state(database)
    assert before == told(database)
    assert len(before) == rows(database)


def test_a_bucket_that_was_left_leaves_no_row(
    database: Database, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    decision = settle(definition, claim.run, Done(), NOON)
    claims.commit([Settlement(claim, decision.run, [decision.entry])], [], NOON)

    fold_tally(database, worth=0)

    assert ["waiting"] == [bucket.state for bucket in told(database)]
    assert 1 == rows(database)


def test_what_is_not_worth_folding_is_left(database: Database, submitted: Submit) -> None:
    for number in range(3):
        submitted(number)

    fold_tally(database)

    assert 3 == rows(database)


def test_a_commit_that_moves_nobody_counts_nothing(
    database: Database, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (claim,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    before = rows(database)
    first = settle(definition, claim.run, Retry("no line"), NOON)
    (claim,) = claims.commit([Settlement(claim, first.run, [first.entry], keep=True)], [], NOON).kept
    moved = rows(database)
    again = settle(definition, claim.run, Retry("no line"), NOON)
    claims.commit([Settlement(claim, again.run, [again.entry], keep=True)], [], NOON)

    assert (before + 2, moved) == (moved, rows(database))


def test_a_late_writer_counts_nothing(
    database: Database, claims: Claims, submitted: Submit, definition: Definition
) -> None:
    submitted(1)
    (late,) = claims.claim("ann", 10, NOON, NOON + MINUTE)
    claims.claim("bob", 10, NOON + MINUTE, NOON + 2 * MINUTE)
    before = told(database)
    decision = settle(definition, late.run, Done(), NOON)

    claims.commit([Settlement(late, decision.run, [decision.entry])], [], NOON)

    assert before == told(database)


def test_a_counter_that_is_wrong_is_found_with_what_it_counts(database: Database, submitted: Submit) -> None:
    submitted(1)
    with database.write() as connection:
        connection.execute(text("UPDATE tally SET delta = 3"))

    assert ["errand v1 to e3 in walking (ready): 1 runs, counted are 3"] == breaches(database)


def test_a_database_from_before_the_counters_gets_them_filled(database: Database, submitted: Submit) -> None:
    for number in range(3):
        submitted(number)
    config = schema._config()
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")

    upgrade_schema(database)

    assert {"walking": 3} == by_state(database)
    assert [] == breaches(database)
