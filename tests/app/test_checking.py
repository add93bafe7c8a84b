"""Checks of the whole database: one at a time, beside everything else."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from overstap.app.auditing import Progress
from overstap.app.checking import Checked, Checking
from overstap.clock import VirtualClock
from overstap.errors import BadInput, Conflict

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
PATIENCE = 10.0


def ended(checking: Checking, name: str) -> Checked:
    for thread in threading.enumerate():
        if thread.name == f"check-{name}":
            thread.join(PATIENCE)
    found = checking.last(name)
    assert found is not None
    return found


def test_nobody_waits_for_a_check_and_a_second_one_is_refused_meanwhile() -> None:
    checking, go, reached = Checking(VirtualClock(NOON)), threading.Event(), threading.Event()

    def check(progress: Progress) -> str:
        progress(3, 7)
        reached.set()
        assert go.wait(PATIENCE)
        return "all is well"

    begun = checking.start("truths", check, "operator:ada")
    assert reached.wait(PATIENCE)
    assert (None, 3, 7) == (begun.report, begun.done, begun.total)
    with pytest.raises(Conflict, match="under way: truths, begun by operator:ada"):
        checking.start("chains", check, "operator:bob")

    go.set()
    assert "all is well" == ended(checking, "truths").report
    assert checking.under_way() is None
    checking.start("chains", lambda _: "these too", "operator:bob")
    assert "these too" == ended(checking, "chains").report
    assert "all is well" == ended(checking, "truths").report


def test_a_check_that_fails_says_why_and_leaves_room_for_the_next() -> None:
    checking = Checking(VirtualClock(NOON))

    def refuse(_: Progress) -> None:
        raise BadInput("The head is of another database.")

    checking.start("chains", refuse, "operator:ada")
    assert "The head is of another database." == ended(checking, "chains").failed
    checking.start("chains", lambda _: "fine", "operator:ada")
    assert "fine" == ended(checking, "chains").report
