"""What a worker's loop does while it waits for the database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from overstap.app import ahead
from overstap.app.ahead import Ahead
from overstap.app.mailbox import Beat, Mailbox, StepEnded

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MANY = ahead._MANY


class Bench:
    """A worker's parts: each step that is done is decided; what is made ready is noted."""

    def __init__(self) -> None:
        self.clock = self.claims = self
        self.mailbox = Mailbox()
        self.left = self.ended = 0
        self.ready: list[Any] = []
        self.ahead = Ahead(cast("Any", self), self.mailbox, cast("Any", self))

    def __len__(self) -> int:
        return self.ended + self.left

    def do_here(self, steps: int) -> None:
        for _ in range(min(self.left, steps)):
            self.left -= 1
            self.end(object())

    def do_some_here(self) -> bool:
        left = self.left
        self.do_here(32)
        return left > 0

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


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_next_commit_is_made_ready_once_when_no_step_is_left(bench: Bench) -> None:
    bench.mailbox.put(Beat.LOOK)
    bench.left = MANY

    bench.get_ahead()

    _, ended, _ = bench.mailbox.take(0)
    assert bench.ready == [[item.settlement for item in ended]]


def test_a_few_steps_are_done_and_not_made_ready(bench: Bench) -> None:
    bench.left = MANY - 1

    bench.get_ahead()

    assert (0, []) == (bench.left, bench.ready)


def test_nothing_is_made_ready_while_a_step_is_under_way_or_was_not_decided(bench: Bench) -> None:
    bench.left = MANY
    bench.end(None)

    bench.get_ahead()

    assert [] == bench.ready


def test_a_commit_that_is_ready_goes_before_more_steps_and_then_they_are_done(bench: Bench) -> None:
    bench.left = MANY
    bench.get_ahead()
    bench.left = 5

    bench.get_ahead()
    bench.ahead.do_here(3)
    assert 5 == bench.left

    bench.ahead.do_here(3)
    assert 2 == bench.left
