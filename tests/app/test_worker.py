"""The worker's loop over a real database, with steps made for each test; both databases."""

from __future__ import annotations

import os
import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from greenlet import GreenletExit
from sqlalchemy import func, select

from overstap.app import ahead, reach
from overstap.app.engine import Engine
from overstap.app.figures import WorkerFigures
from overstap.app.limiting import Gate
from overstap.app.pace import Pace
from overstap.app.worker import Worker
from overstap.clock import SystemClock
from overstap.errors import DatabaseUnavailable
from overstap.settings import WorkerSettings
from overstap.store import claims
from overstap.store.audit import Audit
from overstap.store.batch import Settlement
from overstap.store.claims import Claims
from overstap.store.commits import Prepared
from overstap.store.database import Database
from overstap.store.fleet import Fleet
from overstap.store.limits import LimitBook
from overstap.store.lines import Lines
from overstap.store.pauses import PauseBook
from overstap.store.rows import RUN
from overstap.store.runs import Runs
from overstap.store.tally import TALLY
from overstap.store.wakeup import Listener
from overstap.workflow.decide import Signal, submit
from overstap.workflow.definition import load_definition
from overstap.workflow.files import Library
from overstap.workflow.limits import Limit
from overstap.workflow.outcome import Done, Outcome, Retry, Step, StepContext
from overstap.workflow.pauses import Pause, Scope
from overstap.workflow.run import Kind

ERRAND = """
workflow: errand
version: 1
chart:
  states:
    going:
      initial: true
      transitions: [{event: there, target: shopping}, {event: called, target: called_home}, {event: late, target: lost}]
    shopping: {transitions: [{event: bought, target: home}]}
    home: {final: true}
    called_home: {final: true}
    lost: {final: true}
states:
  going:
    steps: [go]
    on_done: there
    await: [called]
    deadline: {after: DEADLINE, event: late}
    retry: {first: 50ms, factor: 1, most: 50ms, jitter: 0}
  shopping: {steps: [buy], on_done: bought}
"""
NEVER = timedelta(hours=1)
ONLY_POSTGRES = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def done(_: StepContext) -> Outcome:
    return Done()


class Shop:
    """A provider that grants everything."""

    def lookup(self, _key: str, _now: datetime) -> Mapping[str, Any] | None:
        return {}

    def execute(self, *_: Any) -> Mapping[str, Any]:
        return {}


