"""Where a run's time went: the states it visited, what it waited for in them, and how often each step was tried.

Everything is read from the journal alone, and claims are not in it: it cannot tell whether a step was under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from overstap.workflow.fold import apply
from overstap.workflow.run import JournalEntry, Kind, Run, Status
from overstap.workflow.spells import Attempts, Spell, Visit, Waited, Why

_WAITS = {Status.READY: Why.DUE, Status.RETRYING: Why.PAUSE, Status.STUCK: Why.STUCK}


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run's journal, measured.

    Attributes:
        visits: in their order; the last one is where it is.
        spells: together exactly the time from the first entry looked at, to `until`.
        attempts: of each step in each visit, in the order of their first answers.
        since: when the first of the visits was entered.
        until: the run's end, or the moment that is looked from.
        first_seq: the first entry that was looked at; above 1 what came before is not counted.
    """

    visits: tuple[Visit, ...]
    spells: tuple[Spell, ...]
    attempts: tuple[Attempts, ...]
    since: datetime
    until: datetime
    first_seq: int

    @property
    def lasted(self) -> timedelta:
        """How long all visits took together."""
        return self.until - self.since

    def share(self, part: timedelta) -> float:
        """A part of the whole time, 0 to 1."""
        return part / self.lasted if self.lasted else 0.0

    def waited(self) -> list[Waited]:
        """The spells summed up by visit, reason and step, in the order in which each first came."""
        sums: dict[tuple[int, str, Why, str | None], Waited] = {}
        for spell in self.spells:
            kind = (spell.visit, spell.state, spell.why, spell.step)
            known = sums.get(kind, Waited(spell, 0, timedelta(0)))
            longest = max(known.longest, spell, key=lambda one: one.took)
            sums[kind] = Waited(longest, known.times + 1, known.took + spell.took)
        return list(sums.values())


@dataclass(frozen=True, slots=True)
class Start:
    """Where a journal is taken up that is too long to be read whole.

    Attributes:
        run: the run just before the first entry that is read, as far as a timeline needs it.
        entered: the entry by which it came into its state.
    """

    run: Run
    entered: JournalEntry


def take_up(run: Run, entered: JournalEntry, entries: Sequence[JournalEntry]) -> Start:
    """The start for the last entries of a run.

    Args:
        run: as it is after all entries.
        entered: the last entry before `entries` that led into a state.
    """
    moves = sum(entry.to_state is not None for entry in entries)
    first = entries[0].seq if entries else run.seq + 1
    # What a fold from the beginning would give, in all that a timeline looks at: state, status, times and numbers.
    if entered.kind is Kind.SUBMITTED:
        there = apply(None, entered)
    else:
        there = apply(replace(run, seq=entered.seq - 1), entered)
    return Start(replace(there, visit=run.visit - moves, seq=first - 1), entered)


def timeline(entries: Iterable[JournalEntry], now: datetime, start: Start | None = None) -> Timeline:
    """Measure a journal.

    Args:
        entries: a run's journal from its first entry on, or from the one that follows on `start`.
        now: the moment that is looked from; an entry that is later than that counts, with no time after it.

    Raises:
        ValueError: when there is nothing to measure, or an entry does not follow on the one before.
    """
    tally = _Tally(start)
    for entry in entries:
        tally.add(entry)
    return tally.closed(now)


@dataclass(slots=True)
class _Tally:
    """Adds entry after entry; keeps no journal, however long that is."""

    start: Start | None
    run: Run | None = None
    last: datetime | None = None
    first_seq: int = 0
    visits: list[Visit] = field(default_factory=list)
    spells: list[Spell] = field(default_factory=list)
    attempts: dict[tuple[int, str], Attempts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.start is not None:
            self.run = self.start.run
            self._enter(self.run, self.start.entered)

    def add(self, entry: JournalEntry) -> None:
        before, self.run = self.run, apply(self.run, entry)
        # Clocks of several machines may differ: a moment before the last one takes no time.
        at = entry.at if self.last is None else max(entry.at, self.last)
        self.first_seq = self.first_seq or entry.seq
        if before is not None and self.last is not None:
            self._pass(before, self.last, at, entry)
        self.last = at
        if before is not None and entry.step is not None:
            self._answer(before, entry, at)
        if entry.to_state is not None:
            self._enter(self.run, replace(entry, at=at))

    def closed(self, now: datetime) -> Timeline:
        if self.run is None or not self.visits:
            raise ValueError("a run has at least one journal entry")
        last = self.visits[-1].entered if self.last is None else self.last
        ended = self.run.ended_at is not None
        until = self.visits[-1].entered if ended else max(now, last)
        if not ended and self.last is not None:
            self._pass(self.run, self.last, until, None)
        final = self.visits[-1]
        self.visits[-1] = replace(final, until=until, left=until if ended else None)
        return Timeline(
            visits=tuple(self.visits),
            spells=tuple(self.spells),
            attempts=tuple(self.attempts.values()),
            since=self.visits[0].entered,
            until=until,
            first_seq=self.first_seq or self.run.seq + 1,
        )

    def _enter(self, run: Run, entry: JournalEntry) -> None:
        if self.visits:
            self.visits[-1] = replace(self.visits[-1], left=entry.at, until=entry.at)
        self.visits.append(Visit(run.visit, run.state, entry.at, None, entry.at, entry.event, entry.actor))

    def _answer(self, run: Run, entry: JournalEntry, at: datetime) -> None:
        step = str(entry.step)
        failed = entry.kind in {Kind.RETRY, Kind.STUCK} or (entry.to_state is not None and "error" in entry.data)
        error = str(entry.data["error"]) if failed else None
        known = self.attempts.get((run.visit, step))
        if known is None:
            known = Attempts(run.visit, run.state, step, at, at, 0, 0, entry.kind, failed, None)
        self.attempts[run.visit, step] = replace(
            known,
            last=at,
            tries=known.tries + 1,
            failures=known.failures + failed,
            answered=entry.kind,
            failed=failed,
            error=error or known.error,
        )
        if failed:
            self.visits[-1] = replace(self.visits[-1], failures=self.visits[-1].failures + 1)

    def _pass(self, run: Run, since: datetime, until: datetime, entry: JournalEntry | None) -> None:
        """The time from the last entry on: first what it waited for, then a worker's turn."""
        if run.ended_at is not None:
            return
        due = [run.due_at]
        if entry is not None and entry.to_state and entry.data.get("received_at"):
            due.append(datetime.fromisoformat(entry.data["received_at"]))
        turn = min(max(min((one for one in due if one is not None), default=until), since), until)
        why = _WAITS.get(run.status, Why.OUTSIDE if run.wake_at is None else Why.ANSWER)
        if run.held is not None:
            why = Why.HELD
        step = entry.step if entry is not None else None
        if step is None and self.spells and self.spells[-1].visit == run.visit:
            step = self.spells[-1].step  # no step has answered: it is about what it was about
        self._spell(Spell(run.visit, run.state, step, why, since, turn))
        self._spell(Spell(run.visit, run.state, step, Why.DUE, turn, until))

    def _spell(self, spell: Spell) -> None:
        if spell.took > timedelta(0):
            self.spells.append(spell)
