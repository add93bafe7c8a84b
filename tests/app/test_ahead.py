"""What a worker's loop does while it waits for the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from overstap.app.ahead import Ahead
from overstap.app.mailbox import Beat, CameIn, Mailbox, StepEnded
from overstap.app.reach import MANY

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PORTION = MANY + 10


class Bench:
    """A worker's parts: each step that is done is decided; what is made ready is noted."""

    def __init__(self) -> None:
        self.clock = self.claims = self
        self.mailbox = Mailbox()
        self.left_here = self.begun = 0
        self.portion = PORTION
        self.ready: list[Any] = []
        self.refused: Exception | None = None
        self.ahead = Ahead(cast("Any", self), self.mailbox, cast("Any", self), lambda: self.portion)

    def __len__(self) -> int:
        return self.begun + self.left_here

    def do_here(self, steps: int) -> None:
        for _ in range(min(self.left_here, max(1, steps))):
            self.left_here -= 1
            self.end(object())

    def do_some_here(self, most: int) -> bool:
        left = self.left_here
        self.do_here(min(32, most))
        return self.left_here < left

    def end(self, settlement: object | None) -> None:
        self.begun += 1
        self.mailbox.put(StepEnded(cast("Any", None), settlement=cast("Any", settlement)))

    def now(self) -> datetime:
        return NOON

    def prepare(self, decided: list[Any], now: datetime) -> None:
        if self.refused is not None:
            raise self.refused
        self.ready.append(decided)

    def get_ahead(self) -> None:
        for _ in range(5 * MANY):
            if not self.ahead.get():
                return
        raise AssertionError("it finds no end")


def decided(came_in: CameIn | None) -> list[Any]:
    assert came_in is not None
    return [item.settlement for item in came_in[1]]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_what_was_made_ready_is_taken_as_it_was_and_the_next_portion_is_done_meanwhile(bench: Bench) -> None:
    bench.left_here = 3 * PORTION

    bench.get_ahead()

    came_in = bench.ahead.take()
    assert PORTION == len(decided(came_in))
    assert bench.ready == [decided(came_in)]
    assert (PORTION, PORTION) == (len(bench.mailbox), bench.left_here)


def test_what_was_made_ready_goes_before_more_steps_and_nothing_takes_its_place(bench: Bench) -> None:
    bench.left_here = PORTION
    bench.get_ahead()
    bench.begun, bench.left_here = 0, MANY
    bench.get_ahead()
    bench.left_here = 5

    assert bench.ready == [decided(bench.ahead.take())]

    assert 5 == bench.left_here


def test_when_nothing_was_made_ready_what_lacks_of_a_portion_is_done_at_once(bench: Bench) -> None:
    bench.portion, bench.left_here = 4, 5
    bench.end(object())

    assert bench.ahead.take() is None

    assert 2 == bench.left_here


@pytest.mark.parametrize("portion", [0, 1])
def test_a_step_that_is_left_is_done_whatever_else_came_in(bench: Bench, portion: int) -> None:
    bench.portion, bench.left_here = portion, 1
    bench.mailbox.put(Beat.LOOK)

    bench.ahead.take()

    assert 0 == bench.left_here


def test_a_few_steps_are_all_done_and_not_made_ready(bench: Bench) -> None:
    bench.portion, bench.left_here = MANY // 3, MANY - 1

    bench.get_ahead()

    assert (0, []) == (bench.left_here, bench.ready)
    assert bench.ahead.take() is None


def test_nothing_is_made_ready_while_a_step_is_under_way_elsewhere_but_all_that_are_left_are_done(bench: Bench) -> None:
    bench.left_here = 2 * PORTION
    bench.begun = 1

    bench.get_ahead()

    assert (0, []) == (bench.left_here, bench.ready)
    assert bench.ahead.take() is None


def test_nor_where_one_was_not_decided(bench: Bench) -> None:
    bench.left_here = PORTION
    bench.end(None)

    bench.get_ahead()

    assert (0, []) == (bench.left_here, bench.ready)


def test_what_cannot_be_made_ready_is_left_to_its_commit(bench: Bench) -> None:
    bench.left_here = MANY
    bench.refused = ValueError("a text with a zero in it")

    bench.get_ahead()

    assert MANY == len(decided(bench.ahead.take()))
