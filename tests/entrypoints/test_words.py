"""What a run waits for, in a few words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from overstap.entrypoints import words
from overstap.workflow.run import Run, Status

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def waiting(state: str, left: timedelta, wake: timedelta | None = None) -> Run:
    return Run(
        id="R1",
        workflow="plan_change",
        version=1,
        digest="",
        tenant_id="acme",
        input={},
        state=state,
        created_at=NOW - 9 * HOUR,
        updated_at=NOW - HOUR,
        status=Status.WAITING,
        wake_at=None if wake is None else NOW + wake,
        deadline_at=NOW + left,
    )


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (waiting("credit_check", 2 * HOUR), "the credit bureau, at most 2h more"),
        (waiting("credit_check", -2 * HOUR), f"the credit bureau, overdue since {words.when(NOW - 2 * HOUR)}"),
        (waiting("migrating", 2 * HOUR, HOUR), "the provider in 1h"),
        (waiting("migrating", -2 * HOUR, HOUR), f"the provider in 1h, overdue since {words.when(NOW - 2 * HOUR)}"),
        (waiting("migrating", 2 * HOUR), "a signal or its deadline"),
    ],
)
def test_what_is_overdue_is_said_to_be_and_no_time_is_left_below_none(run: Run, said: str) -> None:
    assert said == words.waits_for(run, NOW)


def test_a_deadline_is_told_with_how_far_away_it_is() -> None:
    assert words.deadline(NOW + HOUR, NOW).endswith(", in 1h")
    assert words.deadline(NOW - HOUR, NOW).endswith(", passed 1h ago")
