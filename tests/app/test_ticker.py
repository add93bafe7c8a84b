"""The metronome beats, sooner when it is asked to, and stops without a word (its thread's errors fail a test)."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from overstap.app.ticker import Ticker


def test_a_beat_that_was_moved_comes_sooner() -> None:
    beat = threading.Event()
    ticker = Ticker()
    ticker.every(timedelta(hours=1), "look", beat.set)
    ticker.start()

    ticker.move("look", timedelta(milliseconds=10))

    assert beat.wait(10)
    ticker.stop()


@pytest.mark.parametrize("turn", range(30))
def test_a_ticker_that_is_stopped_at_its_beat_stops_quietly(turn: int) -> None:
    beat = threading.Event()
    ticker = Ticker()
    ticker.every(timedelta(hours=1), "look", beat.set)
    ticker.start()
    ticker.move("look", timedelta(milliseconds=1))

    assert beat.wait(10)
    ticker.stop()
