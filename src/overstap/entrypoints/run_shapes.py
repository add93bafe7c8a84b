"""How one run looks as plain JSON values: whole, explained, as it was, and what changed in it.

Moments are ISO 8601 in UTC, durations are in seconds. What each answers is declared in `run_shape_types`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from overstap.app.look import Compared, Explained, Look, SentSignal
from overstap.entrypoints import words
from overstap.entrypoints.run_shape_types import (
    ChangedValue,
    LimitWait,
    PendingSignal,
    RunCompared,
    RunEffect,
    RunEntry,
    RunExplained,
    RunHolder,
    RunSignal,
    RunSpell,
    RunTimeline,
    RunVisit,
    RunWhole,
    SpellSum,
    StepAttempts,
)
from overstap.entrypoints.shapes import moment, run_summary
from overstap.language import Language
from overstap.store.rows import EffectRecord
from overstap.workflow.circumstances import Holder
from overstap.workflow.difference import ABSENT, Change
from overstap.workflow.explain import QUESTIONS
from overstap.workflow.limits import Waits
from overstap.workflow.run import JournalEntry
from overstap.workflow.spells import Attempts, Spell, Visit, Waited
from overstap.workflow.timeline import Timeline


def run_whole(look: Look) -> RunWhole:
    """A run with everything that is known of it; `left_out` tells what was too much to be read."""
    first = look.journal[0].seq if look.journal else look.run.seq + 1
    return {
        **run_summary(look.stored),
        "findings": [finding.to_dict(words.ENGLISH) for finding in words.findings(look.run)],
        "at": moment(look.at),
        "held_by": None if look.holder is None else _holder(look.holder),
        "waits_for_limit": None if look.waits is None else _waits(look.waits),
        "task_id": None if look.task is None else look.task.id,
        "journal": [entry(one) for one in look.journal],
        "timeline": _timeline(look.timeline),
        "effects": [_effect(effect) for effect in look.effects],
        "effect_counts": dict(look.effect_counts),
        "signals": [_signal(one) for one in look.signals],
        "pending_signals": [_pending(one) for one in look.signals if one.settled_at is None],
        "left_out": {"journal": first - 1, "effects": sum(look.effect_counts.values()) - len(look.effects)},
    }


def entry(given: JournalEntry) -> RunEntry:
    """A journal entry."""
    return {
        "seq": given.seq,
        "at": moment(given.at),
        "kind": str(given.kind),
        "event": given.event,
        "from_state": given.from_state,
        "to_state": given.to_state,
        "step": given.step,
        "actor": given.actor,
        "data": dict(given.data),
        "hash": given.hash,
    }


def explained(given: Explained, language: Language) -> RunExplained:
    """What there is to say about a run, told in one language."""
    return {
        "run_id": given.stored.run.id,
        "state": given.stored.run.state,
        "status": given.stored.run.status,
        "at": moment(given.at),
        "locale": language.locale,
        "answers": [
            {
                "question": name,
                "title": language.say(QUESTIONS[name]),
                "sentences": [language.tell(sentence) for sentence in sentences],
            }
            for name, sentences in given.explanation.answers()
        ],
    }


def compared(given: Compared) -> RunCompared:
    """What is different between two entries; `before` or `after` is missing where there was no value."""
    return {
        "run_id": given.run_id,
        "from": given.first,
        "to": given.last,
        "changes": [_change(change) for change in given.changes],
        "entries": [entry(one) for one in given.entries],
    }


def _change(change: Change) -> ChangedValue:
    shape: ChangedValue = {"path": list(change.path)}
    if change.before is not ABSENT:
        shape["before"] = _plain(change.before)
    if change.after is not ABSENT:
        shape["after"] = _plain(change.after)
    return shape


def _plain(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime) else value


def _holder(holder: Holder) -> RunHolder:
    return {
        "worker": holder.worker_id,
        "until": moment(holder.until),
        "seen_at": moment(holder.seen_at),
        "stopped_at": moment(holder.stopped_at),
        "alive": holder.alive,
    }


def _waits(given: Waits) -> LimitWait:
    return {
        "provider": given.provider,
        "cause": str(given.cause),
        "since": moment(given.since),
        "until": moment(given.until),
    }


def _effect(effect: EffectRecord) -> RunEffect:
    return {
        "key": effect.key,
        "operation": effect.operation,
        "status": effect.status,
        "at": moment(effect.at),
        "settled_at": moment(effect.settled_at),
        "error": effect.error,
    }


def _signal(sent: SentSignal) -> RunSignal:
    return {**_pending(sent), "id": sent.signal.id, "settled_at": moment(sent.settled_at), "applied": sent.applied}


def _pending(sent: SentSignal) -> PendingSignal:
    signal = sent.signal
    return {"event": signal.event, "reason": signal.reason, "actor": signal.actor, "at": moment(signal.at)}


def _timeline(given: Timeline) -> RunTimeline:
    return {
        "since": moment(given.since),
        "until": moment(given.until),
        "lasted": _seconds(given.lasted),
        "counted_from": given.first_seq,
        "visits": [_visit(visit, given) for visit in given.visits],
        "spells": [_spell(spell) for spell in given.spells],
        "waited": [_waited(one) for one in given.waited()],
        "attempts": [_attempts(one) for one in given.attempts],
    }


def _visit(visit: Visit, whole: Timeline) -> RunVisit:
    return {
        "visit": visit.number,
        "state": visit.state,
        "entered": moment(visit.entered),
        "left": moment(visit.left),
        "took": _seconds(visit.took),
        "share": whole.share(visit.took),
        "failures": visit.failures,
        "event": visit.event,
        "actor": visit.actor,
    }


def _spell(spell: Spell) -> RunSpell:
    return {
        "visit": spell.visit,
        "state": spell.state,
        "step": spell.step,
        "why": str(spell.why),
        "since": moment(spell.since),
        "until": moment(spell.until),
        "took": _seconds(spell.took),
    }


def _waited(given: Waited) -> SpellSum:
    longest = given.longest
    return {
        "visit": longest.visit,
        "state": longest.state,
        "step": longest.step,
        "why": str(longest.why),
        "times": given.times,
        "took": _seconds(given.took),
        "longest": _seconds(longest.took),
        "longest_since": moment(longest.since),
    }


def _attempts(given: Attempts) -> StepAttempts:
    return {
        "visit": given.visit,
        "state": given.state,
        "step": given.step,
        "first": moment(given.first),
        "last": moment(given.last),
        "tries": given.tries,
        "failures": given.failures,
        "answered": str(given.answered),
        "failed": given.failed,
        "error": given.error,
    }


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
