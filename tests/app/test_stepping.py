"""What a worker's threads leave for its loop: the moments that their decisions bear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from overstap.app import stepping
from overstap.app.engine import Performed
from overstap.app.mailbox import Mailbox
from overstap.app.stepping import Stepping
from overstap.store.batch import Claim

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Engine:
    """Answers each decision with its moment; its clock is a second on whenever it is read."""

    def __init__(self) -> None:
        self.clock = self
        self._reads = 0

    def now(self) -> datetime:
        self._reads += 1
        return NOON + timedelta(seconds=self._reads)

    def decide(self, claim: Claim, performed: Performed, now: datetime) -> datetime:
        return now


class Bench:
    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.stepping = Stepping(cast("Any", Engine()), self.mailbox, "w", lambda: False)

    def moments(self, steps: int) -> list[Any]:
        for _ in range(steps):
            self.stepping.ended(cast("Claim", object()), cast("Performed", object()), 0.0)
        return [item.settlement for item in self.mailbox.take(0)[1]]


def test_the_decisions_of_a_batch_bear_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_MOMENT_SECONDS", 60)
    bench = Bench()

    assert 1 == len(set(bench.moments(5)))


def test_those_of_the_next_batch_bear_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_MOMENT_SECONDS", 60)
    bench = Bench()
    [before] = bench.moments(1)

    bench.stepping.begin_batch()

    [after] = bench.moments(1)
    assert before < after


def test_a_moment_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "_MOMENT_SECONDS", 0)
    bench = Bench()

    first, second = bench.moments(2)

    assert first < second
