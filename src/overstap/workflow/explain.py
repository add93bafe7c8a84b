"""Says in sentences why a run is where it is, what wakes it, who holds it, what comes next and what can be done.

Everything is computed from the definition, the run and its circumstances: no state has a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from overstap.language import Message, Sentence, lazy_gettext, lazy_ngettext
from overstap.workflow.circumstances import Circumstances
from overstap.workflow.coming import comes_next
from overstap.workflow.definition import Definition
from overstap.workflow.limits import Cause
from overstap.workflow.pauses import Pause
from overstap.workflow.remedies import can_do
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.spec import StateSpec
from overstap.workflow.waking import wakes_it

say = Sentence.of

QUESTIONS: dict[str, Message] = {
    "why": lazy_gettext("Why is it here?"),
    "wakes": lazy_gettext("What wakes it?"),
    "holder": lazy_gettext("Who holds it?"),
    "next": lazy_gettext("What comes next, and when?"),
    "can_do": lazy_gettext("What can you do?"),
}
"""The questions by the names of their answers, in their order."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answers about one run; none of them is empty.

    Attributes:
        why: why it is where it is.
        wakes: what makes it go on.
        holder: who works on it.
        next: what follows on what, and when.
        can_do: what an operator can do about it.
    """

    why: tuple[Sentence, ...]
    wakes: tuple[Sentence, ...]
    holder: tuple[Sentence, ...]
    next: tuple[Sentence, ...]
    can_do: tuple[Sentence, ...]

    def answers(self) -> list[tuple[str, tuple[Sentence, ...]]]:
        """Each question's name with its answer, in their order."""
        return [(name, getattr(self, name)) for name in QUESTIONS]


def explain(definition: Definition, run: Run, circumstances: Circumstances, now: datetime) -> Explanation:
    """Answer the questions of whoever looks at a run.

    Args:
        definition: the one that the run follows.
        circumstances: what the run itself does not tell; what is left out is not spoken of.
    """
    spec = definition.states[run.state]
    return Explanation(
        why=tuple(_why(spec, run, circumstances, now)),
        wakes=tuple(wakes_it(definition, spec, run, circumstances, now)),
        holder=tuple(_holder(run, circumstances, now)),
        next=tuple(comes_next(definition, spec, run, circumstances, now)),
        can_do=tuple(can_do(definition, spec, run, circumstances)),
    )


# --- why is it here ---


def _why(spec: StateSpec, run: Run, known: Circumstances, now: datetime) -> Iterator[Sentence]:
    yield _came(run, known.entered, now)
    if known.turned is not None:
        yield _turned(known.turned)
    if run.status is Status.ENDED:
        took = (run.ended_at or now) - run.created_at
        yield say(lazy_gettext("It has ended in {state}, {time} after it was ordered."), state=run.state, time=took)
    else:
        yield _doing(spec, run, now)
    if run.total and run.status is not Status.ENDED:
        yield say(lazy_gettext("So far {done} of {total} are done here."), done=run.done, total=run.total)
    if run.error and run.status is not Status.ENDED:
        yield say(lazy_gettext("Its last error: {error}"), error=run.error)
    if run.held is not None:
        yield say(lazy_gettext("An operator holds it back: {reason}"), reason=run.held)
    yield from (_paused(pause) for pause in known.pauses)
    if known.waits is not None:
        yield say(_LIMITED[known.waits.cause], since=known.waits.since, provider=known.waits.provider)
    if known.unknown_effects:
        yield say(
            lazy_ngettext(
                "{count} call to the provider is unknown, it may or may not have been done: {keys}.",
                "{count} calls to the provider are unknown, they may or may not have been done: {keys}.",
            ),
            count=len(known.unknown_effects),
            keys=list(known.unknown_effects),
        )


def _came(run: Run, entered: JournalEntry | None, now: datetime) -> Sentence:
    if entered is None and run.cause is None:
        return say(lazy_gettext("It is in {state}, where it began."), state=run.state)
    if entered is None:
        return say(lazy_gettext("It is in {state}, because of {event}."), state=run.state, event=run.cause)
    about = {"state": run.state, "at": entered.at, "time": now - entered.at, "before": entered.from_state or ""}
    about |= {"event": entered.event or entered.kind.value, "actor": entered.actor}
    if entered.kind is Kind.SUBMITTED:
        return say(lazy_gettext("It has been in {state} since {at}, for {time}: {actor} ordered it then."), **about)
    if "deadline" in entered.data:
        return say(
            lazy_gettext(
                "It has been in {state} since {at}, for {time}: the deadline of {before} had passed ({event})."
            ),
            **about,
        )
    if entered.step is not None and "error" in entered.data:
        return say(
            lazy_gettext(
                "It has been in {state} since {at}, for {time}: step {step} of {before} stopped ({event}): {error}"
            ),
            step=entered.step,
            error=entered.data["error"],
            **about,
        )
    if entered.step is not None:
        return say(
            lazy_gettext(
                "It has been in {state} since {at}, for {time}: step {step} of {before} was done and sent {event}."
            ),
            step=entered.step,
            **about,
        )
    if "reason" in entered.data:
        return say(
            lazy_gettext(
                "It has been in {state} since {at}, for {time}: {actor} sent {event} while it was in {before}: {reason}"
            ),
            reason=entered.data["reason"],
            **about,
        )
    return say(lazy_gettext("It has been in {state} since {at}, for {time}: {event}, by {actor}."), **about)


