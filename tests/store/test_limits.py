"""Limits over all workers: how many steps at once, how fast, in which order; every law on both databases."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from overstap.store import permits
from overstap.store.acts import Acts
from overstap.store.batch import Claim, Settlement
from overstap.store.claims import Claims
from overstap.store.database import Database
from overstap.store.limits import Admission, LimitBook
from overstap.store.lines import Lines
from overstap.store.permits import PERMIT, THROTTLE, WAITING
from overstap.store.rows import JOURNAL, RUN
from overstap.store.runs import Runs
from overstap.store.tally import TALLY
from overstap.workflow.decide import Signal, expire, settle
from overstap.workflow.definition import Definition
from overstap.workflow.limits import Cause, Limit, Rate
from overstap.workflow.outcome import Done, Progress
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = 60 * SECOND
Submit = Callable[..., Run]


class Desk:
    """Two workers, or more, led by hand: what they claim asks for its step, and does it when told to."""

    def __init__(self, database: Database, definition: Definition) -> None:
        self.now = NOON
        self._database = database
        self._definition = definition
        self.claims = Claims(database, [("errand", 1)])
        self.book = LimitBook(database, [("errand", 1)], {})
        self.at_work: dict[str, Claim] = {}
        self.started: list[tuple[datetime, str]] = []

    def limit(self, limit: Limit | None = None, *, tenants: Rate | None = None) -> None:
        """Keep the provider `post` to a limit."""
        self.limits({"post": limit} if limit else {}, tenants=tenants)

    def limits(self, limits: dict[str, Limit], *, tenants: Rate | None = None) -> None:
        """Keep providers to limits."""
        self.book = LimitBook(self._database, [("errand", 1)], limits, tenants)

    def look(self, worker: str = "ann", batch: int = 10) -> int:
        """Claim what is due, and ask for it; answers how many runs were claimed."""
        held = self.claims.claim(worker, batch, self.now, self.now + LEASE)
        self.ask(held)
        return len(held)

    def ask(self, held: Sequence[Claim]) -> Admission:
        """Ask for the next step of claimed runs."""
        admission = self.book.admit({"post": held}, [], self.now, self.now + LEASE)
        for claim in held:
            if claim.run.id in admission.granted:
                self.at_work[claim.run.id] = claim
                self.started.append((self.now, claim.run.id))
        return admission

    def end(self, run_id: str, *, keep: bool = False) -> list[Claim]:
        """A step is done: its run waits outside, or (with `keep`) goes on to its next chunk at once."""
        claim = self.at_work.pop(run_id)
        outcome = Progress(1, 2) if keep else Done(event="called_back")
        decision = settle(self._definition, claim.run, outcome, self.now)
        part = Settlement(claim, decision.run, [decision.entry], keep=keep)
        kept = self.claims.commit([part], [], self.now).kept
        if not keep:
            self.book.pass_on(["post"], self.now)
        return kept

    def order(self) -> list[str]:
        """The runs in the order in which their steps were started."""
        return [run_id for _, run_id in self.started]


@pytest.fixture
def desk(database: Database, definition: Definition) -> Desk:
    return Desk(database, definition)


def submit_all(submitted: Submit, count: int) -> list[str]:
    return [submitted(number, after=number / 1000).id for number in range(count)]


def test_no_more_steps_are_under_way_than_allowed_and_each_gets_its_turn_in_order(
    desk: Desk, submitted: Submit
) -> None:
    desk.limit(Limit(at_once=3))
    runs = submit_all(submitted, 20)
    desk.now += SECOND
    most = 0

    while len(desk.started) < len(runs) or desk.at_work:
        desk.look("ann", 4)
        desk.look("bob", 4)
        most = max(most, len(desk.at_work))
        desk.now += SECOND / 10
        desk.end(next(iter(desk.at_work)))

    assert 3 == most
    assert runs == desk.order()


def test_who_waits_is_not_claimed_again_before_a_place_is_free(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 30)
    desk.now += SECOND
    while desk.look():
        pass

    looks = 0
    for _ in range(590):  # one second short of the lease
        desk.now += SECOND / 10
        looks += desk.look("bob")

    assert 0 == looks
    assert 1 == len(desk.at_work)
    desk.end("r000")
    assert 1 == desk.look()


def test_a_run_with_many_chunks_lets_others_in_between(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look()
    assert ["r000"] == list(desk.at_work)

    for _ in range(3):
        desk.now += SECOND
        kept = desk.end(next(iter(desk.at_work)), keep=True)
        desk.ask(kept)
        while desk.look():
            pass

    assert ["r000", "r001", "r000", "r001"] == desk.order()


def test_a_higher_priority_stands_further_ahead_in_the_line(desk: Desk, submitted: Submit, database: Database) -> None:
    desk.limit(Limit(at_once=1))
    runs = submit_all(submitted, 4)
    with database.write() as connection:
        connection.execute(update(RUN).where(RUN.c.id == runs[3]).values(priority=Priority.HIGH.rank))
        connection.execute(update(RUN).where(RUN.c.id == runs[1]).values(priority=Priority.LOW.rank))
    desk.now += SECOND

    for _ in runs:
        while desk.look():
            pass
        desk.end(next(iter(desk.at_work)))

    assert [runs[3], runs[0], runs[2], runs[1]] == desk.order()


def test_the_places_of_a_worker_that_died_come_back_with_its_runs(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=2))
    submit_all(submitted, 4)
    desk.now += SECOND
    desk.look("ann")
    assert ["r000", "r001"] == desk.order()
    desk.at_work.clear()  # ann is dead; only the claims' end frees its runs

    desk.now += 0.9 * LEASE
    assert 0 == desk.look("bob")
    desk.now += 0.1 * LEASE
    desk.look("bob")
    desk.look("bob")

    assert {"r000", "r001"} == set(desk.at_work), "its runs have come back, and they were first"
    for run_id in ("r000", "r001"):
        desk.end(run_id)
    desk.look("bob")
    assert {"r002", "r003"} == set(desk.at_work)


def test_a_place_is_free_as_soon_as_its_run_is_in_other_hands(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look("ann")  # ann starts r000 and dies; r001 waits
    desk.now += LEASE
    bob = desk.claims.claim("bob", 9, desk.now, desk.now + LEASE)
    assert ["r000", "r001"] == [claim.run.id for claim in bob]

    assert {"r001"} == desk.ask(bob[1:]).granted


def test_a_claim_that_was_lost_starts_nothing_and_takes_no_place(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submitted(0)
    (late,) = desk.claims.claim("ann", 1, NOON, NOON + SECOND)
    desk.now += 2 * SECOND
    desk.look("bob")

    admission = desk.ask([late])

    assert ({"r000": "bob"}, set(), set()) == (admission.lost, admission.granted, admission.waiting)
    assert ["r000"] == desk.order()


def test_a_step_that_asks_again_has_its_place_still(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submitted(0)
    desk.look()

    assert {"r000"} == desk.ask([desk.at_work["r000"]]).granted


@pytest.mark.parametrize("burst", [1, 5])
def test_the_rate_is_never_exceeded_and_nothing_of_it_is_wasted(desk: Desk, submitted: Submit, burst: int) -> None:
    rate = Rate(SECOND / 4, burst)
    desk.limit(Limit(rate=rate))
    runs = submit_all(submitted, 24)
    desk.now += SECOND
    began, looks = desk.now, 0

    while len(desk.started) < len(runs):
        looks += desk.look("ann", 5) + desk.look("bob", 5)
        for run_id in list(desk.at_work):
            desk.end(run_id)
        due = desk.claims.next_due(desk.now)
        desk.now = max(desk.now, min(due, desk.now + SECOND)) if due else desk.now + SECOND

    assert [began + max(0, number + 1 - burst) * rate.interval for number in range(24)] == [
        at for at, _ in desk.started
    ]
    assert runs == desk.order()
    assert looks <= 2 * len(runs), "each run is claimed to be told its moment, and at that moment"


def test_both_limits_count(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=2, rate=Rate(SECOND, burst=3)))
    submit_all(submitted, 6)
    desk.now += SECOND

    desk.look()
    assert 2 == len(desk.at_work)
    desk.end("r000")
    desk.end("r001")
    desk.look()
    assert ["r002"] == list(desk.at_work), "there are two places, and the rate lets in one more"
    desk.now += SECOND
    desk.look()
    assert ["r002", "r003"] == list(desk.at_work)


def test_one_tenant_is_slowed_down_and_no_other(desk: Desk, submitted: Submit, database: Database) -> None:
    desk.limit(tenants=Rate(10 * SECOND))
    submit_all(submitted, 3)
    desk.now += SECOND
    desk.look()
    assert ["r000", "r001", "r002"] == desk.order()

    kept = desk.end("r001", keep=True)
    assert {"r001"} == desk.ask(kept).waiting

    waits = Lines(database).of("r001")
    assert waits is not None
    assert ("post", Cause.TENANT, NOON + 11 * SECOND) == (waits.provider, waits.cause, waits.until)
    desk.now = NOON + 11 * SECOND
    desk.look()
    assert "r001" == desk.order()[-1]


def test_a_tenant_that_waits_for_its_own_limit_keeps_no_place(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1), tenants=Rate(10 * SECOND))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look(batch=1)

    kept = desk.end("r000", keep=True)
    desk.ask(kept)
    desk.look()

    assert ["r000", "r001"] == desk.order()


def test_a_deadline_comes_while_a_run_waits(desk: Desk, submitted: Submit, runs: Runs) -> None:
    desk.limit(Limit(rate=Rate(timedelta(days=9))))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look()

    assert runs.get("r001").run.deadline_at == runs.get("r001").due_at


def test_a_signal_reaches_a_run_that_waits(desk: Desk, submitted: Submit, runs: Runs) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look()
    sent = Signal(id="s1", event="called_back", reason="come home", actor="operator", at=desk.now)

    runs.signal("r001", sent, acceptable=["walking"])

    (claim,) = desk.claims.claim("ann", 9, desk.now, desk.now + LEASE)
    assert ["s1"] == [signal.id for signal in claim.signals]
    desk.book.admit({}, [claim], desk.now, desk.now + LEASE)  # it goes on without a step
    assert not desk.book.anyone_waits(["post"])


def test_waiting_changes_nothing_of_a_run_but_when_it_is_looked_at(
    desk: Desk, submitted: Submit, runs: Runs, database: Database
) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    before = runs.get("r001").run, runs.journal("r001")
    desk.now += SECOND

    desk.look()

    assert before == (runs.get("r001").run, runs.journal("r001"))
    assert None is runs.get("r001").claimed_by
    waits = Lines(database).of("r001")
    assert waits is not None
    assert (Cause.PROVIDER, before[0].wake_at) == (waits.cause, waits.since)
    assert None is Lines(database).of("r000")


def test_a_line_that_nothing_limits_any_more_is_dissolved(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 5)
    desk.now += SECOND
    while desk.look():
        pass

    desk.book.dissolve(["post"], desk.now)
    assert 0 == desk.look()
    desk.book.dissolve([], desk.now)

    assert ["r001", "r002", "r003", "r004"] == [
        claim.run.id for claim in desk.claims.claim("ann", 9, desk.now, desk.now + LEASE)
    ]
    assert not desk.book.anyone_waits(["post"])


def test_who_waits_no_more_is_swept_out_of_the_line(desk: Desk, submitted: Submit, database: Database) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 3)
    desk.now += SECOND
    desk.look()
    with database.write() as connection:
        connection.execute(update(RUN).where(RUN.c.id == "r001").values(seq=9, due_at=None))  # an operator acted

    desk.book.pass_on(["post"], desk.now, sweep=True)
    desk.end("r000")
    desk.look()

    assert ["r002"] == list(desk.at_work)


@pytest.mark.parametrize("goes_to", [None, "bank", "shop"])
def test_who_is_woken_and_starts_nothing_there_passes_its_place_on(
    desk: Desk, submitted: Submit, goes_to: str | None
) -> None:
    desk.limits({"post": Limit(at_once=1), "bank": Limit(at_once=1), "shop": Limit(at_once=0)})
    submit_all(submitted, 4)
    desk.now += SECOND
    while desk.look():
        pass
    desk.end("r000")

    (woken,) = desk.claims.claim("ann", 9, desk.now, desk.now + LEASE)
    asking = {goes_to: [woken]} if goes_to else {}
    desk.book.admit(asking, [] if goes_to else [woken], desk.now, desk.now + LEASE)

    assert "r001" == woken.run.id
    assert 1 == desk.look()
    assert ["r000", "r002"] == desk.order()


def test_who_is_woken_and_starts_nothing_passes_its_place_on_while_another_asks_elsewhere(
    desk: Desk, submitted: Submit
) -> None:
    desk.limits({"post": Limit(at_once=1), "bank": Limit(at_once=1)})
    submit_all(submitted, 3)
    desk.now += SECOND
    while desk.look():
        pass
    desk.end("r000")
    submitted(3)

    held = desk.claims.claim("ann", 9, desk.now, desk.now + LEASE)
    woken, new = sorted(held, key=lambda claim: claim.run.id)
    desk.book.admit({"bank": [new]}, [woken], desk.now, desk.now + LEASE)

    assert ("r001", "r003") == (woken.run.id, new.run.id)
    assert 1 == desk.look()
    assert ["r000", "r002"] == desk.order()


def test_who_is_woken_and_taken_out_by_an_operator_passes_its_place_on(
    desk: Desk, submitted: Submit, database: Database, definition: Definition
) -> None:
    desk.limit(Limit(at_once=2))
    submit_all(submitted, 6)
    desk.now += SECOND
    while desk.look():
        pass
    desk.end("r000")
    desk.end("r001")  # now r002 and r003 may go

    Acts(database).change("r002", lambda stored: expire(definition, stored.run, desk.now))
    desk.look()

    assert ["r000", "r001", "r003", "r004"] == desk.order()


def test_a_claim_that_was_lost_takes_its_run_out_of_no_line(desk: Desk, submitted: Submit) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    desk.now += SECOND
    held = desk.claims.claim("ann", 9, desk.now, desk.now + SECOND)
    (late,) = (claim for claim in held if claim.run.id == "r001")
    desk.now += 2 * SECOND
    while desk.look("bob"):
        pass

    desk.book.admit({}, [late], desk.now, desk.now + LEASE)

    assert desk.book.anyone_waits(["post"])


def test_nothing_stays_of_a_line_in_which_nobody_waits(desk: Desk, submitted: Submit, database: Database) -> None:
    desk.limit(Limit(at_once=1))
    submit_all(submitted, 2)
    desk.now += SECOND
    desk.look()
    with database.write() as connection:
        connection.execute(update(RUN).where(RUN.c.id == "r001").values(seq=9, due_at=None))  # it went on

    desk.book.pass_on(["post"], desk.now, sweep=True)

    with database.read() as connection:
        assert [] == connection.execute(select(WAITING)).all()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("elsewhere", [False, True])
def test_lines_are_changed_only_by_who_holds_their_providers(
    desk: Desk, submitted: Submit, database: Database, elsewhere: bool
) -> None:
    desk.limits({"bank": Limit(at_once=1), "post": Limit(at_once=1)})
    submit_all(submitted, 3)
    desk.now += SECOND
    while desk.look():
        pass
    with database.write() as connection:
        connection.execute(update(RUN).where(RUN.c.id == "r001").values(due_at=desk.now))  # a signal came
    submitted(3)
    stood, new = desk.claims.claim("ann", 9, desk.now, desk.now + LEASE)
    asking = {"bank": [stood], "post": [new]} if elsewhere else {"post": [new]}
    leaving = [] if elsewhere else [stood]

    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            permits.hold(connection, ["post"])
            asked = pool.submit(desk.book.admit, asking, leaving, desk.now, desk.now + LEASE)
            wait_until_somebody_is_kept_waiting(database)
            connection.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            connection.execute(select(WAITING).with_for_update())
        admission = asked.result(30)

    assert "r001" == stood.run.id
    assert elsewhere == ("r001" in admission.granted)
    assert {"r003"} == admission.waiting


def wait_until_somebody_is_kept_waiting(database: Database) -> None:
    kept = text("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(1000):
        with database.read() as connection:
            if connection.execute(kept).first() is not None:
                return
        threading.Event().wait(0.01)
    pytest.fail("nobody waits for a lock")


def act_at_random(desk: Desk, dice: random.Random) -> None:
    """One of two workers looks, ends a step, or dies; or time passes, in which those that live renew their claims."""
    action, who = dice.choice(["look", "look", "end", "end", "die", "time", "long"]), dice.choice(["ann", "bob"])
    mine = [run_id for run_id, claim in desk.at_work.items() if claim.worker_id == who]
    if action == "look":
        desk.look(who, dice.randint(1, 6))
    elif action == "end" and mine:
        desk.ask(desk.end(dice.choice(mine), keep=dice.random() < 0.5))
    elif action == "die":
        for run_id in mine:
            del desk.at_work[run_id]
    else:
        desk.now += SECOND * dice.random() * (40 if action == "long" else 1)
        desk.claims.renew(desk.at_work.values(), desk.now + LEASE)


def act_in_order(desk: Desk) -> None:
    """A worker that lives does a second's work."""
    while desk.look("carl"):
        pass
    for run_id in list(desk.at_work):
        desk.end(run_id)
    desk.now += SECOND
    desk.book.pass_on(["post"], desk.now, sweep=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), at_once=st.integers(1, 3), interval=st.sampled_from([None, SECOND / 4, SECOND]))
def test_whatever_dies_and_whenever_the_limits_hold_and_everybody_gets_to_the_end(
    desk: Desk, submitted: Submit, runs: Runs, database: Database, seed: int, at_once: int, interval: timedelta | None
) -> None:
    with database.write() as connection:
        for table in (RUN, JOURNAL, WAITING, PERMIT, THROTTLE, TALLY):
            connection.execute(delete(table))  # of the example before
    desk.now, desk.at_work, desk.started, dice = NOON, {}, [], random.Random(seed)
    desk.limit(Limit(at_once, Rate(interval, burst=2) if interval else None))
    submit_all(submitted, 12)

    for _ in range(60):
        act_at_random(desk, dice)
        assert len(desk.at_work) <= at_once
    for _ in range(500):
        act_in_order(desk)
        if runs.counts() == {"home": 12}:
            break

    assert {"home": 12} == runs.counts()
    assert not desk.book.anyone_waits(["post"])
    starts = [at for at, _ in desk.started]
    for first, last in combinations(range(len(starts)), 2) if interval else ():
        assert last - first + 1 <= 2 + (starts[last] - starts[first]) // interval
