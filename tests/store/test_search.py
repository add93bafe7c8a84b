"""Which runs a filter finds, in which order and how many; every law on both databases, against a search by hand."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert
from ulid import ULID

from overstap.domain.run_filter import RunFilter
from overstap.store.counting import AGES, OLDER, OTHER_ERRORS, By, RunCounts
from overstap.store.database import Database
from overstap.store.narrowing import Narrowing
from overstap.store.rows import RUN, changing_values, fixed_values
from overstap.store.search import RunSearch, Sort, position
from overstap.store.tally import tell_tally
from overstap.workflow.run import Run, Status

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STUCK_AFTER = 3
ESCALATIONS = [("change", 1, "escalated"), ("change", 2, "late")]
STATES = ("waiting", "moving", "escalated", "late", "gone", "done")
PLANS = ("e1", "e3", "k1")
ERRORS = ("no answer", "NO ANSWER in 20 s", "100% full", "100 full", "a_b", "aXb", "quota")
VALUES: dict[str, Sequence[Any]] = {
    "state": [("moving",), ("done",), ("escalated", "gone", "done"), ("nowhere",)],
    "status": [("stuck",), ("ended",), ("ready", "retrying")],
    "tenant": ["t3", "t5", "t999"],
    "plan": [*PLANS, "e4"],
    "workflow": ["change", "other"],
    "version": [1, 2, 9],
    "stuck": [True],
    "escalated": [True],
    "overdue": [True],
    "held": [True],
    "error": ["no answer", "No", "100%", "a_b", "\\", "nothing like it"],
    "older_than": [HOUR, 30 * HOUR, 5000 * HOUR],
    "since": [NOW - 48 * HOUR, NOW + HOUR, datetime(1960, 1, 1, tzinfo=UTC)],
    "until": [NOW - 24 * HOUR, NOW, datetime(9999, 1, 1, tzinfo=UTC)],
}


def a_run(chance: random.Random, number: int) -> Run:
    created = NOW - timedelta(milliseconds=chance.choice([200, 20_000, 500_000]) * chance.randrange(6000))
    status = chance.choice([*Status, Status.ENDED, Status.ENDED])
    ended = status is Status.ENDED
    failed = status in {Status.RETRYING, Status.STUCK}
    deadline = created + chance.choice([1, 30, 5000]) * HOUR
    if chance.random() < 0.2:
        deadline = NOW + HOUR  # several have the same
    return Run(
        id=str(ULID.from_datetime(created)),
        workflow=chance.choice(["change", "other"]),
        version=chance.choice([1, 1, 2]),
        digest="digest",
        tenant_id=f"t{number % 40}" if ended else f"t{number}",
        input={"subscription_id": "s", "target_plan": chance.choice(PLANS)},
        state=chance.choice(STATES[4:] if ended else STATES[:4]),
        status=status,
        created_at=created,
        updated_at=created,
        ended_at=created + HOUR if ended else None,
        attempt=chance.randrange(1, 6) if failed else 0,
        error=chance.choice(ERRORS) if failed or chance.random() < 0.1 else None,
        held=None if ended or chance.random() < 0.8 else "the bank is closed",
        deadline_at=None if ended or chance.random() < 0.3 else deadline,
    )


def put(database: Database, runs: Sequence[Run]) -> None:
    with database.write() as connection:
        rows = [{**fixed_values(run), **changing_values(run), "claim_token": 0, "inbox": 0} for run in runs]
        connection.execute(insert(RUN), rows)
        tell_tally(connection, ((None, run) for run in runs))


@pytest.fixture
def many(database: Database) -> list[Run]:
    chance = random.Random(4)
    runs = [a_run(chance, number) for number in range(250)]
    put(database, runs)
    return runs


@pytest.fixture
def search(database: Database) -> RunSearch:
    return RunSearch(database)


@pytest.fixture
def counts(database: Database) -> RunCounts:
    return RunCounts(database)


def narrowed(wanted: RunFilter) -> Narrowing:
    return Narrowing(wanted, NOW, STUCK_AFTER, ESCALATIONS)


def matches(run: Run, wanted: RunFilter) -> bool:
    hopeless = run.status is Status.STUCK or (run.status is Status.RETRYING and run.attempt >= STUCK_AFTER)
    overdue = run.ended_at is None and run.deadline_at is not None and run.deadline_at < NOW
    return all(
        [
            not wanted.state or run.state in wanted.state,
            not wanted.status or run.status.value in wanted.status,
            wanted.tenant in {None, run.tenant_id},
            wanted.plan in {None, run.input["target_plan"]},
            wanted.workflow in {None, run.workflow},
            wanted.version in {None, run.version},
            not wanted.stuck or hopeless,
            not wanted.escalated or (run.workflow, run.version, run.state) in ESCALATIONS,
            not wanted.overdue or overdue,
            not wanted.held or run.held is not None,
            wanted.error is None or (run.error is not None and wanted.error.lower() in run.error.lower()),
            wanted.older_than is None or run.created_at < NOW - wanted.older_than,
            wanted.since is None or run.created_at >= wanted.since,
            wanted.until is None or run.created_at < wanted.until,
        ]
    )


def in_order(runs: Sequence[Run], sort: Sort) -> list[str]:
    def soonest(run: Run) -> tuple[datetime, str]:
        assert run.deadline_at is not None
        return run.deadline_at, run.id

    match sort:
        case Sort.NEWEST:
            found = sorted(runs, key=lambda run: run.id, reverse=True)
        case Sort.OLDEST:
            found = sorted(runs, key=lambda run: run.id)
        case Sort.DEADLINE:
            found = sorted((run for run in runs if run.deadline_at is not None), key=soonest)
        case Sort.ATTEMPTS:
            found = sorted((run for run in runs if run.attempt), key=lambda run: (run.attempt, run.id), reverse=True)
    return [run.id for run in found]


def some_filters(count: int, seed: int) -> list[RunFilter]:
    """Each single condition there is, and random ones of up to four conditions."""
    chance = random.Random(seed)
    single = [{name: value} for name, values in VALUES.items() for value in values]
    mixed = [
        {name: chance.choice(VALUES[name]) for name in chance.sample(sorted(VALUES), chance.randrange(2, 5))}
        for _ in range(count)
    ]
    return [RunFilter(**given) for given in [{}, *single, *mixed]]


def pages(search: RunSearch, wanted: RunFilter, sort: Sort, limit: int, between: Callable[[], None]) -> list[str]:
    """Every page of a listing, each from where the last one ended."""
    found: list[str] = []
    after = None
    while page := search.page(narrowed(wanted), sort, after, limit):
        found += [one.run.id for one in page]
        after = position(page[-1], sort)
        between()
    return found


def test_a_filter_finds_the_runs_that_match_and_no_others_in_every_order(search: RunSearch, many: list[Run]) -> None:
    found_something = 0
    for wanted in some_filters(30, seed=1):
        matching = [run for run in many if matches(run, wanted)]
        for sort in Sort:
            found = [one.run.id for one in search.page(narrowed(wanted), sort, None, 1000)]
            assert in_order(matching, sort) == found, (wanted, sort)
            found_something += bool(found)
    assert found_something > 100


def test_a_found_run_is_the_stored_one(search: RunSearch, many: list[Run]) -> None:
    found = {one.run.id: one.run for one in search.page(narrowed(RunFilter()), Sort.NEWEST, None, 1000)}

    assert {run.id: run for run in many} == found


def test_runs_are_looked_at_again_by_their_ids_in_the_order_asked(search: RunSearch, many: list[Run]) -> None:
    wanted = [many[7], many[2], many[5]]
    found = search.these([wanted[0].id, "01KJ0000000000000000000000", *(run.id for run in wanted[1:])])
    assert wanted == [one.run for one in found]
    assert [] == search.these([])


def test_pages_give_every_run_exactly_once_even_while_runs_arrive(
    database: Database, search: RunSearch, many: list[Run]
) -> None:
    chance = random.Random(9)
    arrived: list[str] = []

    def one_more() -> None:
        young = [a_run(chance, 1000 + len(arrived)) for _ in range(20)]
        newest = max(young, key=lambda run: run.created_at)
        arrived.append(newest.id)
        put(database, [newest])

    filters = (RunFilter(), RunFilter(plan="e3"), RunFilter(error="o"), RunFilter(status=("ended", "retrying")))
    for wanted, sort in itertools.product(filters, Sort):
        there = [run for run in many if matches(run, wanted)]
        found = pages(search, wanted, sort, 13, one_more)

        assert in_order(there, sort) == [run_id for run_id in found if run_id not in arrived], (wanted, sort)
        assert len(found) == len(set(found))


def test_a_count_is_how_many_a_listing_would_give(counts: RunCounts, many: list[Run]) -> None:
    def told(run: Run, by: By) -> str | None:
        match by:
            case By.PLAN:
                return str(run.input["target_plan"])
            case By.ERROR:
                return run.error
            case By.AGE:
                ages = (name for name, below in AGES.items() if NOW - run.created_at <= below)
                return None if run.ended_at is not None else next(ages, OLDER)
            case _:
                return str(getattr(run, by.value))

    for wanted, by in itertools.product(some_filters(15, seed=2), By):
        expected = Counter(what for run in many if matches(run, wanted) and (what := told(run, by)) is not None)
        counted = counts.count(narrowed(wanted), by)
        assert expected == Counter(counted), (wanted, by)
        if by is By.AGE:
            assert [*AGES, OLDER] == list(counted)
        else:
            assert sorted(counted.values(), reverse=True) == list(counted.values())


def test_rare_errors_are_summed(database: Database, counts: RunCounts) -> None:
    chance = random.Random(5)
    runs = [a_run(chance, number) for number in range(800)]
    failed = [run for run in runs if run.error is not None]
    several = [Run(**{**as_dict(run), "error": f"error {number % 30}"}) for number, run in enumerate(failed)]
    put(database, several)

    counted = counts.count(narrowed(RunFilter()), By.ERROR)

    assert 21 == len(counted)
    assert OTHER_ERRORS == list(counted)[-1]
    assert len(several) == sum(counted.values())


def as_dict(run: Run) -> dict[str, Any]:
    return {name: getattr(run, name) for name in Run.__dataclass_fields__}


def test_only_the_filter_with_nothing_in_it_is_empty() -> None:
    assert RunFilter().is_empty
    assert not [name for name, values in VALUES.items() if RunFilter(**{name: values[0]}).is_empty]
    assert not RunFilter(held=True).is_empty


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wanted", "sort", "index"),
    [
        (RunFilter(), Sort.NEWEST, "sqlite_autoindex_run_1"),
        (RunFilter(since=NOW), Sort.OLDEST, "sqlite_autoindex_run_1 (id>?)"),
        (RunFilter(), Sort.DEADLINE, "INDEX run_at_rest (rest_state=? AND rest_status=?"),
        (RunFilter(), Sort.ATTEMPTS, "run_in_trouble"),
        (RunFilter(state=("done",)), Sort.NEWEST, "INDEX run_at_rest (rest_state=? AND rest_status=?"),
        (RunFilter(plan="e3", until=NOW), Sort.OLDEST, "version=? AND id<?)"),
        (RunFilter(overdue=True), Sort.NEWEST, "INDEX run_at_rest (rest_state=? AND rest_status=?"),
        (RunFilter(state=("done",), error="no"), Sort.NEWEST, "run_in_trouble"),
        (RunFilter(stuck=True, plan="e3", overdue=True), Sort.DEADLINE, "run_in_trouble"),
        (RunFilter(tenant="t3", state=("done",), workflow="change"), Sort.NEWEST, "run_of_tenant (tenant_id=?)"),
    ],
)
def test_a_question_goes_the_way_that_reads_little_though_nobody_has_told_the_planner(
    database: Database, search: RunSearch, many: list[Run], wanted: RunFilter, sort: Sort, index: str
) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    search.page(narrowed(wanted), sort, None, 10)
    event.remove(database.engine, "before_cursor_execute", note)

    looks = [(statement, given) for statement, given in asked if "ORDER BY" in statement and "FROM run" in statement]
    assert looks
    with database.read() as connection:
        for statement, given in looks:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
            assert index in plan[0].detail or "run_claimed" in plan[0].detail
