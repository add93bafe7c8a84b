"""Looking at one run: where it is and why, how its time went, how it was, and what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from overstap.app.explaining import in_its_domain
from overstap.app.foreseeing import Foreseen, foresee
from overstap.app.look import Compared, Explained, Look, SentSignal
from overstap.app.operators import Operators
from overstap.app.tasks import Tasks
from overstap.clock import Clock
from overstap.domain.tasks import ANSWERS
from overstap.errors import BadInput, Changed, NotFound
from overstap.steps import STEP_EVENTS, TASK_STEPS
from overstap.store.history import History
from overstap.store.lines import Lines
from overstap.store.rows import EffectRecord
from overstap.store.runs import Runs, StoredRun
from overstap.workflow.circumstances import Circumstances, Holder
from overstap.workflow.decide import Signal
from overstap.workflow.difference import difference
from overstap.workflow.explain import explain
from overstap.workflow.files import Library
from overstap.workflow.fold import fold
from overstap.workflow.run import JournalEntry, Kind, Run
from overstap.workflow.timeline import Timeline, take_up, timeline

MEASURED = 2000
"""How many of a run's last entries its timeline counts, unless all are asked for."""
_SILENT = 3  # beats that a worker may miss before it counts as dead
_WAY = 10
"""So many states back it is looked for what sent a run another way."""
_TURNS = frozenset({"error", "deadline", "reason"})
_EVENTS = {**STEP_EVENTS, **dict.fromkeys(TASK_STEPS, frozenset())}  # the answers to a task come in as signals


