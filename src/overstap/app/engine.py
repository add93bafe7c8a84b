"""One run's way through a worker: look what is next, perform the step, decide, commit (design §4).

The engine has no thread and no loop of its own: the worker gives it both, and tests drive it in virtual time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from overstap.app.crashing import is_crash, told
from overstap.app.narrating import narrate
from overstap.clock import Clock
from overstap.domain.ports import Provider
from overstap.errors import ClaimLost, DatabaseUnavailable, ProviderError, ProviderRefused, ProviderTimeout
from overstap.store.batch import Claim, Committed, Intent, Overtaken, Settlement
from overstap.store.claims import Claims
from overstap.store.rows import EffectRecord
from overstap.workflow.decide import (
    Action,
    Discard,
    Expire,
    Perform,
    Signal,
    discard,
    effect_key,
    expire,
    next_action,
    receive,
    settle,
)
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library
from overstap.workflow.notable import notices_of
from overstap.workflow.outcome import Outcome, Retry, Step, Stop
from overstap.workflow.pauses import Pause, pause_of
from overstap.workflow.run import JournalEntry, Run
from overstap.workflow.value import value

log = structlog.get_logger(__name__)

Intend = Callable[[Intent], EffectRecord]
"""Writes an effect down before its call goes out; raises ClaimLost when the claim's token no longer holds."""


@value
class Performed:
    """What a step answered, and the effects it had."""

    outcome: Outcome
    effects: list[EffectRecord]