def _turned(entry: JournalEntry) -> Sentence:
    about = {
        "at": entry.at,
        "before": entry.from_state or "",
        "state": entry.to_state or "",
        "event": entry.event or "",
    }
    if "deadline" in entry.data:
        return say(lazy_gettext("Before that, at {at}, the deadline of {before} led it to {state} ({event})."), **about)
    if "error" in entry.data:
        return say(
            lazy_gettext("Before that, at {at}, an error led it from {before} to {state} ({event}): {error}"),
            error=entry.data["error"],
            **about,
        )
    return say(
        lazy_gettext("Before that, at {at}, {actor} led it from {before} to {state} ({event}): {reason}"),
        actor=entry.actor,
        reason=entry.data.get("reason", ""),
        **about,
    )


def _doing(spec: StateSpec, run: Run, now: datetime) -> Sentence:
    if run.step >= len(spec.steps):
        return say(lazy_gettext("It has no step to do here: it waits for something from outside."))
    about = {"step": spec.steps[run.step], "number": run.step + 1, "of": len(spec.steps)}
    match run.status:
        case Status.RETRYING:
            return say(
                lazy_ngettext(
                    "Step {step} ({number} of {of}) has failed {count} time in a row.",
                    "Step {step} ({number} of {of}) has failed {count} times in a row.",
                ),
                count=run.attempt,
                **about,
            )
        case Status.STUCK:
            return say(
                lazy_gettext(
                    "It is stuck since {at}, for {time}: step {step} ({number} of {of}) stopped for good, "
                    "and no event takes the run on."
                ),
                at=run.updated_at,
                time=now - run.updated_at,
                **about,
            )
        case Status.WAITING if run.wake_at is not None:
            return say(lazy_gettext("Step {step} ({number} of {of}) has asked, and waits for the answer."), **about)
        case Status.WAITING:
            return say(
                lazy_gettext("Step {step} ({number} of {of}) has done its part, and waits for something from outside."),
                **about,
            )
    return say(lazy_gettext("Step {step} ({number} of {of}) is to be done."), **about)


_LIMITED = {
    Cause.PROVIDER: lazy_gettext(
        "Since {since} it waits for its turn at the provider {provider}: all runs together may ask no more of it now."
    ),
    Cause.TENANT: lazy_gettext(
        "Since {since} it waits for its turn at the provider {provider}: for its tenant no more may be asked of it now."
    ),
}
_PAUSED = {
    "everything": lazy_gettext("Everything is paused, by {actor} since {since}: {reason}"),
    "workflow": lazy_gettext("The workflow {name} is paused, by {actor} since {since}: {reason}"),
    "step": lazy_gettext("The step {name} is paused, by {actor} since {since}: {reason}"),
    "provider": lazy_gettext("The provider {name} is paused, by {actor} since {since}: {reason}"),
}


def _paused(pause: Pause) -> Sentence:
    about = {"name": pause.name, "actor": pause.actor, "since": pause.since, "reason": pause.reason}
    return say(_PAUSED[pause.scope], **about)


# --- who holds it ---


def _holder(run: Run, known: Circumstances, now: datetime) -> Iterator[Sentence]:
    holder = known.holder
    if holder is None:
        if run.status is Status.ENDED:
            yield say(lazy_gettext("Nobody: it has ended."))
            return
        yield say(lazy_gettext("Nobody holds it."))
        if run.due_at is not None and run.due_at <= now and known.workers_alive and known.waits is None:
            yield say(
                lazy_ngettext(
                    "{count} worker is running here and can take it.",
                    "{count} workers are running here and can take it.",
                ),
                count=known.workers_alive,
            )
        return
    about = {"worker": holder.worker_id, "until": holder.until}
    if holder.until > now:
        yield say(
            lazy_gettext("Worker {worker} holds it until {until}, for {time} more."), time=holder.until - now, **about
        )
    else:
        yield say(
            lazy_gettext(
                "The claim of worker {worker} ran out {time} ago, at {until}: any worker may take the run over."
            ),
            time=now - holder.until,
            **about,
        )
    if holder.stopped_at is not None:
        yield say(lazy_gettext("That worker ended at {at}."), at=holder.stopped_at)
    elif holder.seen_at is None:
        yield say(lazy_gettext("That worker is not known here."))
    elif holder.alive:
        yield say(lazy_gettext("That worker lives: it was heard of {time} ago."), time=now - holder.seen_at)
    else:
        yield say(
            lazy_gettext("That worker seems to be dead: it was last heard of {time} ago, at {at}."),
            at=holder.seen_at,
            time=now - holder.seen_at,
        )
    if not holder.alive and holder.until > now:
        yield say(lazy_gettext("Another worker takes the run when the claim has run out."))
