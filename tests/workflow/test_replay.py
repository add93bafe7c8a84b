"""What came of a replay: told by the first entry that tells it, and by nothing less than the step's end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from overstap.errors import BadInput
from overstap.settings import data_path
from overstap.steps import STEP_EVENTS
from overstap.workflow.files import load_library
from overstap.workflow.replay import DeadlinePolicy, Result, outcome
from overstap.workflow.run import JournalEntry, Kind

CHANGE = load_library(data_path("workflows"), STEP_EVENTS).latest("plan_change")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STUCK_ON = {"step": "move_users", "error": "no answer (attempt 3, the last one)"}


def entry(kind: Kind, step: str | None = "move_users", event: str | None = None, **data: Any) -> JournalEntry:
    return JournalEntry("r1", 9, NOON, kind, event, "migrating", None, step, data=data)


DONE = entry(Kind.STEP_DONE)
PROGRESS = entry(Kind.PROGRESS, done=1, total=2)
WAIT = entry(Kind.WAIT)
RETRY = entry(Kind.RETRY, error="no answer")
OTHER = entry(Kind.RETRY, error="refused")
STUCK = entry(Kind.STUCK, error="no answer (attempt 7, the last one)")
EARLIER = entry(Kind.STEP_DONE, "check_before_moving")
GAVE_UP = entry(Kind.TRANSITION, event="migration_failed", error="refused for good")
OVERDUE = entry(Kind.TRANSITION, step=None, event="migration_overdue")
SENT = entry(Kind.TRANSITION, step=None, event="cancel", signal="s1")
BY_STEP = entry(Kind.TRANSITION, event="migrated")
ALL_DONE = entry(Kind.TRANSITION, "reassign_licences", "migrated")
NOT_ELIGIBLE = entry(Kind.TRANSITION, "check_before_moving", "not_eligible")
AGAIN = entry(Kind.REPLAYED, before={})
HELD = entry(Kind.HELD, None, reason="wait")


@pytest.mark.parametrize(
    ("later", "result"),
    [
        ([], Result.UNDER_WAY),
        ([PROGRESS, WAIT, HELD], Result.UNDER_WAY),
        ([EARLIER], Result.UNDER_WAY),
        ([EARLIER, DONE], Result.PASSED),
        ([PROGRESS, DONE], Result.PASSED),
        ([BY_STEP], Result.PASSED),
        ([ALL_DONE], Result.PASSED),
        ([RETRY], Result.SAME_ERROR),
        ([STUCK], Result.SAME_ERROR),
        ([PROGRESS, OTHER], Result.NEW_ERROR),
        ([RETRY, DONE], Result.SAME_ERROR),
        ([DONE, OTHER], Result.PASSED),
        ([OVERDUE, DONE], Result.LEFT),
        ([SENT], Result.LEFT),
        ([GAVE_UP], Result.LEFT),
        ([NOT_ELIGIBLE], Result.LEFT),
        ([AGAIN, DONE], Result.LEFT),
    ],
)
def test_the_first_entry_that_tells_it_decides(later: list[JournalEntry], result: Result) -> None:
    replayed = entry(Kind.REPLAYED, before=STUCK_ON)
    assert result == outcome(CHANGE, replayed, later).result


def test_who_did_not_fail_before_cannot_fail_in_the_same_way() -> None:
    replayed = entry(Kind.REPLAYED, before={"step": "move_users", "error": None})
    assert Result.NEW_ERROR == outcome(CHANGE, replayed, [RETRY]).result


@pytest.mark.parametrize("text", ["", "later", "extend", "extend:", "extend:soon", "extend:0s", "reset:1h", "keep:"])
def test_a_policy_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--deadline"):
        DeadlinePolicy.parse(text)


@pytest.mark.parametrize("text", ["keep", "reset", "extend:2h", "extend:1h30m"])
def test_a_policy_is_written_as_it_is_read(text: str) -> None:
    assert text == str(DeadlinePolicy.parse(text))
