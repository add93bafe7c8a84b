"""What comes next in a run, and when: each step that is left, what each of its answers leads to, and the deadline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from overstap.language import Sentence, lazy_gettext, lazy_ngettext
from overstap.workflow.circumstances import Circumstances
from overstap.workflow.definition import Definition
from overstap.workflow.retry import backoff
from overstap.workflow.run import Run, Status
from overstap.workflow.spec import StateSpec

say = Sentence.of


def comes_next(
    definition: Definition, spec: StateSpec, run: Run, known: Circumstances, now: datetime
) -> Iterator[Sentence]:
    """What follows on what; at least one sentence."""
    if run.status is Status.ENDED:
        yield say(lazy_gettext("Nothing: {state} is an end."), state=run.state)
        return
    if run.status is Status.STUCK:
        yield say(lazy_gettext("Nothing by itself, until an operator acts, a signal comes or its deadline passes."))
        if run.step < len(spec.steps):
            yield say(lazy_gettext("Step {step} is the first, once it is tried again."), step=spec.steps[run.step])
    elif run.step < len(spec.steps):
        yield _when(spec.steps[run.step], run, now)
    yield from _steps(definition, spec, run, known)
    yield from _failure(definition, spec, run)
    yield from _deadline(definition, spec, run, now)
    if not spec.steps:
        yield from _signals(definition, spec, run)


def _when(step: str, run: Run, now: datetime) -> Sentence:
    if run.held is not None:
        return say(lazy_gettext("Step {step}, once it is released."), step=step)
    if run.status is Status.RETRYING and run.wake_at is not None and run.wake_at > now:
        return say(
            lazy_gettext("Try {number} of step {step}, at {at}, in {time}."),
            number=run.attempt + 1,
            step=step,
            at=run.wake_at,
            time=run.wake_at - now,
        )
    if run.wake_at is None:
        return say(
            lazy_gettext("Step {step} goes on waiting: nothing is planned before a signal or the deadline."), step=step
        )
    if run.wake_at > now:
        return say(
            lazy_gettext("Step {step} looks again at {at}, in {time}."),
            step=step,
            at=run.wake_at,
            time=run.wake_at - now,
        )
    return say(lazy_gettext("Step {step}, now."), step=step)


def _steps(definition: Definition, spec: StateSpec, run: Run, known: Circumstances) -> Iterator[Sentence]:
    left = spec.steps[run.step :]
    if len(left) > 1:
        yield say(
            lazy_ngettext("After {step} follows {rest}.", "After {step} follow {rest}."),
            step=left[0],
            rest=list(left[1:]),
            count=len(left) - 1,
        )
    for step in left:
        for event in _chosen(definition, spec, run, step, left, known):
            target = definition.next_state(run.state, event)
            if target is not None:
                yield say(
                    lazy_gettext("If {step} answers {event}, it goes to {target}."),
                    step=step,
                    event=event,
                    target=target,
                )
    if left and spec.on_done is not None:
        yield say(
            lazy_gettext("When {step} is done, {event} leads to {target}."),
            step=left[-1],
            event=spec.on_done,
            target=definition.next_state(run.state, spec.on_done) or run.state,
        )


def _chosen(
    definition: Definition, spec: StateSpec, run: Run, step: str, left: tuple[str, ...], known: Circumstances
) -> list[str]:
    """The events that a step may send itself, in the chart's order."""
    moves = definition.chart.moves[run.state]
    if known.step_events:
        return [event for event in moves if event in known.step_events.get(step, frozenset())]
    # Not told what the steps send: what nobody else sends is sent by one of them, and the last one stands for all.
    others = {spec.on_done, spec.on_stop, spec.deadline and spec.deadline.event, *spec.signals}
    return [event for event in moves if event not in others] if step == left[-1] else []


def _failure(definition: Definition, spec: StateSpec, run: Run) -> Iterator[Sentence]:
    if run.step >= len(spec.steps):
        return
    step, retry = spec.steps[run.step], spec.retry
    if run.status is not Status.STUCK:
        pause = backoff(retry, run.attempt + 1, f"{run.id}:{run.visit}:{run.step}:{run.chunk}")
        about = {"step": step, "pause": pause, "first": retry.first, "most": retry.most}
        if retry.attempts is None:
            yield say(
                lazy_gettext(
                    "If {step} fails, it is tried again after {pause}: pauses grow from about {first} to about {most}, "
                    "and it never gives up."
                ),
                **about,
            )
        else:
            yield say(
                lazy_ngettext(
                    "If {step} fails, it is tried again after {pause}: pauses grow from about {first} to about {most}, "
                    "and it stops after {count} try.",
                    "If {step} fails, it is tried again after {pause}: pauses grow from about {first} to about {most}, "
                    "and it stops after {count} tries.",
                ),
                count=retry.attempts,
                **about,
            )
    if spec.on_stop is not None:
        target = definition.next_state(run.state, spec.on_stop) or run.state
        yield say(
            lazy_gettext("If {step} is refused for good, {event} leads to {target}."),
            step=step,
            event=spec.on_stop,
            target=target,
        )
    elif run.status is not Status.STUCK:
        yield say(lazy_gettext("If {step} is refused for good, the run is stuck until somebody looks."), step=step)


def _deadline(definition: Definition, spec: StateSpec, run: Run, now: datetime) -> Iterator[Sentence]:
    if spec.deadline is None or run.deadline_at is None:
        yield say(lazy_gettext("Here it has no deadline: it may stay as long as it takes."))
        return
    event = spec.deadline.event
    about = {"event": event, "target": definition.next_state(run.state, event) or run.state, "at": run.deadline_at}
    if run.deadline_at > now:
        yield say(
            lazy_gettext("At the latest at {at}, in {time}, its deadline ({event}) leads to {target}."),
            time=run.deadline_at - now,
            **about,
        )
    else:
        late = max(now - run.deadline_at, timedelta(0))
        yield say(
            lazy_gettext("Its deadline passed {time} ago, at {at}: {event} leads to {target}."), time=late, **about
        )


def _signals(definition: Definition, spec: StateSpec, run: Run) -> Iterator[Sentence]:
    for event in sorted(spec.signals):
        target = definition.next_state(run.state, event) or run.state
        yield say(lazy_gettext("When {event} comes, it goes to {target}."), event=event, target=target)