@dataclass(slots=True)
class _Context:
    """What one step gets to see and use; see `workflow.outcome.StepContext`."""

    claim: Claim
    step: str
    now: datetime
    intend: Intend
    provider: Provider
    clock: Clock
    limit: timedelta
    effects: list[EffectRecord]

    @property
    def effect_key(self) -> str:
        return effect_key(self.claim.run, self.step)

    @property
    def run_id(self) -> str:
        return self.claim.run.id

    @property
    def tenant_id(self) -> str:
        return self.claim.run.tenant_id

    @property
    def input(self) -> Mapping[str, Any]:
        return self.claim.run.input

    @property
    def data(self) -> Mapping[str, Any]:
        return self.claim.run.data

    @property
    def cause(self) -> str | None:
        return self.claim.run.cause

    def effect(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        record = self.intend(Intent(self.claim, self.effect_key, operation, dict(request)))
        if record.status == "confirmed" and record.response is not None:
            return record.response
        if record.operation != operation:
            raise ProviderRefused(f"effect {record.key} was {record.operation} and cannot become {operation}")
        try:
            # An effect that was intended before may have happened: look before repeating it.
            answer = None if record.fresh else self.provider.lookup(record.key, self.clock.now())
            if answer is None:
                answer = self.provider.execute(operation, record.key, record.request, self.clock.now(), self.limit)
        except ProviderError as error:
            self.effects.append(replace(record, status=_status_after(error), error=str(error)))
            raise
        self.effects.append(replace(record, status="confirmed", response=dict(answer)))
        return answer


def _checked(step: str, answer: object) -> Outcome:
    if not isinstance(answer, Outcome):
        raise TypeError(f"step {step} answered {answer!r}, which is no outcome")
    return answer


def _status_after(error: ProviderError) -> str:
    if isinstance(error, ProviderRefused):
        return "refused"
    return "unknown" if isinstance(error, ProviderTimeout) else "intended"


class Engine:
    """Advances claimed runs.

    Args:
        steps: the registered steps by name.
        lease: how long a claim lasts, in machine time.
        call_limit: how long one call to a provider may take, in machine time; well below the lease.
        read_pauses: what is paused now.
        stuck_after: failed tries in a row of a step after which operators are told.
    """

    def __init__(
        self,
        library: Library,
        steps: Mapping[str, Step],
        provider: Provider,
        claims: Claims,
        clock: Clock,
        *,
        lease: timedelta,
        call_limit: timedelta,
        read_pauses: Callable[[], Sequence[Pause]] = tuple,
        stuck_after: int = 5,
    ) -> None:
        self.claims = claims
        self.clock = clock
        self._library = library
        self._steps = steps
        self._provider = provider
        self._lease = lease
        self._call_limit = call_limit
        self._read_pauses = read_pauses
        self._stuck_after = stuck_after
        self._pauses: Sequence[Pause] = ()
        self._claimed_at: datetime | None = None

    def look_at_pauses(self) -> None:
        """Learn what is paused now; `claim` does too."""
        self._pauses = self._read_pauses()

    def claim(self, worker_id: str, limit: int) -> list[Claim]:
        """Take up to `limit` due runs, and learn what is paused."""
        now = self.clock.now()
        claims = self.claims.claim(worker_id, limit, now, self._lease_from(now)) if limit > 0 else []
        self._claimed_at = now
        # Each run tells whether anything was paused when it was taken: mostly nothing is, and there is nothing to read.
        if claims and not self.claims.paused:
            self._pauses = ()
            return claims
        try:
            self.look_at_pauses()
        except DatabaseUnavailable:
            with suppress(DatabaseUnavailable):  # else they run out
                self.claims.release(claims)
            raise
        return claims

    def action(self, claim: Claim, now: datetime) -> Action | None:
        """What there is to do for a claimed run now; a step that is paused is nothing to do."""
        run = claim.run
        action = self._due(self._library.get(run.workflow, run.version), run, claim.signals, now)
        return None if self._pause_of(run, action) is not None else action

    def _due(self, definition: Definition, run: Run, inbox: Sequence[Signal], now: datetime) -> Action | None:
        action = next_action(definition, run, inbox, now)
        # An answer that a pause keeps from being looked at does not keep the deadline from coming: it would spin.
        late = run.deadline_at is not None and run.deadline_at <= now
        return Expire() if late and self._pause_of(run, action) is not None else action

    def _pause_of(self, run: Run, action: Action | None) -> Pause | None:
        if not self._pauses or not isinstance(action, Perform):
            return None
        return pause_of(self._pauses, run, self._steps[action.step])

    def is_local(self, step: str) -> bool:
        """Whether a step reaches no outside system, so that it cannot wait for one."""
        return self._steps[step].provider is None

    def perform(self, claim: Claim, step: str, intend: Intend) -> Performed:
        """Do one step of a claimed run; no transaction is open meanwhile.

        Raises:
            ClaimLost: when the claim went to somebody else before an effect could be recorded.
        """
        context = _Context(claim, step, self.clock.now(), intend, self._provider, self.clock, self._call_limit, [])
        try:
            outcome = _checked(step, self._steps[step].call(context))
        except ProviderRefused as error:
            outcome = Stop(str(error))
        except ProviderError as error:
            outcome = Retry(str(error))
        except BaseException as error:
            if not is_crash(error):
                raise
            # A defect in a step must not take the worker down, nor lose the run: it stays visible as a retry.
            log.exception("step_crashed", run_id=claim.run.id, tenant_id=claim.run.tenant_id, step=step)
            outcome = Retry(told(error))
        return Performed(outcome, context.effects)

    def decide(self, claim: Claim, performed: Performed | None, now: datetime) -> Settlement:
        """Everything that follows for a claimed run without another step, ready to be committed."""
        definition = self._library.get(claim.run.workflow, claim.run.version)
        run, inbox = claim.run, list(claim.signals) if claim.signals else []
        entries: list[JournalEntry] = []
        settled: list[str] = []
        if performed is not None:
            decision = settle(definition, run, performed.outcome, now)
            run = decision.run
            entries.append(decision.entry)
        while True:
            action = self._due(definition, run, inbox, now)
            if action is None or isinstance(action, Perform):
                break
            if isinstance(action, Expire):
                decision = expire(definition, run, now)
            else:
                signal = action.signal
                decision = (
                    discard(run, signal, now) if isinstance(action, Discard) else receive(definition, run, signal, now)
                )
                inbox.remove(signal)
                settled.append(signal.id)
            run = decision.run
            entries.append(decision.entry)
        pause = self._pause_of(run, action)
        effects = performed.effects if performed is not None else ()
        notices = notices_of(definition, entries, self._stuck_after)
        keep = action is not None and pause is None
        return Settlement(claim, run, entries, settled, effects, keep, pause, notices)

    def commit(self, settlements: Sequence[Settlement], intents: Sequence[Intent] = ()) -> Committed:
        """Commit a batch of decisions, and record effects that are about to happen, in one transaction."""
        now = self.clock.now()
        committed = self.claims.commit(settlements, intents, now)
        narrate(settlements, committed)
        return committed

    def record(self, intent: Intent) -> EffectRecord:
        """Record one effect at once, for those that have no group commit.

        Raises:
            ClaimLost: when the claim's token no longer holds.
            Overtaken: when a signal came in meanwhile.
        """
        committed = self.commit([], [intent])
        if intent.claim.run.id in committed.lost:
            raise ClaimLost(intent.claim.run.id, committed.lost[intent.claim.run.id])
        if committed.overtaken:
            raise Overtaken(committed.overtaken[0])
        return committed.effects[intent.key]

    def renew(self, claims: Sequence[Claim]) -> dict[str, str | None]:
        """Move the end of claims; answers the lost ones with their new holders."""
        return self.claims.renew(claims, self._lease_from(self.clock.now()))

    def due_in(self) -> timedelta | None:
        """How long it takes in machine time until the next run is due, or the next claim runs out; None for never.

        It counts from the last look for due runs on: what became due since then is due in no time, or less.
        """
        now = self.clock.now()
        due = self.claims.next_due(self._claimed_at or now)
        return None if due is None else self.clock.shrink(due - now)

    def idle(self) -> bool:
        """Whether nothing is due and nobody holds anything."""
        now = self.clock.now()
        return self.claims.idle(now, self._lease_from(now))

    def _lease_from(self, now: datetime) -> datetime:
        return now + self.clock.stretch(self._lease)
