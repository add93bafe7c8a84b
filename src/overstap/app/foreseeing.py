"""What an act would make of a run, in sentences, for whoever is about to do it: decided, and not kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from overstap.domain.locks import COMMERCE, LICENCE, PORTAL
from overstap.domain.tasks import ANSWERS
from overstap.errors import BadInput, Conflict
from overstap.language import Sentence, lazy_gettext, lazy_ngettext
from overstap.store.runs import StoredRun
from overstap.workflow import acts
from overstap.workflow.decide import awaits_sometime
from overstap.workflow.definition import Definition
from overstap.workflow.run import Run

say = Sentence.of

SIGNALS = MappingProxyType({"approve": "credit_approved", "decline": "credit_declined", "cancel": "cancel"})
"""The acts that send a run a signal, which takes effect when its turn comes."""
_DECIDED = MappingProxyType({"hold": acts.hold, "release": acts.release, "retry": acts.retry, "fail": acts.fail})
LOCKS = MappingProxyType(
    {
        COMMERCE: lazy_gettext("buying and changing subscriptions"),
        PORTAL: lazy_gettext("the portal of its admins"),
        LICENCE: lazy_gettext("giving and taking licences"),
    }
)
"""What each lock closes, in a few words."""
_FOR_GOOD = lazy_gettext("This cannot be undone.")
_UNDONE = MappingProxyType(
    {
        "hold": lazy_gettext("This can be undone: release it."),
        "release": lazy_gettext("This can be undone: hold it again."),
        "retry": lazy_gettext("This cannot be undone; the step does what it would have done in its time."),
        "extend": lazy_gettext("This cannot be undone: a deadline only ever becomes later."),
        "fail": lazy_gettext("This cannot be undone: what has ended never goes on. A new order makes a new run."),
        "cancel": lazy_gettext("This cannot be undone: what has ended never goes on. A new order makes a new run."),
        "decline": lazy_gettext("This cannot be undone: what has ended never goes on. A new order makes a new run."),
        "takeover": lazy_gettext("This cannot be undone; the run itself loses nothing by it."),
    }
)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an act would do to a run.

    Attributes:
        seq: the length of the journal that it was read from.
        sentences: equal as long as the act would do the same, however much the run has gone on meanwhile.
    """

    run_id: str
    act: str
    seq: int
    sentences: tuple[Sentence, ...]


def foresee(
    definition: Definition, stored: StoredRun, act: str, deadline: timedelta | datetime | None, now: datetime
) -> Foreseen:
    """What an act would do to a run.

    Args:
        definition: the one that the run follows.
        act: by the name that `Operators.possible` gives it, or the event that answers a task.
        deadline: of `extend`: how much later it becomes, or when it is; None while that is not said yet.

    Raises:
        Conflict: when the run does not allow it.
        BadInput: when there is no such act.
    """
    return Foreseen(stored.run.id, act, stored.run.seq, tuple(_told(definition, stored, act, deadline, now)))


def _told(
    definition: Definition, stored: StoredRun, act: str, deadline: timedelta | datetime | None, now: datetime
) -> Iterator[Sentence]:
    run = stored.run
    if act in SIGNALS or act in ANSWERS:
        yield from _sent(definition, run, SIGNALS.get(act, act))
    elif act == "takeover":
        if stored.claimed_by is None:
            raise Conflict(f"Cannot take over run {run.id}: no worker holds it.")
        yield say(
            lazy_gettext(
                "Worker {worker} loses it: nothing which that worker still writes for it counts, and another worker "
                "goes on at once. A call that went out already is looked up before it is repeated."
            ),
            worker=stored.claimed_by,
        )
        yield from _becomes(definition, run, run)
    elif act == "extend":
        if deadline is None:
            why = acts.refusal("extend", definition, run)
            if why is not None:
                raise Conflict(f"Cannot extend run {run.id}: {why}.")
            yield say(lazy_gettext("Its deadline is {at}; it becomes as much later as you say."), at=run.deadline_at)
            yield _locked(definition, run.state, run.state)
        else:
            yield from _becomes(definition, run, acts.extend(definition, run, deadline, "-", "-", now).run)
    elif act in _DECIDED:
        after = _DECIDED[act](definition, run, "-", "-", now).run
        yield from _does(definition, run, act)
        yield from _becomes(definition, run, after)
    else:
        raise BadInput(f"{act!r} is nothing that can be done to a run.")
    yield say(_UNDONE.get(act, _FOR_GOOD))


