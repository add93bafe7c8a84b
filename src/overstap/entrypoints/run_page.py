"""A run's page for people: where it is, how its time went, what happened, and what was asked of others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from overstap.app.look import Look, SentSignal
from overstap.clock import format_duration
from overstap.entrypoints import words
from overstap.workflow.circumstances import Holder
from overstap.workflow.limits import Cause
from overstap.workflow.run import Kind
from overstap.workflow.spells import Waited, Why
from overstap.workflow.timeline import Timeline

_SHORT = timedelta(seconds=1)
"""What is shorter is no gap."""
_WHY = {
    Why.DUE: "a worker's turn: at work, or nobody had taken it",
    Why.PAUSE: "a pause before the next try",
    Why.ANSWER: "waited for an answer",
    Why.OUTSIDE: "waited for a signal or the deadline",
    Why.HELD: "held by an operator",
    Why.STUCK: "stuck: waited for an operator",
}
_SAID = {Kind.STEP_DONE: "done", Kind.TRANSITION: "done", Kind.WAIT: "waits", Kind.PROGRESS: "goes on"}
_BAD = ("unknown", "refused")


def page(look: Look, *, whole: bool) -> Iterator[RenderableType]:
    """The parts of the page, one under the other.

    Args:
        whole: whether everything was read; otherwise the page says what was left out.
    """
    yield _header(look)
    yield _states(look.timeline)
    if gaps := [one for one in look.timeline.waited() if one.took >= _SHORT]:
        yield _gaps(gaps, look.timeline)
    if look.timeline.attempts:
        yield _attempts(look.timeline)
    if look.timeline.first_seq > 1:
        counted = f"{look.timeline.first_seq - 1} earlier entries are not counted above; --all counts them."
        yield Text(counted, "dim")
    yield _history(look)
    if not whole and look.journal and look.journal[0].seq > 1:
        yield Text(f"The last {len(look.journal)} of {look.run.seq} entries; --last N or --all shows more.", "dim")
    if look.effects:
        yield from _effects(look)
    if look.signals:
        yield _signals(look)


def _header(look: Look) -> Table:
    run, now = look.run, look.at
    order = run.input
    table = words.table("", "")
    table.show_header = False
    table.add_row("tenant", f"{words.title(run)}  {run.tenant_id}")
    table.add_row("change", f"{words.change(run)}, {order.get('seats')} seats, {order.get('payment_method')}")
    table.add_row("subscription", look.stored.subscription_id)
    here = look.timeline.visits[-1]
    since = f" ({run.status}) since {words.when(here.entered)}, {words.span(max(now - here.entered, timedelta()))}"
    table.add_row("state", words.state(run.state) + since)
    table.add_row("waits for" if run.ended_at is None else "ended", words.waits_for(run, now, look.task))
    if look.waits is not None:
        whose = "of its tenant" if look.waits.cause is Cause.TENANT else "of all runs"
        since = f"since {words.when(look.waits.since)}, looked at again by {words.when(look.waits.until)}"
        table.add_row("limit", f"{whose} at the provider {look.waits.provider}, {since}")
    if look.task is not None:
        table.add_row("task", look.task.id)
    if run.total:
        table.add_row("progress", f"{run.done} of {run.total}")
    if run.deadline_at is not None:
        table.add_row("deadline", words.deadline(run.deadline_at, now))
    if run.ended_at is None:
        table.add_row("held by", _held(look))
        table.add_row("priority", str(look.stored.priority))
    if run.error:
        table.add_row("error", run.error)
    for finding in words.findings(run):
        advice = f"{finding.rule}: {finding.sentence(words.ENGLISH)} {finding.advice(words.ENGLISH)}"
        table.add_row(str(finding.severity), advice)
    return table


def _held(look: Look) -> str | Text:
    if look.past:
        return "not known: claims are not kept"
    if look.holder is None:
        return "nobody"
    holder = look.holder
    left = holder.until - look.at
    lasts = f", {words.span(left)} more" if left > timedelta(0) else f", which was {words.span(-left)} ago"
    life = _life(holder, look)
    return Text(
        f"{holder.worker_id} until {words.when(holder.until)}{lasts}; {life}", "" if holder.alive else "bold red"
    )


def _life(holder: Holder, look: Look) -> str:
    if holder.stopped_at is not None:
        return f"that worker ended at {words.when(holder.stopped_at)}"
    if holder.seen_at is None:
        return "that worker is not known here"
    heard = words.span(max(look.at - holder.seen_at, timedelta()))
    return f"heard of {heard} ago" if holder.alive else f"no sign of life for {heard}"


def _states(given: Timeline) -> Table:
    table = words.table("state", "entered", "left", "took#", "share#", "failures#", "by", title="\nStates")
    for visit in given.visits:
        left = "" if visit.left is None else words.when(visit.left)
        ended = visit.left is not None and visit.left == visit.entered and visit is given.visits[-1]
        event = visit.event or "submitted"
        table.add_row(
            words.state(visit.state),
            words.when(visit.entered),
            "" if ended else left,
            "" if ended else _short(visit.took),
            "" if ended else f"{given.share(visit.took):.0%}",
            str(visit.failures) if visit.failures else "",
            event if visit.actor == "worker" else f"{event}, by {visit.actor}",
        )
    table.add_row("", "", "in all", _short(given.lasted), style="dim")
    return table


def _gaps(gaps: list[Waited], given: Timeline) -> Table:
    table = words.table(
        "state", "step", "took#", "share#", "times#", "longest#", "longest since", "why", title="\nTime"
    )
    for one in gaps:
        longest = one.longest
        table.add_row(
            words.state(longest.state),
            longest.step or "",
            _short(one.took),
            f"{given.share(one.took):.0%}",
            str(one.times),
            _short(longest.took),
            words.when(longest.since),
            _WHY[longest.why],
        )
    return table


def _attempts(given: Timeline) -> Table:
    table = words.table("state", "step", "answers#", "failures#", "first", "last", "said last", title="\nSteps")
    for one in given.attempts:
        said = f"failed: {one.error}" if one.failed else _SAID.get(one.answered, str(one.answered))
        table.add_row(
            words.state(one.state),
            one.step,
            str(one.tries),
            str(one.failures) if one.failures else "",
            words.when(one.first),
            words.when(one.last),
            said,
            style="yellow" if one.failed else None,
        )
    return table


def _history(look: Look) -> Table:
    table = words.table("#", "at", "after#", "what", title="\nHistory")
    for before, entry in itertools.pairwise([None, *look.journal]):
        after = "" if before is None or entry is None else format_duration(entry.at - before.at)
        if entry is not None:
            style = "bold" if entry.to_state else None
            table.add_row(str(entry.seq), words.when(entry.at), after, words.line(entry), style=style)
    return table


def _effects(look: Look) -> Iterator[RenderableType]:
    table = words.table("at", "settled after#", "operation", "status", "key", "error", title="\nEffects")
    for effect in look.effects:
        style = "bold red" if effect.status in _BAD else None if effect.status == "confirmed" else "yellow"
        after = "" if effect.settled_at is None else _short(max(effect.settled_at - effect.at, timedelta()))
        error = "" if effect.status == "confirmed" else effect.error or ""  # one of an earlier try says nothing now
        table.add_row(words.when(effect.at), after, effect.operation, effect.status, effect.key, error, style=style)
    yield table
    left_out = sum(look.effect_counts.values()) - len(look.effects)
    counted = ", ".join(f"{count} {status}" for status, count in look.effect_counts.items())
    yield Text(f"{counted}." + (f" {left_out} earlier ones are left out; --all shows them." if left_out else ""), "dim")


def _signals(look: Look) -> Table:
    table = words.table("at", "signal", "by", "what became of it", "reason", title="\nSignals")
    for sent in look.signals:
        style = "yellow" if sent.settled_at is None else None
        signal = sent.signal
        table.add_row(words.when(signal.at), signal.event, signal.actor, _became(sent), signal.reason, style=style)
    return table


def _became(sent: SentSignal) -> str:
    if sent.settled_at is None:
        return "waits for its time"
    return f"{'applied' if sent.applied else 'came to nothing'} {words.when(sent.settled_at)}"


def _short(duration: timedelta) -> str:
    return format_duration(duration) if duration < _SHORT else words.span(duration)
