"""The threads that do steps: what becomes of the others where one brings its thread down, or takes long."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import pytest

from overstap.app import crew
from overstap.app.crew import Crew
from overstap.app.engine import Intend, Performed
from overstap.app.mailbox import Answer
from overstap.errors import ClaimLost
from overstap.store.batch import Claim, Intent
from overstap.store.rows import EffectRecord

IDS = ("r0", "r1", "r2", "r3", "r4")
RECORD = cast("EffectRecord", object())


class Defect(BaseException):
    """What brings a thread down."""


class FakeRun:
    def __init__(self, run_id: str) -> None:
        self.id = run_id


def claim_of(run_id: str) -> Claim:
    claim: Any = Claim.__new__(Claim)
    claim.run = FakeRun(run_id)
    return cast("Claim", claim)


class Workshop:
    """A crew of one thread, in which each step asks for an effect.

    Args:
        before, after: whose step raises before it asks, or after it was answered.
        takes: seconds that the steps take after that.
    """

    def __init__(self, *, before: str = "", after: str = "", takes: Mapping[str, float] = MappingProxyType({})) -> None:
        self.before, self.after, self.takes = before, after, takes
        self.told: list[str] = []
        self.gave_way: list[str] = []
        self.all_told = threading.Event()
        self.crew = Crew(1, self.perform, self.record, self.tell)
        self.crew.quick = True  # one thread does many

    def perform(self, claim: Claim, step: str, intend: Intend) -> Performed | None:
        try:
            if claim.run.id == self.before:
                raise Defect
            intend(Intent(claim, claim.run.id, "order", {}))
            if claim.run.id == self.after:
                raise Defect
            threading.Event().wait(self.takes.get(claim.run.id, 0))
        except ClaimLost:
            self.gave_way.append(claim.run.id)
            return None
        return cast("Performed", object())

    def record(self, intents: Sequence[Intent]) -> Sequence[Answer]:
        return [RECORD] * len(intents)

    def tell(self, claim: Claim, performed: Performed | None, took: float) -> None:
        self.told.append(claim.run.id)
        self.crew.forget(claim.run.id)
        if len(self.told) == len(IDS):
            self.all_told.set()

    def work(self) -> None:
        self.crew.start([(claim_of(run_id), "go") for run_id in IDS], lambda _: False)


@pytest.mark.parametrize("where", [{"before": "r4"}, {"after": "r0"}, {"after": "r2"}])
def test_steps_that_wait_in_a_thread_that_dies_are_told_to_the_loop(where: dict[str, str]) -> None:
    shop = Workshop(**where)

    shop.work()

    assert shop.all_told.wait(5), f"told were only {shop.told}"
    assert sorted(IDS) == sorted(shop.told)
    assert not len(shop.crew)
    assert not shop.crew.waiting


def test_steps_behind_one_that_took_long_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_LONG_SECONDS", 0.2)
    shop = Workshop(takes={"r1": 0.3})

    shop.work()

    assert shop.all_told.wait(5), f"told were only {shop.told}"
    assert ["r2", "r3", "r4"] == shop.gave_way


def test_steps_behind_many_that_each_take_a_while_do_not_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    # A slow machine makes all of them slow; begun anew, each would be asked for at its provider, and slow it further.
    monkeypatch.setattr(crew, "_LONG_SECONDS", 0.2)
    monkeypatch.setattr(crew, "_LONG_WAIT_SECONDS", 60)
    shop = Workshop(takes=dict.fromkeys(IDS, 0.06))

    shop.work()

    assert shop.all_told.wait(5), f"told were only {shop.told}"
    assert [] == shop.gave_way


def test_steps_that_would_wait_too_long_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_LONG_SECONDS", 60)
    monkeypatch.setattr(crew, "_LONG_WAIT_SECONDS", 0.2)
    shop = Workshop(takes=dict.fromkeys(IDS, 0.11))

    shop.work()

    assert shop.all_told.wait(5), f"told were only {shop.told}"
    assert "r0" not in shop.gave_way
    assert {"r3", "r4"} <= set(shop.gave_way)
