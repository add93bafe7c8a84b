"""The arithmetic of rates: never more than allowed in any time, and never less where enough is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overstap.workflow.limits import Rate

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MICROSECOND = timedelta(microseconds=1)

rates = st.builds(Rate, st.timedeltas(MICROSECOND, timedelta(minutes=5)), st.integers(1, 12))
asks = st.lists(st.tuples(st.timedeltas(timedelta(0), timedelta(minutes=8)), st.integers(0, 15)), max_size=25)


def take(rate: Rate, given: list[tuple[timedelta, int]]) -> list[datetime]:
    """The moments of the calls that go out when so many are asked for after each pause."""
    now, arrival, calls = NOON, None, []
    for pause, wanted in given:
        now += pause
        got = min(wanted, rate.available(arrival, now))
        if got:
            arrival = rate.spend(arrival, now, got)
        calls += [now] * got
    return calls


@given(rate=rates, given_asks=asks)
def test_no_time_whatever_has_more_calls_than_allowed(rate: Rate, given_asks: list[tuple[timedelta, int]]) -> None:
    calls = take(rate, given_asks)

    for first, last in combinations_with_replacement(range(len(calls)), 2):
        window = calls[last] - calls[first]
        assert last - first + 1 <= rate.burst + window // rate.interval


@given(rate=rates, given_asks=asks, before=st.integers(0, 20))
def test_a_call_may_go_out_at_its_moment_and_not_a_microsecond_earlier(
    rate: Rate, given_asks: list[tuple[timedelta, int]], before: int
) -> None:
    now, arrival = NOON, None
    for pause, wanted in given_asks:
        now += pause
        if got := min(wanted, rate.available(arrival, now)):
            arrival = rate.spend(arrival, now, got)

    first = rate.moment(arrival, now)
    assert rate.available(arrival, first) >= 1
    if first > now:
        assert rate.available(arrival, first - MICROSECOND) == 0
    if before < rate.burst:
        assert rate.available(arrival, rate.moment(arrival, now, before)) >= before + 1


@given(rate=rates, count=st.integers(1, 30))
def test_who_comes_at_the_moments_that_were_told_finds_a_call_each_time(rate: Rate, count: int) -> None:
    moments = [rate.moment(None, NOON, before) for before in range(count)]
    arrival = None
    for moment in moments:
        assert rate.available(arrival, moment) >= 1
        arrival = rate.spend(arrival, moment, 1)


@pytest.mark.parametrize(
    ("after", "available"), [(0.0, 0), (0.099, 0), (0.1, 1), (0.25, 2), (0.4, 4), (0.5, 5), (3600.0, 5)]
)
def test_what_was_used_up_comes_back_call_by_call(after: float, available: int) -> None:
    rate = Rate(SECOND / 10, burst=5)
    arrival = rate.spend(None, NOON, 5)

    assert available == rate.available(arrival, NOON + after * SECOND)
