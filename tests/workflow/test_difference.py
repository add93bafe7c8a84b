"""What is different between two moments of a run: nothing too much, and nothing too little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.difference import ABSENT, Change, Path, difference, flat
from overstap.workflow.run import Run
from random_journals import START, Story, stories

RUN = Run("r", "w", 1, "d", "t", {"seats": 5}, "here", START, START, data={"asked": {"at": "noon"}, "users": [1, 2]})


def applied(before: dict[Path, Any], changes: tuple[Change, ...]) -> dict[Path, Any]:
    after = dict(before)
    for change in changes:
        assert before.get(change.path, ABSENT) == change.before
        if change.after is ABSENT:
            del after[change.path]
        else:
            after[change.path] = change.after
    return after


@given(story=stories())
def test_a_run_differs_in_nothing_from_itself(story: Story) -> None:
    assert all(() == difference(run, run) for run in story.runs)


@given(story=stories(), data=st.data())
def test_a_difference_applied_to_the_one_gives_the_other(story: Story, data: st.DataObject) -> None:
    moments = st.sampled_from([None, *story.runs])
    one, other = data.draw(moments), data.draw(moments)

    changes = difference(one, other)

    assert flat(other) == applied(flat(one), changes)
    assert all(change.before != change.after for change in changes)


def test_what_is_nested_is_told_by_its_path() -> None:
    later = replace(RUN, data={"asked": {"at": "one"}, "users": [1], "told": {}})

    assert (
        Change(("data", "asked", "at"), "noon", "one"),
        Change(("data", "users"), [1, 2], [1]),
        Change(("data", "told"), ABSENT, {}),
    ) == difference(RUN, later)


def test_no_value_is_something_else_than_none() -> None:
    assert (Change(("data", "asked", "at"), "noon", ABSENT), Change(("data", "users"), [1, 2], ABSENT)) == difference(
        RUN, replace(RUN, data={})
    )[:2]
    assert (Change(("error",), None, "rain"),) == difference(RUN, replace(RUN, error="rain"))


def test_a_run_that_begins_is_new_in_everything() -> None:
    changes = difference(None, RUN)

    assert flat(RUN).keys() == {change.path for change in changes}
    assert {ABSENT} == {change.before for change in changes}
