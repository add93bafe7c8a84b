"""Long work that pages begin: once at a time, found again by whoever comes later, and told when it breaks off."""

from __future__ import annotations

import threading

from overstap.entrypoints.console.jobs import UNEXPECTED, Job, Jobs, Tell
from overstap.errors import Refused

LIMIT = 10.0


def ended(job: Job) -> Job:
    waited = threading.Event()
    for _ in range(1000):
        if job.ended:
            return job
        waited.wait(LIMIT / 1000)
    raise AssertionError("the job does not end")


def test_work_that_is_under_way_is_not_begun_again_and_says_how_far_it_is() -> None:
    jobs, told, go_on = Jobs(), threading.Event(), threading.Event()

    def work(tell: Tell) -> str:
        tell(3, 5)
        told.set()
        assert go_on.wait(LIMIT)
        return "done"

    first = jobs.start("rehearsal", "plan", work)
    assert told.wait(LIMIT)
    assert first is jobs.start("rehearsal", "plan", work) is jobs.get("rehearsal", "plan")
    assert (3, 5, False) == (first.done, first.total, first.ended)
    go_on.set()
    assert "done" == ended(first).result
    assert jobs.get("rehearsal", "another") is None


def test_work_that_breaks_off_says_why() -> None:
    def refused(_: Tell) -> None:
        raise Refused("Plan X has too many runs.")

    def fails(_: Tell) -> None:
        raise ZeroDivisionError

    jobs = Jobs()
    assert "Plan X has too many runs." == ended(jobs.start("a", "x", refused)).error
    assert UNEXPECTED == ended(jobs.start("a", "y", fails)).error


def test_what_goes_in_turn_waits_for_what_came_before() -> None:
    jobs, go_on, order = Jobs(), threading.Event(), []

    def first(_: Tell) -> None:
        assert go_on.wait(LIMIT)
        order.append("first")

    one = jobs.start("a", "x", first, in_turn=True)
    two = jobs.start("a", "y", lambda _: order.append("second"), in_turn=True)
    ended(jobs.start("a", "z", lambda _: order.append("at once")))
    go_on.set()
    ended(one)
    ended(two)
    assert ["at once", "first", "second"] == order