def _does(definition: Definition, run: Run, act: str) -> Iterator[Sentence]:
    steps = definition.states[run.state].steps
    step = steps[run.step] if run.step < len(steps) else None
    if act == "hold":
        yield say(
            lazy_gettext(
                "No step of it is started until somebody releases it. What a worker is doing for it does not count any "
                "more; a call that went out already is looked up before it is repeated."
            )
        )
    elif act == "release" and step is not None:
        yield say(lazy_gettext("It goes on with step {step}, when that is due."), step=step)
    elif act == "release":
        yield say(lazy_gettext("It goes on waiting for something from outside, or for its deadline."))
    elif act == "fail":
        yield say(lazy_gettext("It goes its workflow's own way to failure; what was done is taken back on it."))
    elif act == "retry":
        yield say(
            lazy_ngettext(
                "Step {step} is tried again at once, as if it had not failed {count} time.",
                "Step {step} is tried again at once, as if it had not failed {count} times.",
            )
            if run.attempt
            else lazy_gettext("Step {step} is tried at once, instead of when it is due."),
            step=step,
            count=run.attempt,
        )


def _sent(definition: Definition, run: Run, event: str) -> Iterator[Sentence]:
    if not awaits_sometime(definition, run.state, event):
        raise Conflict(f"Run {run.id} is in {run.state}, and no state that can follow awaits {event}.")
    target = definition.next_state(run.state, event) if event in definition.states[run.state].signals else None
    if target is None:
        yield say(lazy_gettext("{event} is kept until the run comes to a state that awaits it."), event=event)
        return
    yield say(
        lazy_gettext("As soon as a worker takes it up, it goes from {before} to {after} ({event})."),
        before=run.state,
        after=target,
        event=event,
    )
    yield from _ends(definition, run.state, target)
    yield from _new_deadline(definition, run, target)
    yield _locked(definition, run.state, target)


def _becomes(definition: Definition, before: Run, after: Run) -> Iterator[Sentence]:
    if after.state != before.state:
        yield say(
            lazy_gettext("It goes from {before} to {after} at once ({event})."),
            before=before.state,
            after=after.state,
            event=after.cause,
        )
        if after.held is not None:
            yield say(
                lazy_gettext("It stays held: no step is started in {state} until it is released."), state=after.state
            )
        yield from _ends(definition, before.state, after.state)
        yield from _new_deadline(definition, before, after.state)
    else:
        yield say(lazy_gettext("It stays in {state}."), state=before.state)
        yield from _deadline(definition, before, after)
    yield _locked(definition, before.state, after.state)


def _ends(definition: Definition, before: str, after: str) -> Iterator[Sentence]:
    """How it can end from there on, where that is not as it was."""
    ends = definition.ends(after)
    if after not in ends and ends != definition.ends(before):
        yield say(lazy_gettext("From there on it can end in nothing but this: {ends}."), ends=" / ".join(sorted(ends)))


def _deadline(definition: Definition, before: Run, after: Run) -> Iterator[Sentence]:
    if before.deadline_at != after.deadline_at:
        yield say(
            lazy_gettext("Its deadline moves from {before} to {after}."),
            before=before.deadline_at,
            after=after.deadline_at,
        )
        return
    deadline = definition.states[before.state].deadline
    if before.deadline_at is None or deadline is None:
        yield say(lazy_gettext("It has no deadline, now or then."))
        return
    yield say(
        lazy_gettext("Its deadline stays {at}, and leads it to {target} when it passes ({event})."),
        at=before.deadline_at,
        target=definition.next_state(before.state, deadline.event) or before.state,
        event=deadline.event,
    )


def _new_deadline(definition: Definition, run: Run, target: str) -> Iterator[Sentence]:
    coming = definition.states[target].deadline
    if run.deadline_at is not None:
        yield say(
            lazy_gettext("Its present deadline, {at}, does not count any more."),
            at=run.deadline_at,
        )
    if coming is not None:
        yield say(lazy_gettext("In {state} it has {time} until the next deadline."), state=target, time=coming.after)
    else:
        yield say(lazy_gettext("{state} has no deadline."), state=target)


def _locked(definition: Definition, before: str, after: str) -> Sentence:
    was, will = definition.states[before].locks, definition.states[after].locks
    if lifted := was - will:
        return say(lazy_gettext("This is not locked for its tenant any more: {locks}."), locks=_named(lifted))
    if new := will - was:
        return say(lazy_gettext("This is locked for its tenant from then on: {locks}."), locks=_named(new))
    if will:
        return say(lazy_gettext("This stays locked for its tenant: {locks}."), locks=_named(will))
    return say(lazy_gettext("Nothing is locked for its tenant, now or then."))


def _named(locks: frozenset[str]) -> list[object]:
    return [LOCKS.get(lock, lock) for lock in sorted(locks)]
