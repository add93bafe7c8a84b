"""What wakes a run: what came in, its timer, its deadline, and the signals that it awaits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from overstap.language import Sentence, lazy_gettext
from overstap.workflow.circumstances import Circumstances
from overstap.workflow.decide import Signal, awaits_sometime
from overstap.workflow.definition import Definition
from overstap.workflow.limits import Cause
from overstap.workflow.run import Run, Status
from overstap.workflow.spec import StateSpec

say = Sentence.of


def wakes_it(
    definition: Definition, spec: StateSpec, run: Run, known: Circumstances, now: datetime
) -> Iterator[Sentence]:
    """What makes a run go on; at least one sentence."""
    if run.status is Status.ENDED:
        yield say(lazy_gettext("Nothing: it has ended."))
        return
    if run.status is Status.STUCK:
        yield say(lazy_gettext("No timer: its step is not tried again before an operator says so."))
    elif not (known.signals or spec.signals or run.due_at):
        yield say(
            lazy_gettext("Nothing: it waits, and no timer, deadline or signal can end that; an operator has to act.")
        )
    yield from (_pending(definition, spec, run, signal, now) for signal in known.signals)
    if run.held is not None:
        yield say(lazy_gettext("While it is held no step is done; a signal and its deadline still count."))
    elif known.pauses:
        yield say(lazy_gettext("What is paused is not started before somebody resumes it."))
    if run.held is None:
        yield from _timer(run, known, now)
    yield from _deadline(definition, spec, run, known, now)
    for event in sorted(spec.signals):
        target = definition.next_state(run.state, event)
        yield say(
            lazy_gettext("The signal {event} from outside, at any time: it leads to {target}."),
            event=event,
            target=target or run.state,
        )


def _pending(definition: Definition, spec: StateSpec, run: Run, signal: Signal, now: datetime) -> Sentence:
    about = {"event": signal.event, "actor": signal.actor, "time": now - signal.at, "reason": signal.reason}
    if not awaits_sometime(definition, run.state, signal.event):
        return say(
            lazy_gettext(
                "The signal {event} of {actor} came {time} ago, too late: no state to come awaits it ({reason})."
            ),
            **about,
        )
    if signal.event not in spec.signals:
        return say(
            lazy_gettext(
                "The signal {event} of {actor} came {time} ago, and waits until a state awaits it ({reason})."
            ),
            **about,
        )
    if run.deadline_at is not None and signal.at > run.deadline_at:
        return say(
            lazy_gettext(
                "The signal {event} of {actor} came {time} ago, after the deadline, which comes first ({reason})."
            ),
            **about,
        )
    return say(
        lazy_gettext("The signal {event} of {actor} came {time} ago: the next worker applies it ({reason})."), **about
    )


def _timer(run: Run, known: Circumstances, now: datetime) -> Iterator[Sentence]:
    if run.wake_at is None:
        return
    left = run.wake_at - now
    if left > timedelta(0):
        again = {
            Status.RETRYING: lazy_gettext("Its retry timer, at {at}, in {time}: the step is tried once more."),
            Status.WAITING: lazy_gettext("Its timer, at {at}, in {time}: the step looks for the answer again."),
        }
        usual = lazy_gettext("Its timer, at {at}, in {time}.")
        yield say(again.get(run.status, usual), at=run.wake_at, time=left)
    elif known.waits is not None:
        turn = {
            Cause.PROVIDER: lazy_gettext(
                "Its turn at the provider {provider}, when there is a place; it is looked for at {at} at the latest."
            ),
            Cause.TENANT: lazy_gettext("Its turn at the provider {provider}, at {at}."),
        }
        yield say(turn[known.waits.cause], provider=known.waits.provider, at=known.waits.until)
    elif known.holder is not None and known.holder.until > now:
        yield say(lazy_gettext("It is awake: its turn came {time} ago, and a worker has taken it."), time=-left)
    elif known.workers_alive == 0:
        yield say(
            lazy_gettext(
                "A worker, and none is running here: its turn came {time} ago, at {at}, and nobody has taken it."
            ),
            at=run.wake_at,
            time=-left,
        )
    else:
        yield say(
            lazy_gettext("The next free worker: its turn came {time} ago, at {at}, and nobody has taken it yet."),
            at=run.wake_at,
            time=-left,
        )


def _deadline(
    definition: Definition, spec: StateSpec, run: Run, known: Circumstances, now: datetime
) -> Iterator[Sentence]:
    if run.deadline_at is None or spec.deadline is None:
        return
    left = run.deadline_at - now
    event = spec.deadline.event
    about = {"at": run.deadline_at, "event": event, "target": definition.next_state(run.state, event) or run.state}
    if left > timedelta(0):
        yield say(lazy_gettext("Its deadline, at {at}, in {time}: {event} leads to {target}."), time=left, **about)
        return
    yield say(
        lazy_gettext("Its deadline passed {time} ago, at {at}: {event} leads to {target} at the next look."),
        time=-left,
        **about,
    )
    if known.holder is not None and known.holder.until > now:
        yield say(lazy_gettext("That is not done yet because a worker is at its step: it is done with the answer."))
    elif run.held is None and run.status is Status.WAITING and run.wake_at and run.wake_at < run.deadline_at:
        yield say(lazy_gettext("An answer was due before the deadline: that is looked at first."))
    else:
        yield say(lazy_gettext("That is not done yet because no worker has looked at it since."))