class Looking:
    """Looks at the runs of one database, and changes nothing.

    Args:
        beat: how often a worker says that it lives, in machine time.
    """

    def __init__(
        self,
        runs: Runs,
        history: History,
        lines: Lines,
        tasks: Tasks,
        operators: Operators,
        library: Library,
        clock: Clock,
        *,
        beat: timedelta,
    ) -> None:
        self._runs = runs
        self._history = history
        self._lines = lines
        self._tasks = tasks
        self._operators = operators
        self._library = library
        self._clock = clock
        self._beat = beat

    def look(self, run_id: str, last: int | None) -> Look:
        """A run as it is now.

        Args:
            last: how many entries and effects at most; None for all, however many there are.

        Raises:
            NotFound: when there is no such run.
        """
        stored = self._runs.get(run_id)
        run, now = stored.run, self._clock.now()
        entries, measured = self._measure(run, now, last)
        pending = [SentSignal(one) for one in self._runs.pending_signals(run_id)]
        return Look(
            stored=stored,
            at=now,
            past=False,
            journal=entries if last is None else entries[-last:],
            timeline=measured,
            effects=self._history.effects(run_id, last),
            effect_counts=self._history.effect_counts(run_id),
            signals=_in_order([*_settled(entries), *pending]),
            holder=self._holder(stored, now),
            waits=self._lines.of(run_id),
            task=self._tasks.of(run),
        )

    def back(self, run_id: str, *, at: datetime | None = None, seq: int | None = None, last: int | None) -> Look:
        """A run as it was at a moment, or after a journal entry; who held it then is not kept.

        Args:
            at: the moment.
            seq: the entry's number, instead of a moment.
            last: as for `look`.

        Raises:
            NotFound: when there is no such run, or it did not exist yet.
            BadInput: when the moment has not come yet, or the journal has no such entry.
        """
        stored, now = self._runs.get(run_id), self._clock.now()
        if at is not None and at > now:
            raise BadInput(f"{_told(at)} has not come yet; it is {_told(now)} now.")
        if seq is None:
            seq = self._history.seq_at(run_id, now if at is None else at)
            if seq == 0:
                ordered = _told(stored.run.created_at)
                raise NotFound(f"Run {run_id} did not exist yet at {_told(at or now)}: it was ordered at {ordered}.")
        self._exists(stored.run, seq, least=1)
        run = fold(self._history.entries(run_id, to=seq))
        moment = run.updated_at if at is None else max(at, run.updated_at)
        entries, measured = self._measure(run, moment, last)
        later = [SentSignal(one.signal) for one in _settled(self._history.settlings(run_id, seq))]
        waiting = [*later, *(SentSignal(one) for one in self._runs.pending_signals(run_id))]
        effects = [_then(effect, moment) for effect in self._history.effects(run_id, last, until=moment)]
        counts: dict[str, int] = {}
        for effect in effects:
            counts[effect.status] = counts.get(effect.status, 0) + 1
        return Look(
            stored=replace(stored, run=run, due_at=run.due_at, claimed_by=None, claim_until=None),
            at=moment,
            past=True,
            journal=entries if last is None else entries[-last:],
            timeline=measured,
            effects=effects,
            effect_counts=counts,
            signals=_in_order([*_settled(entries), *(one for one in waiting if one.signal.at <= moment)]),
        )

    def entries(self, run_id: str, after: int = 0) -> Iterator[JournalEntry]:
        """A run's journal from the entry behind `after` on, read in pages.

        Raises:
            NotFound: when there is no such run.
        """
        return self._history.entries(run_id, after, self._runs.get(run_id).run.seq)

    def compare(self, run_id: str, first: int | None = None, last: int | None = None) -> Compared:
        """What is different between two entries of a run's journal.

        Args:
            first: the earlier one, 0 for before it existed; None for the one before `last`.
            last: the later one; None for the newest.

        Raises:
            NotFound: when there is no such run.
            BadInput: when the journal has no such entry, or they stand the wrong way round.
        """
        run = self._runs.get(run_id).run
        last = run.seq if last is None else last
        self._exists(run, last)
        first = max(0, last - 1) if first is None else first
        self._exists(run, first)
        if first > last:
            raise BadInput(f"#{first} comes after #{last}: give the earlier entry first, --from {last} --to {first}.")
        before = fold(self._history.entries(run_id, to=first)) if first else None
        after = run if last == run.seq else self._folded(run_id, last)
        entries = list(self._history.entries(run_id, first, last)) if first < last else []
        return Compared(run_id, first, last, difference(before, after), entries)

    def explain(self, run_id: str) -> Explained:
        """Why a run is where it is, what wakes it, who holds it, what comes next, and what can be done.

        Raises:
            NotFound: when there is no such run, or the workflow it follows is not here.
        """
        stored = self._runs.get(run_id)
        run, now = stored.run, self._clock.now()
        definition = self._library.get(run.workflow, run.version)
        said = explain(definition, run, self._circumstances(stored, now), now)
        return Explained(stored, now, in_its_domain(said, run, self._tasks.of(run), now))

    def foresee(self, run_id: str, act: str, deadline: timedelta | datetime | None = None) -> Foreseen:
        """What an act would do to a run now.

        Args:
            act: by the name that `Operators.possible` gives it, or the event that answers a task.
            deadline: of `extend`: how much later it becomes, or when it is; None while that is not said yet.

        Raises:
            NotFound: when there is no such run.
            Conflict: when the run does not allow it.
            BadInput: when there is no such act.
        """
        stored = self._runs.get(run_id)
        return foresee(
            self._library.get(stored.run.workflow, stored.run.version), stored, act, deadline, self._clock.now()
        )

    def still(self, foreseen: Foreseen, deadline: timedelta | datetime | None = None) -> int:
        """The length of a run's journal, if an act would still do what was foreseen.

        Raises:
            Changed: when it would do something else by now.
            Conflict: when the run does not allow it any more.
        """
        now = self.foresee(foreseen.run_id, foreseen.act, deadline)
        if now.sentences != foreseen.sentences:
            raise Changed("Nothing was done: the run changed meanwhile. Look again at what it would do now.")
        return now.seq

    def possible(self, run_id: str) -> list[str]:
        """The acts that a run allows now, by the names of their commands.

        Raises:
            NotFound: when there is no such run, or the workflow it follows is not here.
        """
        return self._operators.possible(self._runs.get(run_id))

    def _measure(self, run: Run, now: datetime, last: int | None) -> tuple[list[JournalEntry], Timeline]:
        """The timeline of a run, and the entries that it counts."""
        if last is None:
            journal = list(self._history.entries(run.id, to=run.seq))
            return journal, timeline(journal, now)
        after = max(0, run.seq - max(last, MEASURED))
        entries = list(self._history.entries(run.id, after, run.seq))
        start = next((take_up(run, one, entries) for one in self._history.moves(run.id, after + 1)), None)
        return entries, timeline(entries, now, start)

    def _folded(self, run_id: str, seq: int) -> Run | None:
        return fold(self._history.entries(run_id, to=seq)) if seq else None

    @staticmethod
    def _exists(run: Run, seq: int, least: int = 0) -> None:
        if not least <= seq <= run.seq:
            raise BadInput(f"The journal of run {run.id} has the entries #1 to #{run.seq}, and no #{seq}.")

    def _holder(self, stored: StoredRun, now: datetime) -> Holder | None:
        if stored.claimed_by is None or stored.claim_until is None:
            return None
        beat = self._history.beat(stored.claimed_by)
        if beat is None:
            return Holder(stored.claimed_by, stored.claim_until, alive=False)
        alive = beat.stopped_at is None and beat.heartbeat_at >= self._heard_since(now)
        return Holder(stored.claimed_by, stored.claim_until, beat.heartbeat_at, beat.stopped_at, alive)

    def _heard_since(self, now: datetime) -> datetime:
        return now - self._clock.stretch(self._beat * _SILENT)

    def _circumstances(self, stored: StoredRun, now: datetime) -> Circumstances:
        run = stored.run
        moves = self._history.moves(run.id, run.seq + 1, _WAY)
        return Circumstances(
            entered=moves[0] if moves else None,
            turned=next((one for one in moves[1:] if _TURNS & one.data.keys()), None),
            holder=self._holder(stored, now),
            workers_alive=self._history.alive(self._heard_since(now)),
            signals=tuple(self._runs.pending_signals(run.id)),
            unknown_effects=tuple(self._history.unknown(run.id)),
            pauses=tuple(self._operators.pauses_of(run)),
            waits=self._lines.of(run.id),
            acts=tuple(self._operators.possible(stored)),
            step_events=_EVENTS,
            answers=ANSWERS,
        )


def _then(effect: EffectRecord, moment: datetime) -> EffectRecord:
    """An effect as it was at a moment: what was not known yet is taken away."""
    if effect.settled_at is not None and effect.settled_at > moment:
        return replace(effect, status="intended", response=None, error=None, settled_at=None)
    return effect


def _settled(entries: list[JournalEntry]) -> list[SentSignal]:
    """The signals that these entries applied or dropped: the journal has all there is to know of them."""
    return [_sent(entry) for entry in entries if entry.data.get("signal")]


def _sent(entry: JournalEntry) -> SentSignal:
    data = entry.data
    at = datetime.fromisoformat(data["received_at"])
    signal = Signal(data["signal"], str(entry.event), data["reason"], entry.actor, at, data.get("request"))
    return SentSignal(signal, entry.at, applied=entry.kind is not Kind.SIGNAL_DISCARDED)


def _in_order(signals: list[SentSignal]) -> list[SentSignal]:
    return sorted(signals, key=lambda one: (one.signal.at, one.signal.id))


def _told(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
