"""The worker: claims due runs, has a thread pool do their steps, and commits what was decided, in batches.

One thread, the loop, does all the writing: whatever came in since its last transaction goes into the next one. Under
load that makes large batches, at light load a batch of one that commits at once.
"""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta

import structlog
from ulid import ULID

from overstap import __version__
from overstap.app.ahead import Ahead
from overstap.app.collector import spare_the_collector
from overstap.app.crew import Crew
from overstap.app.engine import Engine
from overstap.app.limiting import Begin, Gate
from overstap.app.mailbox import Beat, CameIn, IntentsAsked, Mailbox, StepEnded, Wakeups
from overstap.app.pace import Pace
from overstap.app.reach import FEW, Reach
from overstap.app.settling import Settler, Work, database_may_be_away
from overstap.app.stepping import Stepping
from overstap.app.ticker import Ticker
from overstap.settings import WorkerSettings
from overstap.store.batch import Claim
from overstap.store.fleet import Fleet
from overstap.store.overlap import meanwhile
from overstap.workflow.decide import Perform

log = structlog.get_logger(__name__)

_GATHER_SECONDS = 0.003
"""How long a commit waits for what quick steps under way bring, and a look for a few runs that can go on."""


class Worker:
    """A worker process's loop.

    Args:
        listen: given a function to call, answers what calls it whenever runs become due in another process.
        gate: lets steps be started.
        pace: counts steps.
    """

    def __init__(
        self,
        engine: Engine,
        fleet: Fleet,
        settings: WorkerSettings,
        listen: Callable[[Callable[[], None]], Wakeups],
        gate: Gate,
        pace: Pace,
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{str(ULID())[-6:].lower()}"
        self._engine = engine
        self._fleet = fleet
        self._settings = settings
        self._listen = listen
        self._mailbox = Mailbox()
        self._ticker = Ticker()
        self._stepping = Stepping(engine, self._mailbox, self.id, lambda: self._closed)
        self._crew = Crew(settings.threads, self._stepping.perform, self._stepping.record, self._stepping.ended)
        self._held: dict[str, Claim] = {}
        self._stop_asked = False  # a plain flag: a signal handler must not meet a lock
        self._stopping_since: float | None = None
        self._settler = Settler(engine, lambda: self._stop_asked)
        self._gate, self._pace = gate, pace
        self._reach = Reach(settings, on_server=engine.claims.on_server)
        self._ahead = Ahead(engine, self._mailbox, self._crew, lambda: self._reach.portion(len(self._held)))
        self._closed = False
        self._look, self._looked = True, time.monotonic()
        self._renewed = self._looked
        self._next_due_known = False

    def wake(self) -> None:
        """Have the loop look for due runs; from any thread."""
        self._mailbox.put(Beat.LOOK)

    def stop(self) -> None:
        """Claim nothing more, finish or let go what is held within the grace, and end; from any thread or a signal."""
        self._stop_asked = True
        self._mailbox.put(Beat.STOP)

    @property
    def in_flight(self) -> int:
        """Steps that are still being done; above 0 after `run` only when the grace was too short for them."""
        return len(self._crew)

    def run(self, *, until_idle: bool = False) -> None:
        """Work until `stop`, or with `until_idle` until nothing is due and nobody holds anything.

        Raises:
            DatabaseUnavailable: when the database is away at the start, or still at the end.
        """
        self._fleet.register(self.id, socket.gethostname(), os.getpid(), __version__, self._engine.clock.now())
        self._gate.open()
        log.info("worker_started", worker=self.id, threads=self._settings.threads, batch=self._settings.batch)
        self._ticker.every(self._settings.tick, "look", self.wake)
        self._ticker.every(self._settings.lease / 3, "renew", lambda: self._mailbox.put(Beat.RENEW))
        self._ticker.every(self._settings.heartbeat, "heartbeat", lambda: self._mailbox.put(Beat.HEARTBEAT))
        self._ticker.start()
        spare_the_collector()
        try:
            with closing(self._listen(self.wake)) as wakeups:
                self._mailbox.listen_to(wakeups)
                self._loop(until_idle=until_idle)
        finally:
            self._closed = True
            self._mailbox.close()
            self._ticker.stop()
            self._crew.dismiss()
        self._leave()

    def _loop(self, *, until_idle: bool) -> None:
        while True:
            if self._may_look:
                self._claim()
                idle = until_idle and not self._held and self._settler.patiently(self._engine.idle)
                if idle and not self._gate.anyone_waits():
                    return
            beats, ended, intents = self._take()
            self._on(beats)
            self._take_in(ended, intents)
            if self._stopping_since is not None and self._wind_down():
                return

    def _take(self) -> CameIn:
        """What came in: what was made ready; else, of quick steps being done, all within a moment, for one commit."""
        made_ready = self._ahead.take()
        if made_ready is not None:
            return made_ready
        came_in = self._mailbox.take(min(self._patience(), math.inf if self._next_due_known else _GATHER_SECONDS))
        if not any(came_in) and not self._next_due_known:
            # Not before there is time for it: what is under way comes first.
            self._next_due_known = True
            self._wake_when_due()
            came_in = self._mailbox.take(self._patience())
        if not any(came_in) and not self._crew.waiting:
            came_in[0].add(Beat.LOOK)
        if self._reach.quick and not self._crew.left_here:
            self._mailbox.take_more(came_in, _GATHER_SECONDS, lambda: len(self._crew))
        self._crew.call_in_another()
        return came_in

    @property
    def _may_look(self) -> bool:
        if not self._look or self._stopping_since is not None or not self._reach.worth_a_look(len(self._held)):
            return False
        # A few that can go on at once do so first.
        go_on = len(self._held) <= FEW and (self._crew.left_here or len(self._mailbox))
        return not go_on or time.monotonic() - self._looked > _GATHER_SECONDS

    def _patience(self) -> float:
        """How many seconds to wait for something to come in."""
        if self._may_look or self._crew.left_here:
            return 0.0
        if self._crew.waiting:
            return _GATHER_SECONDS
        # The ticker beats more often than this; when it is silent (a clock set back, a dead thread) look nevertheless.
        return min(2 * self._settings.tick.total_seconds(), max(0.0, self._grace_left()))

    def _on(self, beats: set[Beat]) -> None:
        if Beat.LOOK in beats:
            self._look = True
        if Beat.RENEW in beats or time.monotonic() - self._renewed > self._settings.lease.total_seconds() / 2:
            self._renew()
        if Beat.HEARTBEAT in beats:
            self._heartbeat()
        if Beat.STOP in beats and self._stopping_since is None:
            log.info("worker_stopping", worker=self.id, held=len(self._held), in_flight=len(self._crew))
            self._stopping_since = time.monotonic()

    def _claim(self) -> None:
        self._look, self._looked = False, time.monotonic()
        room = self._reach.room(len(self._held))
        claims: list[Claim] = []
        with database_may_be_away():
            with meanwhile(self._ahead.get):
                claims = self._engine.claim(self.id, room)
            self._next_due_known = False
        self._look = 0 < room == len(claims)
        self._stepping.begin_batch()  # later than whatever happened to these runs before
        self._held |= {claim.run.id: claim for claim in claims}
        self._go_on(claims)

    def _wake_when_due(self) -> None:
        with database_may_be_away():
            delay = self._engine.due_in()
            if delay is not None and delay < self._settings.tick:
                self._ticker.move("look", max(delay, timedelta(milliseconds=1)))

    def _go_on(self, claims: list[Claim]) -> None:
        """Start the next step of claims; commit at once what follows without a step."""
        begins: list[Begin] = []
        stepless, now = [], self._engine.clock.now()
        for claim in claims:
            if claim.run.id in self._crew:
                continue  # claimed anew while its step was under way: its end goes on with the new claim
            action = self._engine.action(claim, now)
            if isinstance(action, Perform):
                begins.append((claim, action.step))
            else:
                stepless.append(Work(claim))
        self._crew.start(self._admitted(begins, [work.claim for work in stepless]), self._engine.is_local)
        self._settle(stepless, [])

    def _admitted(self, begins: list[Begin], others: list[Claim]) -> list[Begin]:
        """Those whose step may be started now; the others are let go until theirs may."""
        may, admission = self._settler.patiently(lambda: self._gate.admit(begins, others))
        self._forget(admission.lost)
        for run_id in admission.waiting:
            self._held.pop(run_id, None)
            self._look = True  # there is room again
        return may

    def _take_in(self, ended: list[StepEnded], intents: list[IntentsAsked]) -> None:
        work, again = list[Work](), []
        self._reach.learn([(item.took, bool(item.performed.effects)) for item in ended if item.performed is not None])
        self._pace.steps_ended(ended)
        for item in ended:
            run_id = item.claim.run.id
            self._crew.forget(run_id)
            claim = self._held.get(run_id)
            if claim is None:
                continue  # the claim was lost meanwhile: drop the work
            if item.performed is not None and claim.run.seq == item.claim.run.seq:
                work.append(item if claim is item.claim else Work(claim, item.performed))
            else:
                again.append(claim)  # the step gave way to a signal, or somebody else did it
        self._crew.quick = self._reach.quick
        with self._gate.ending(item.claim.run.id for item in ended):
            self._settle(work, intents)
            if self._stopping_since is None:
                self._go_on(again)

    def _settle(self, work: list[Work], intents: list[IntentsAsked]) -> None:
        if not work and not intents:
            return
        self._stepping.begin_batch()
        with meanwhile(self._ahead.get):
            committed = self._settler.settle(work, [intent for asked in intents for intent in asked.intents])
        self._held |= {claim.run.id: claim for claim in committed.overtaken}
        for asked in intents:
            asked.tell(committed)
        self._forget(committed.lost)
        decided = [item.claim.run.id for item in work] if committed.failed else []
        for run_id in committed.failed.keys() & decided:
            self._held.pop(run_id, None)  # its claim runs out, and it is tried again then; a step answers for an intent
        for run in committed.released:
            self._held.pop(run.id, None)
        self._held |= {claim.run.id: claim for claim in committed.kept}
        self._look |= bool(committed.released)  # there is room again, and what was let go may be due already
        if self._stopping_since is None:
            self._go_on(committed.kept)

    def _forget(self, lost: dict[str, str | None]) -> None:
        for run_id, holder in lost.items():
            log.warning("claim_lost", worker=self.id, run_id=run_id, held_by=holder)
            self._held.pop(run_id, None)

    def _renew(self) -> None:
        self._renewed = time.monotonic()
        with database_may_be_away():
            self._forget(self._engine.renew(list(self._held.values())))

    def _heartbeat(self) -> None:
        with database_may_be_away():
            self._fleet.heartbeat(self.id, self._engine.clock.now(), *self._pace.told(time.monotonic()))
            self._engine.claims.fold()
            self._gate.sweep()

    def _wind_down(self) -> bool:
        """Let go what has no step in flight; answers whether the worker may leave."""
        self._crew.drop_waiting()
        waiting = [claim for run_id, claim in self._held.items() if run_id not in self._crew]
        self._forget(self._settler.patiently(lambda: self._engine.claims.release(waiting)))
        for claim in waiting:
            self._held.pop(claim.run.id, None)
        return not len(self._crew) or self._grace_left() <= 0

    def _grace_left(self) -> float:
        if self._stopping_since is None:
            return math.inf
        return self._stopping_since + self._settings.grace.total_seconds() - time.monotonic()

    def _leave(self) -> None:
        if self._held:
            # Their steps are still under way: the claims run out, and the effects are looked up before a repeat.
            log.warning("steps_left_behind", worker=self.id, run_ids=sorted(self._held))
        self._fleet.stopped(self.id, self._engine.clock.now(), steps=self._pace.steps)
        log.info("worker_stopped", worker=self.id)
