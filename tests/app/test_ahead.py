"""What a worker's loop does while it waits for the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from overstap.app import ahead
from overstap.app.ahead import Ahead
from overstap.app.mailbox import Beat, CameIn, Mailbox, StepEnded

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MANY = ahead._MANY
PORTION = MANY + 10


class Bench:
    """A worker's parts: each step that is done is decided; what is made ready is noted."""

    def __init__(self) -> None:
        self.clock = self.claims = self
        self.mailbox = Mailbox()
        self.left_here = self.ended = 0
        self.ready: list[Any] = []
        self.ahead = Ahead(cast("Any", self), self.mailbox, cast("Any", self))

    def __len__(self) -> int:
        return self.ended + self.left_here

    def do_here(self, steps: int) -> None:
        for _ in range(min(self.left_here, steps)):
            self.left_here -= 1
            self.end(object())

    def do_some_here(self, steps: int) -> bool:
        left = self.left_here
        self.do_here(min(32, steps))
        return self.left_here < left

    def end(self, settlement: object | None) -> None:
        self.ended += 1
        self.mailbox.put(StepEnded(cast("Any", None), settlement=cast("Any", settlement)))

    def now(self) -> datetime:
        return NOON

    def prepare(self, decided: list[Any], now: datetime) -> bool:
        self.ready.append(decided)
        return True

    def get_ahead(self) -> None:
        for _ in range(2 * MANY):
            if not self.ahead.get():
                return
        raise AssertionError("it finds no end")

    def decided(self, came_in: CameIn | None) -> list[Any]:
        assert came_in is not None
        return [item.settlement for item in came_in[1]]


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    assert bench.ahead.take(PORTION) is None
    return bench


def test_what_was_made_ready_is_taken_as_it_was_and_the_next_portion_is_done_meanwhile(bench: Bench) -> None:
    bench.mailbox.put(Beat.LOOK)
    bench.left_here = 3 * PORTION

    bench.get_ahead()

    came_in = bench.ahead.take(PORTION)
    assert bench.ready == [bench.decided(came_in)]
    assert (PORTION, PORTION + 1) == (len(bench.mailbox), bench.left_here)  # the beat was taken for a step


def test_what_was_made_ready_goes_before_more_steps_and_nothing_takes_its_place(bench: Bench) -> None:
    bench.left_here = PORTION
    bench.get_ahead()
    bench.ended, bench.left_here = 0, MANY
    bench.get_ahead()
    bench.left_here = 5

    assert bench.ready == [bench.decided(bench.ahead.take(PORTION))]

    assert 5 == bench.left_here


def test_when_nothing_was_made_ready_what_lacks_of_a_portion_is_done_at_once(bench: Bench) -> None:
    bench.left_here = 5
    bench.end(object())

    assert bench.ahead.take(4) is None

    assert 2 == bench.left_here


def test_a_few_steps_are_done_and_not_made_ready(bench: Bench) -> None:
    bench.left_here = MANY - 1

    bench.get_ahead()

    assert (0, []) == (bench.left_here, bench.ready)
    assert bench.ahead.take(MANY) is None


def test_nothing_is_made_ready_while_a_step_is_under_way_or_was_not_decided(bench: Bench) -> None:
    bench.left_here = MANY
    bench.end(None)

    bench.get_ahead()

    assert [] == bench.ready
    assert bench.ahead.take(MANY) is None
