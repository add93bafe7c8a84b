"""What a worker's process counts of its own work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.app.figures import CountedClaims, Spread, WorkerFigures
from overstap.app.mailbox import StepEnded
from overstap.app.pace import Pace
from overstap.app.traces import Traces
from overstap.store.batch import Claim, Settlement
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.workflow.decide import Decision, settle, submit
from overstap.workflow.definition import Definition, load_definition
from overstap.workflow.outcome import Done, Outcome, Retry

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
ERRAND = """
workflow: errand
version: 1
chart:
  states:
    going: {initial: true, transitions: [{event: arrived, target: home}]}
    home: {final: true}
states:
  going: {steps: [walk], on_done: arrived, deadline: {after: 1d, event: arrived}}
"""

End = Callable[[Outcome, float], StepEnded]


@pytest.fixture
def definition(tmp_path_factory: pytest.TempPathFactory) -> Definition:
    path = tmp_path_factory.mktemp("workflows") / "errand.v1.yaml"
    path.write_text(ERRAND, encoding="utf-8")
    return load_definition(path, None)


@pytest.fixture
def order(definition: Definition) -> Callable[[int], Decision]:
    given = {"subscription_id": "s", "target_plan": "e3"}
    return lambda number: submit(definition, f"r{number}", f"t{number}", given, "operator", NOON)


@pytest.fixture
def end(definition: Definition, order: Callable[[int], Decision]) -> End:
    """A step that answered, and took so many seconds."""

    def ended(outcome: Outcome, took: float) -> StepEnded:
        claim = Claim(order(1).run, 1, 0, [], LATER, "w")
        decision = settle(definition, claim.run, outcome, NOON)
        return StepEnded(claim, None, Settlement(claim, decision.run, [decision.entry]), took)

    return ended


def test_a_value_on_a_bound_is_below_it() -> None:
    spread = Spread((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 2.5):
        spread.add(value)

    assert ([2, 2, 1], 7.5) == (spread.counts, spread.total)


@given(values=st.lists(st.floats(0, 4)))
def test_many_values_are_counted_as_each_by_itself(values: list[float]) -> None:
    together, apart = Spread((1.0, 2.0, 3.0)), Spread((1.0, 2.0, 3.0))
    together.add_all(values)
    for value in values:
        apart.add(value)

    assert apart.counts == together.counts
    assert apart.total == pytest.approx(together.total)


def test_steps_are_counted_by_name_and_failed_tries_apart(end: End) -> None:
    figures = WorkerFigures()
    pace = Pace(0.0, figures)
    pace.steps_ended([end(Done(), 0.2), end(Retry("no"), 0.3)])
    pace.steps_ended([end(Done(), 0.5)])

    assert {"walk": 1.0} == {name: spread.total for name, spread in figures.steps.items()}
    assert [3] == [sum(spread.counts) for spread in figures.steps.values()]
    assert ({"walk": 1}, 3) == (figures.retries, pace.steps)


def test_claims_and_commits_are_counted_with_what_they_took_along(
    database: Database, definition: Definition, order: Callable[[int], Decision]
) -> None:
    figures = WorkerFigures()
    claims = CountedClaims(database, [("errand", 1)], figures, Traces())
    for number in range(3):
        Runs(database).insert(order(number), None)

    held = claims.claim("w", 10, NOON, LATER)
    decided = [(claim, settle(definition, claim.run, Done(), NOON)) for claim in held]
    batch = [Settlement(claim, one.run, [one.entry]) for claim, one in decided]
    for _ in range(2):  # the second time, nobody holds them
        claims.commit(batch, [], NOON)

    assert (3, 1) == (figures.claimed, sum(figures.claims.counts))
    assert (6.0, 2, 3) == (figures.parts.total, sum(figures.commits.counts), figures.lost)
    assert 0 < figures.claims.total < 30
    assert 0 < figures.commits.total < 30
