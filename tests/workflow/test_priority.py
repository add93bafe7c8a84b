"""Whose turn it is: a head start that no wait is too long to make up for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.priority import Priority, shares

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HIGH, NORMAL, LOW = Priority
MINUTE = timedelta(minutes=1)


def due(*minutes_ago: float) -> list[datetime]:
    return [NOON - one * MINUTE for one in minutes_ago]


def test_the_higher_goes_first() -> None:
    assert {HIGH: 2} == shares({LOW: due(9), NORMAL: due(9), HIGH: due(1, 0)}, 2)


def test_what_waited_longer_than_the_head_start_goes_before_the_higher() -> None:
    assert {NORMAL: 1} == shares({NORMAL: due(11), HIGH: due(0)}, 1)
    assert {LOW: 1} == shares({LOW: due(21), HIGH: due(0)}, 1)


def test_all_are_taken_when_there_is_room() -> None:
    assert {HIGH: 1, NORMAL: 2, LOW: 1} == shares({HIGH: due(0), NORMAL: due(3, 1), LOW: due(7)}, 10)


def test_a_priority_is_found_again_by_its_rank() -> None:
    assert list(Priority) == [Priority.of(one.rank) for one in Priority]
    assert sorted(one.rank for one in Priority) == [HIGH.rank, NORMAL.rank, LOW.rank]


@given(
    waits=st.dictionaries(st.sampled_from(list(Priority)), st.lists(st.integers(0, 60), min_size=1), min_size=1),
    limit=st.integers(1, 20),
)
def test_nobody_who_is_left_out_has_waited_twenty_minutes_longer_than_one_who_is_taken(
    waits: dict[Priority, list[int]], limit: int
) -> None:
    lines = {one: due(*sorted(minutes, reverse=True)) for one, minutes in waits.items()}

    taken = shares(lines, limit)

    assert min(limit, sum(map(len, lines.values()))) == sum(taken.values())
    out = [moment for one, line in lines.items() for moment in line[taken.get(one, 0) :]]
    into = [moment for one, line in lines.items() for moment in line[: taken.get(one, 0)]]
    assert all(left >= chosen - 20 * MINUTE for left in out for chosen in into)