@dataclass
class Bench:
    """A worker in a thread, and the runs it works on."""

    database: Database
    folder: Path
    calls: dict[str, Callable[[StepContext], Outcome]] = field(default_factory=lambda: {"go": done, "buy": done})
    deadline: str = "1h"
    provider: Any = None  # most steps here have no effect
    at_once: int | None = None
    settings: WorkerSettings = field(default_factory=lambda: WorkerSettings(tick=timedelta(milliseconds=100)))
    _threads: list[tuple[Worker, threading.Thread]] = field(default_factory=list)

    def __post_init__(self) -> None:
        path = self.folder / "errand.v1.yaml"
        path.write_text(ERRAND.replace("DEADLINE", self.deadline), encoding="utf-8")
        self.definition = load_definition(path, None)
        self.runs = Runs(self.database)

    def engine(self) -> Engine:
        steps = self.steps()
        claims = Claims(self.database, [("errand", 1)])
        limits = {"lease": self.settings.lease, "call_limit": self.settings.call_limit}
        return Engine(Library([self.definition]), steps, self.provider, claims, SystemClock(), **limits)

    def steps(self) -> dict[str, Step]:
        provider = None if self.at_once is None else "post"
        return {name: Step(name, call, provider=provider) for name, call in self.calls.items()}

    def gate(self) -> Gate:
        limits = {} if self.at_once is None else {"post": Limit(self.at_once)}
        book = LimitBook(self.database, [("errand", 1)], limits)
        return Gate(book, limits, self.steps(), SystemClock(), NEVER)

    def submit(self, count: int) -> list[str]:
        first = len(self.runs.all_ids())
        for number in range(first, first + count):
            order = {"subscription_id": "s", "target_plan": "e3"}
            now = SystemClock().now()
            self.runs.insert(submit(self.definition, f"r{number:03}", f"t{number}", order, "operator", now), None)
        return self.runs.all_ids()

    def signal(self, run_id: str, event: str, at: datetime) -> None:
        sent = Signal(id=f"s-{run_id}", event=event, reason="come home", actor="operator", at=at)
        self.runs.signal(run_id, sent, acceptable=["going"])

    def sleep_until(self, moment: datetime) -> None:
        SystemClock().sleep(moment - SystemClock().now())

    def worker(self, engine: Engine | None = None) -> Worker:
        return Worker(
            engine or self.engine(),
            Fleet(self.database),
            self.settings,
            lambda wake: Listener(self.database, wake, lambda _: None),
            self.gate(),
            Pace(0.0, WorkerFigures()),
        )

    def start(self, engine: Engine | None = None) -> Worker:
        worker = self.worker(engine)
        thread = threading.Thread(target=worker.run)
        thread.start()
        self._threads.append((worker, thread))
        return worker

    def wait_for(self, condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            threading.Event().wait(0.02)
        pytest.fail(f"waited in vain; the runs are {self.runs.counts()}")

    def close(self) -> None:
        for worker, thread in self._threads:
            worker.stop()
            thread.join(timeout=30)
            assert not thread.is_alive()


@pytest.fixture
def bench(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> Iterator[Bench]:
    mark = request.node.get_closest_marker("deadline")
    made = Bench(database, tmp_path, deadline=mark.args[0] if mark else "1h")
    yield made
    made.close()


def test_everything_that_is_due_is_worked_off(bench: Bench) -> None:
    bench.submit(250)  # more than one batch

    bench.worker().run(until_idle=True)

    assert {"home": 250} == bench.runs.counts()


class OwnCrash(BaseException):
    """As libraries raise that want nobody to catch it."""


class SilentCrash(Exception):
    def __str__(self) -> str:
        raise ValueError("by the way")


CRASHES = [
    ZeroDivisionError, SystemExit, CancelledError, KeyboardInterrupt, GeneratorExit, GreenletExit, OwnCrash,
]  # fmt: skip


@pytest.mark.parametrize("crash", CRASHES)
def test_a_step_that_crashes_is_tried_again_and_the_others_go_on(bench: Bench, crash: type[BaseException]) -> None:
    tried: list[str] = []

    def go(context: StepContext) -> Outcome:
        tried.append(context.run_id)
        if context.run_id == "r001" and tried.count("r001") < 3:
            raise crash("by the way")
        return Done()

    bench.calls["go"] = go
    bench.submit(3)
    bench.start()
    bench.wait_for(lambda: bench.runs.counts() == {"home": 3})

    retries = [entry for entry in bench.runs.journal("r001") if entry.kind is Kind.RETRY]
    assert [f"{crash.__name__}: by the way"] * 2 == [entry.data["error"] for entry in retries]
    assert 1 == tried.count("r000")


@pytest.mark.parametrize("crash", [KeyboardInterrupt, GreenletExit, OwnCrash, SilentCrash])
def test_steps_that_wait_beside_one_that_keeps_crashing_go_on_and_it_is_tried_as_its_definition_says(
    bench: Bench, crash: type[BaseException]
) -> None:
    tried: list[str] = []

    def go(context: StepContext) -> Outcome:
        tried.append(context.run_id)
        context.effect("order", {})
        if int(context.run_id[1:]) % 3 == 1:
            raise crash("by the way")
        return Done()

    bench.calls["go"] = go
    bench.provider = Shop()
    ids = bench.submit(12)
    bench.start()
    bench.wait_for(lambda: bench.runs.counts() == {"home": 8, "going": 4})
    bench.wait_for(lambda: all(bench.runs.get(run_id).run.attempt > 1 for run_id in ids[1::3]))

    for run_id in ids[1::3]:
        retries = [entry for entry in bench.runs.journal(run_id) if entry.kind is Kind.RETRY]
        assert tried.count(run_id) - len(retries) in {0, 1}
        assert str(bench.runs.get(run_id).run.error).startswith(f"{crash.__name__}: ")


@pytest.mark.parametrize(
    ("operation", "request_"),
    [("order", {"users": {"ann"}}), ("order", {"note": "a\0b"}), ("or\0der", {}), ("order", {"seats": 2**70})],
    ids=["set", "nul", "nul-operation", "huge"],
)
def test_an_effect_that_cannot_be_written_down_is_shown_on_its_run_which_is_tried_again(
    bench: Bench, operation: str, request_: dict[str, Any]
) -> None:
    def go(context: StepContext) -> Outcome:
        bad = context.run_id == "r001"
        context.effect(operation if bad else "order", request_ if bad else {})
        return Done()

    bench.calls["go"] = go
    bench.provider = Shop()
    bench.submit(3)
    bench.start()
    if "\0" in operation + str(request_.get("note", "")) and bench.database.dialect == "sqlite":  # it keeps that
        bench.wait_for(lambda: bench.runs.counts() == {"home": 3})
        return
    bench.wait_for(lambda: bench.runs.counts() == {"home": 2, "going": 1})
    bench.wait_for(lambda: bench.runs.get("r001").run.attempt > 1)

    told = str(bench.runs.get("r001").run.error)
    assert f"BadInput: effect r001:going:1:go ({operation!r}) cannot be written down: " in told
    assert "INSERT" not in told


def test_control_c_goes_through_a_step_in_the_main_thread(bench: Bench) -> None:
    def go(_: StepContext) -> Outcome:
        raise KeyboardInterrupt

    bench.calls["go"] = go
    bench.submit(1)
    engine = bench.engine()
    (claim,) = engine.claim("ann", 1)

    with pytest.raises(KeyboardInterrupt):
        engine.perform(claim, "go", engine.record)


def test_quick_steps_that_turn_slow_do_not_hold_up_each_other_nor_the_loop(bench: Bench) -> None:
    by: list[str] = []
    quick = 300
    together = threading.Barrier(7, timeout=10)  # breaks unless so many are done at once

    def buy(_: StepContext) -> Outcome:
        by.append(threading.current_thread().name)
        if len(by) == quick + 1:
            threading.Event().wait(0.1)  # the first slow one, which nobody expects
        elif len(by) > quick:
            together.wait()
        return Done()

    bench.calls["buy"] = buy
    bench.submit(quick)
    bench.start()
    bench.wait_for(lambda: bench.runs.counts() == {"home": quick})
    loop = by[-1]
    assert not loop.startswith("overstap-step")  # quick ones are done by the loop itself
    bench.submit(8)
    bench.wait_for(lambda: bench.runs.counts() == {"home": quick + 8})
    assert loop not in by[quick + 1 :]


def test_a_decision_that_cannot_be_stored_holds_up_nobody_else(bench: Bench) -> None:
    def go(context: StepContext) -> Outcome:
        return Done(data={"bad": object()} if context.run_id == "r002" else {})

    bench.calls["go"] = go
    bench.submit(5)
    bench.start()

    bench.wait_for(lambda: bench.runs.counts() == {"home": 4, "going": 1})
    bench.wait_for(lambda: len(bench.runs.journal("r002")) > 2)
    assert {Kind.SUBMITTED, Kind.RETRY} == {entry.kind for entry in bench.runs.journal("r002")}
    assert "not JSON serializable" in str(bench.runs.get("r002").run.error)


def test_a_step_that_answers_nonsense_shows_it_on_its_run_and_the_others_go_on(bench: Bench) -> None:
    nonsense: dict[str, Any] = {"r000": None, "r001": "done", "r002": Done(data=5)}  # type: ignore[arg-type]
    bench.calls["go"] = lambda context: nonsense.get(context.run_id, Done())
    bench.submit(6)
    bench.start()

    bench.wait_for(lambda: bench.runs.counts() == {"home": 3, "going": 3})
    bench.wait_for(lambda: all(bench.runs.get(run_id).run.error for run_id in nonsense))


def test_a_worker_takes_no_more_than_it_soon_begins_so_that_others_help(bench: Bench) -> None:
    begun = threading.Event()
    go_on = threading.Event()

    def go(_: StepContext) -> Outcome:
        begun.set()
        assert go_on.wait(30)
        return Done()

    bench.calls["go"] = go
    bench.settings = WorkerSettings(threads=2, tick=timedelta(milliseconds=100))
    bench.submit(60)
    bench.start()
    assert begun.wait(30)

    (record,) = Fleet(bench.database).workers()
    go_on.set()

    assert 2 <= record.held <= 10
    bench.wait_for(lambda: bench.runs.counts() == {"home": 60})


def test_a_step_is_not_done_twice_at_once_when_its_claim_ran_out_meanwhile(bench: Bench) -> None:
    working: list[str] = []
    most: list[int] = []
    done_once = threading.Event()

    def go(context: StepContext) -> Outcome:
        working.append(context.run_id)
        most.append(working.count(context.run_id))
        done_once.wait(1.2)  # longer than the lease
        working.remove(context.run_id)
        return Done()

    bench.calls["go"] = go
    bench.settings = WorkerSettings(
        lease=timedelta(milliseconds=600), call_limit=timedelta(milliseconds=200), tick=timedelta(milliseconds=50)
    )
    engine = bench.engine()
    engine.renew = lambda _: {}  # type: ignore[method-assign]  # as if no renewal got through
    bench.submit(2)
    bench.start(engine)

    bench.wait_for(lambda: bench.runs.counts() == {"home": 2})
    assert {1} == set(most)
    assert 2 == len(most)


@pytest.mark.deadline("2s")
def test_a_signal_before_the_deadline_wins_over_a_step_that_hung_across_it(bench: Bench) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def go(_: StepContext) -> Outcome:
        waiting.set()
        assert go_on.wait(30)
        return Retry("no answer")

    bench.calls["go"] = go
    bench.settings = WorkerSettings(tick=timedelta(milliseconds=50))
    bench.submit(1)
    bench.start()
    assert waiting.wait(30)
    deadline = bench.runs.get("r000").run.deadline_at
    assert deadline is not None
    bench.signal("r000", "called", at=deadline - timedelta(milliseconds=1))
    bench.sleep_until(deadline)
    go_on.set()

    bench.wait_for(lambda: bench.runs.counts() == {"called_home": 1})
    assert [] == bench.runs.pending_signals("r000")


def test_a_loop_that_breaks_leaves_no_step_waiting_for_it(bench: Bench) -> None:
    asked: list[bool] = []

    def go(context: StepContext) -> Outcome:
        asked.append(True)
        context.effect("order", {})
        return Done()

    def broken(*_: Any) -> Any:
        raise KeyboardInterrupt

    bench.calls["go"] = go
    engine = bench.engine()
    engine.commit = broken  # type: ignore[method-assign]
    bench.submit(1)
    worker = bench.worker(engine)

    with pytest.raises(KeyboardInterrupt):
        worker.run()

    bench.wait_for(lambda: not any(thread.name.startswith("overstap-step") for thread in threading.enumerate()))
    assert asked


def test_a_worker_that_cannot_listen_leaves_no_thread_behind(bench: Bench) -> None:
    worker = bench.worker()
    before = set(threading.enumerate())
    worker._listen = lambda _: away()

    with pytest.raises(DatabaseUnavailable):
        worker.run()

    assert set() == set(threading.enumerate()) - before


def test_a_step_that_gives_way_to_a_signal_passes_its_place_on(bench: Bench) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def go(context: StepContext) -> Outcome:
        if context.run_id == "r000":
            waiting.set()
            assert go_on.wait(30)
            context.effect("order", {})
        return Done()

    bench.calls["go"] = go
    bench.at_once = 1
    bench.settings = WorkerSettings(tick=timedelta(milliseconds=50), heartbeat=NEVER)  # and so no sweep
    bench.submit(2)
    bench.start()
    assert waiting.wait(30)
    bench.wait_for(lambda: Lines(bench.database).of("r001") is not None)
    bench.signal("r000", "called", at=SystemClock().now())
    go_on.set()

    bench.wait_for(lambda: bench.runs.counts() == {"called_home": 1, "home": 1})


def test_a_silent_ticker_does_not_stop_the_worker(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("every", "move"):
        monkeypatch.setattr(f"overstap.app.ticker.Ticker.{name}", lambda *_: None)
    bench.settings = WorkerSettings(tick=timedelta(milliseconds=50))
    bench.start()
    bench.wait_for(lambda: bool(Fleet(bench.database).workers()))

    bench.submit(1)

    bench.wait_for(lambda: bench.runs.counts() == {"home": 1})


def test_a_database_that_is_away_for_a_moment_costs_nothing_but_time(bench: Bench) -> None:
    engine = bench.engine()
    commit, away = engine.commit, iter([True, True])

    def sometimes(*batch: Any) -> Any:
        if next(away, False):
            raise DatabaseUnavailable("away")
        return commit(*batch)

    engine.commit = sometimes  # type: ignore[method-assign]
    done_once: list[str] = []
    bench.calls["buy"] = lambda context: done_once.append(context.run_id) or Done()
    bench.submit(1)
    bench.start(engine)

    bench.wait_for(lambda: bench.runs.counts() == {"home": 1})
    assert ["submitted", "transition", "transition"] == [entry.kind for entry in bench.runs.journal("r000")]


def test_a_worker_wakes_when_the_next_run_is_due_not_at_its_next_tick(bench: Bench) -> None:
    bench.settings = WorkerSettings(tick=timedelta(seconds=30))
    answers = iter([Retry("busy"), Done(), Done()])
    bench.calls["go"] = lambda _: next(answers)
    bench.submit(1)

    bench.start()

    bench.wait_for(lambda: bench.runs.counts() == {"home": 1})


def test_what_becomes_due_between_a_look_and_the_question_when_to_look_again_is_done_at_once(bench: Bench) -> None:
    bench.settings = WorkerSettings(tick=timedelta(seconds=30))
    answers = iter([Retry("busy"), Done(), Done()])
    bench.calls["go"] = lambda _: next(answers)
    engine = bench.engine()
    due_in, late = engine.due_in, []

    def asked_late() -> timedelta | None:
        due_at = bench.runs.get("r000").due_at
        if bench.runs.get("r000").run.attempt and not late and due_at is not None:
            bench.sleep_until(due_at + timedelta(milliseconds=5))
            late.append(due_at)
        return due_in()

    engine.due_in = asked_late  # type: ignore[method-assign]
    bench.submit(1)

    bench.start(engine)

    bench.wait_for(lambda: bench.runs.counts() == {"home": 1})
    assert late


def test_what_became_due_since_the_last_look_is_due_in_no_time(bench: Bench) -> None:
    engine = bench.engine()
    assert [] == engine.claim("ann", 1)
    assert engine.due_in() is None

    bench.submit(1)

    due_in = engine.due_in()
    assert due_in is not None
    assert due_in <= timedelta(0)


def test_what_there_is_no_room_for_is_not_asked_for_again_and_again(bench: Bench) -> None:
    bench.submit(1)
    engine = bench.engine()
    assert [] == engine.claim("ann", 0)

    assert engine.due_in() is None


def away() -> Any:
    raise DatabaseUnavailable("away")


def claims_again(bench: Bench) -> list[str]:
    now = SystemClock().now()
    return [claim.run.id for claim in Claims(bench.database, [("errand", 1)]).claim("bob", 10, now, now + NEVER)]


def test_runs_are_let_go_where_nobody_can_say_what_is_paused(bench: Bench) -> None:
    ids = bench.submit(3)
    now = SystemClock().now()
    PauseBook(bench.database).add(Pause(Scope.STEP, "buy", "the shop is shut", "operator", now))
    engine = bench.engine()
    engine._read_pauses = away

    with pytest.raises(DatabaseUnavailable):
        engine.claim("ann", 10)

    assert ids == claims_again(bench)


def test_runs_are_let_go_where_their_signals_cannot_be_read(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = bench.submit(3)
    engine = bench.engine()
    assert [] == engine.claim("ann", 0)
    engine.claims._crowded = False
    bench.signal(ids[0], "called", SystemClock().now())
    with monkeypatch.context() as patched, suppress(DatabaseUnavailable):  # SQLite claims nothing then
        patched.setattr(claims, "pending_signals", lambda *_: away())
        engine.claim("ann", 10)

    assert ids == claims_again(bench)


def test_a_submission_wakes_a_listening_worker_at_once(bench: Bench) -> None:
    listening = bench.database.dialect == "postgresql"
    # SQLite has nothing to listen to: there the tick has to find it.
    bench.settings = WorkerSettings(tick=NEVER if listening else timedelta(milliseconds=100))
    worker = bench.start()
    bench.wait_for(lambda: bool(Fleet(bench.database).workers()))
    if listening:
        bench.wait_for(lambda: _listens(bench.database))

    bench.submit(1)

    bench.wait_for(lambda: bench.runs.counts() == {"home": 1})
    assert worker.in_flight == 0


def _listens(database: Database) -> bool:
    with database.read() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE query ^@ 'LISTEN' AND datname = current_database()"
        return bool(connection.exec_driver_sql(asked).scalar())


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the commits that were made ready before; even small ones are, on a machine with cores to spare."""
    sizes: list[int] = []
    fits = Prepared.fits

    def noted(ready: Prepared, settlements: Sequence[Settlement]) -> bool:
        fit = fits(ready, settlements)
        sizes.extend([len(settlements)] * fit)
        return fit

    monkeypatch.setattr(Prepared, "fits", noted)
    monkeypatch.setattr(reach, "MANY", 5)
    monkeypatch.setattr(ahead, "MANY", 5)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    return sizes


@ONLY_POSTGRES
def test_commits_are_made_ready_while_others_are_under_way_and_lose_nothing(bench: Bench, fitted: list[int]) -> None:
    bench.settings = WorkerSettings(batch=50)
    bench.submit(400)

    bench.worker().run(until_idle=True)

    assert {"home": 400} == bench.runs.counts()
    assert {3} == {len(bench.runs.journal(run_id)) for run_id in bench.runs.all_ids()}
    assert 0 < len(fitted)
    assert max(fitted) <= 50


@ONLY_POSTGRES
def test_what_the_database_cannot_hold_is_told_of_its_run_and_stops_no_commit_that_is_made_ready(
    bench: Bench, fitted: list[int]
) -> None:
    bench.settings = WorkerSettings(batch=50, tick=timedelta(milliseconds=100))
    said: list[str] = []

    def go(context: StepContext) -> Outcome:
        if context.run_id != "r200" or said:
            return Done()
        said.append(context.run_id)
        return Retry("no\0thing")

    bench.calls["go"] = go
    bench.submit(400)

    bench.worker().run(until_idle=True)
    bench.start()
    bench.wait_for(lambda: bench.runs.counts() == {"home": 400})

    [told] = [entry for entry in bench.runs.journal("r200") if entry.kind is Kind.RETRY]
    assert "ValueError" in str(told.data)
    assert 0 < len(fitted)


@ONLY_POSTGRES
def test_a_worker_that_is_stopped_commits_what_was_made_ready(bench: Bench, fitted: list[int]) -> None:
    bench.settings = WorkerSettings(batch=50)
    bench.submit(400)
    worker = bench.start()
    bench.wait_for(lambda: bool(fitted))

    worker.stop()
    bench.close()

    with bench.database.read() as connection:
        assert 0 == connection.execute(select(func.count()).where(RUN.c.claimed_by.is_not(None))).scalar_one()
    bench.worker().run(until_idle=True)
    assert {3} == {len(bench.runs.journal(run_id)) for run_id in bench.runs.all_ids()}


def test_a_worker_says_who_it_is_and_when_it_left(bench: Bench) -> None:
    bench.worker().run(until_idle=True)

    (record,) = Fleet(bench.database).workers()
    assert record.pid > 0
    assert record.host
    assert record.version
    assert record.stopped_at is not None
    assert record.started_at <= record.heartbeat_at <= record.stopped_at


def test_a_heartbeat_tells_the_steps_and_their_rate_and_folds_the_counters(bench: Bench) -> None:
    bench.settings = WorkerSettings(tick=timedelta(milliseconds=100), heartbeat=timedelta(milliseconds=100))
    bench.submit(510)

    def rows() -> int:
        with bench.database.read() as connection:
            return connection.execute(select(func.count()).select_from(TALLY)).scalar_one()

    assert rows() >= 510
    bench.start()
    bench.wait_for(lambda: bench.runs.counts() == {"home": 510})
    bench.wait_for(lambda: Fleet(bench.database).workers()[0].steps == 1020)

    (record,) = Fleet(bench.database).workers()
    assert record.rate > 0
    bench.wait_for(lambda: rows() < 510)
    assert [] == [breach for breach in Audit(bench.database).tally() if breach]
