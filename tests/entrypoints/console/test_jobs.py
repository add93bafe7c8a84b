"""Long work that pages begin: found again by whoever comes later, told when it breaks off, and waited for by nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from overstap.clock import VirtualClock
from overstap.entrypoints.console.jobs import MOST, UNEXPECTED, Job, Jobs, Kind, Tell, Turn
from overstap.entrypoints.console.operator.long_work import failure, whose
from overstap.errors import Conflict, Refused
from overstap.language import language

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
LIMIT = 10.0
ANN, BEN = "operator:ann", "operator:ben"
REPLAY, REHEARSAL, CHECK = Kind("replay"), Kind("rehearsal", Turn.NEXT), Kind("check", Turn.NONE)


class Gate:
    """Work that goes on until it is let go, and says when it is at it."""

    def __init__(self, result: object = None) -> None:
        self._result = result
        self._at_it, self._go = threading.Event(), threading.Event()

    def __call__(self, tell: Tell) -> object:
        tell(3, 5)
        self._at_it.set()
        assert self._go.wait(LIMIT)
        return self._result

    def reached(self) -> None:
        assert self._at_it.wait(LIMIT)

    def open(self) -> None:
        self._go.set()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def jobs(clock: VirtualClock) -> Jobs:
    return Jobs(clock)


def ended(job: Job) -> Job:
    waited = threading.Event()
    for _ in range(1000):
        if job.ended is not None:
            return job
        waited.wait(LIMIT / 1000)
    raise AssertionError("the job does not end")


def quick(result: object = None) -> Callable[[Tell], Any]:
    return lambda _: result


@pytest.mark.parametrize("kind", [REPLAY, REHEARSAL])
def test_work_that_is_under_way_is_not_begun_again_and_says_whose_it_is_and_how_far(
    jobs: Jobs, clock: VirtualClock, kind: Kind
) -> None:
    work = Gate("done")
    first = jobs.start(kind, "plan", work, by=ANN)
    work.reached()
    assert first is jobs.start(kind, "plan", quick(), by=BEN) is jobs.get(kind, "plan")
    assert (ANN, NOON, None, 3, 5) == (first.by, first.began, first.ended, first.done, first.total)

    clock.advance_to(LATER)
    work.open()
    assert ("done", LATER) == (ended(first).result, first.ended)
    assert first is jobs.get(kind, "plan")
    again = jobs.start(kind, "plan", quick("anew"), by=BEN)
    assert ("anew", BEN) == (ended(again).result, again.by)
    assert jobs.get(kind, "another") is None


def test_work_that_breaks_off_says_why_and_leaves_room_for_the_next(jobs: Jobs) -> None:
    def refused(_: Tell) -> None:
        raise Refused("The head is of another database.")

    def fails(_: Tell) -> None:
        raise ZeroDivisionError

    assert "The head is of another database." == ended(jobs.start(CHECK, "chains", refused, by=ANN)).failed
    assert UNEXPECTED == ended(jobs.start(CHECK, "chains", fails, by=ANN)).failed
    fine = ended(jobs.start(CHECK, "chains", quick("fine"), by=ANN))
    assert ("fine", None) == (fine.result, fine.failed)


def test_what_is_done_alone_is_refused_while_another_of_its_kind_is_under_way(jobs: Jobs) -> None:
    work = Gate("all is well")
    truths = jobs.start(CHECK, "truths", work, by=ANN)
    for of in ("truths", "chains"):
        with pytest.raises(Conflict, match="that of truths is under way, begun by operator:ann"):
            jobs.start(CHECK, of, quick(), by=BEN)
    ended(jobs.start(REPLAY, "of another kind", quick(), by=BEN))

    work.open()
    ended(truths)
    assert "these too" == ended(jobs.start(CHECK, "chains", quick("these too"), by=BEN)).result
    assert truths is jobs.get(CHECK, "truths")
    assert "all is well" == truths.result


def test_what_takes_turns_waits_for_all_that_were_begun_before(jobs: Jobs, clock: VirtualClock) -> None:
    work, order = Gate(), list[str]()
    jobs.start(REHEARSAL, "one", work, by=ANN)
    work.reached()
    waiting = [jobs.start(REHEARSAL, of, lambda _, of=of: order.append(of), by=BEN) for of in "cab"]
    ended(jobs.start(REPLAY, "two", lambda _: order.append("beside"), by=BEN))
    assert [None] * 3 == [one.began for one in waiting]
    assert waiting[0] is jobs.start(REHEARSAL, "c", quick(), by=ANN)

    clock.advance_to(LATER)
    work.open()
    assert [LATER] * 3 == [ended(one).began for one in waiting]
    assert ["beside", "c", "a", "b"] == order


def test_the_turn_comes_after_work_that_broke_off_too(jobs: Jobs) -> None:
    broke = threading.Event()

    def breaks(_: Tell) -> None:
        assert broke.wait(LIMIT)
        raise ZeroDivisionError

    jobs.start(REHEARSAL, "one", breaks, by=ANN)
    second = jobs.start(REHEARSAL, "two", quick("played"), by=ANN)
    broke.set()
    assert "played" == ended(second).result


def test_of_those_that_have_ended_the_newest_are_remembered_and_no_more_are_begun_than_that(jobs: Jobs) -> None:
    work, number = Gate(), count()
    for _ in range(MOST - 3):
        jobs.start(REPLAY, f"busy-{next(number)}", work, by=ANN)
    for of in ("old", "newer", "old", "newest", "last"):
        ended(jobs.start(CHECK, of, quick(of), by=ANN))
    assert [False, True, True] == [jobs.get(CHECK, of) is not None for of in ("newer", "old", "newest")]

    for _ in range(3):
        jobs.start(REPLAY, f"busy-{next(number)}", work, by=ANN)
    with pytest.raises(Refused, match="64 pieces of long work are under way"):
        jobs.start(REPLAY, "one more", work, by=ANN)
    assert jobs.get(CHECK, "last") is None
    assert jobs.get(REPLAY, "one more") is None
    work.open()


def test_a_process_that_ends_waits_for_no_job(jobs: Jobs) -> None:
    first = jobs.start(REHEARSAL, "one", lambda _: threading.current_thread().daemon, by=ANN)
    assert ended(first).result


def test_whose_work_is_and_why_it_broke_off_is_told_in_the_language_of_the_page() -> None:
    dutch = language("nl")
    waits = Job(kind=REHEARSAL, of="plan", by=ANN, work=quick())
    assert "Gestart door operator:ann. Er is er al een bezig" in str(whose(dutch, waits))
    assert "Bezig, gestart door operator:ann: <time" in str(whose(dutch, replace(waits, began=NOON)))
    broke = replace(waits, began=NOON, ended=LATER, failed=UNEXPECTED)
    assert "2026-03-02 12:05:00 UTC</time>, operator:ann" in str(whose(dutch, broke))
    assert dutch.say(UNEXPECTED) in str(failure(dutch, broke))
    assert "Plan X has too many runs." in str(failure(dutch, replace(broke, failed="Plan X has too many runs.")))
    assert failure(dutch, waits) is None
