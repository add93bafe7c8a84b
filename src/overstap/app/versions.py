"""Carrying live runs to a newer version of their workflow: first looked at, then done (ADR 16)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from overstap.clock import Clock
from overstap.domain.reading import one_line
from overstap.errors import BadInput, Conflict
from overstap.store.runs import Runs
from overstap.store.versions import LiveRun, LiveRuns, Wanted
from overstap.workflow.decide import Decision
from overstap.workflow.definition import Definition
from overstap.workflow.files import Library
from overstap.workflow.mapping import Place, read_mapping
from overstap.workflow.run import Run
from overstap.workflow.versions import Judgement, Verdict, judge, migrate


@dataclass(frozen=True, slots=True)
class VersionChange:
    """What is asked: carry runs to a version, by these maps.

    Attributes:
        olds: the older versions that are here, by number.
    """

    new: Definition
    olds: Mapping[int, Definition]
    mapping: Mapping[Place, Place]
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Judged:
    """One run as it was found, and what was said of it.

    Attributes:
        left: how long its window stays open; None where its state has no deadline, below zero where that has passed.
    """

    run: Run
    verdict: Verdict
    left: timedelta | None


@dataclass(slots=True)
class Counts:
    """How many runs got which judgement."""

    by: Counter[Judgement] = field(default_factory=Counter)

    def add(self, judged: Judged) -> None:
        """Count one more."""
        self.by[judged.verdict.judgement] += 1

    @property
    def runs(self) -> int:
        """How many were looked at."""
        return self.by.total()

    @property
    def left_behind(self) -> int:
        """How many do not come along."""
        return self.runs - self.by[Judgement.COMPATIBLE]


class Versions:
    """Rehearses and does what brings live runs to a newer version."""

    def __init__(self, live: LiveRuns, runs: Runs, library: Library, clock: Clock) -> None:
        self._live = live
        self._runs = runs
        self._library = library
        self._clock = clock

    def change(self, name: str, to: int, *, maps: Sequence[str] = (), run_ids: Sequence[str] = ()) -> VersionChange:
        """What is to be carried where.

        Args:
            maps: `OLD=NEW` for states that have another name there, or `OLD/STEP=NEW/STEP`.
            run_ids: only these runs; none for all.

        Raises:
            NotFound: when there is no such workflow, version or run.
            BadInput: when no version is older, or a map cannot be used.
            Conflict: when a chosen run has ended, or follows that version or a newer one.
        """
        new = self._library.get(name, to)
        olds = {one.version: one for one in self._library.all() if one.name == name and one.version < to}
        ids = frozenset(run_ids) or None
        wanted = Wanted(name, to, ids)
        for run_id in sorted(ids or ()):
            self._ensure_wanted(run_id, name, to)
        if not olds and not self._live.count(wanted):
            raise BadInput(
                f"{name} v{to} is the oldest version here, and runs are only carried to a newer one: an older one does "
                "not know what they have done since. To undo a change, write its opposite as a new version."
            )
        return VersionChange(new, olds, read_mapping(maps, olds.values(), new), wanted)

    def _ensure_wanted(self, run_id: str, name: str, to: int) -> None:
        run = self._runs.get(run_id).run
        if run.workflow != name:
            raise BadInput(f"Run {run_id} follows {run.workflow}, not {name}; name that workflow.")
        if run.ended_at is not None:
            raise Conflict(f"Run {run_id} has ended ({run.state}); only live runs are carried to another version.")
        if run.version >= to:
            more = "already" if run.version == to else "and runs are only carried to a newer version"
            raise Conflict(f"Run {run_id} follows {name} v{run.version} {more}.")

    def count(self, change: VersionChange) -> int:
        """How many runs it is about."""
        return self._live.count(change.wanted)

    def rehearse(self, change: VersionChange) -> Iterator[Judged]:
        """What would become of each run, the oldest first; nothing is touched."""
        for page in self._live.pages(change.wanted, self._clock.now()):
            now = self._clock.now()
            yield from (_judged(change, one, now) for one in page)

    def migrate(self, change: VersionChange, *, reason: str, actor: str, tell: Callable[[Judged], None]) -> Counts:
        """Carry over the runs that are compatible, each judged anew while it is held; leave the others as they are.

        Args:
            reason: goes into each run's journal.
            tell: told of each run, once what was done with it is committed.

        Raises:
            BadInput: when the reason is empty.
        """
        reason = one_line(reason, "The reason of a migration, which goes into each run's journal,")
        counts = Counts()
        verdicts: dict[str, Judged] = {}

        def decide(one: LiveRun, now: datetime) -> Decision | None:
            judged = verdicts[one.stored.run.id] = _judged(change, one, now)
            if judged.verdict.judgement is not Judgement.COMPATIBLE:
                return None
            return migrate(change.new, judged.run, judged.verdict, reason, actor, now)

        try:
            for page in self._live.change(change.wanted, self._clock.now, decide):
                for one in page:
                    judged = verdicts.pop(one.stored.run.id)
                    counts.add(judged)
                    tell(judged)
        finally:  # also when it is broken off: what is committed was done
            if counts.runs:
                self._record(change, counts, reason, actor)
        return counts

    def _record(self, change: VersionChange, counts: Counts, reason: str, actor: str) -> None:
        data = {
            "to": change.new.version,
            "digest": change.new.digest,
            "maps": {str(left): str(right) for left, right in change.mapping.items()},
            "migrated": counts.by[Judgement.COMPATIBLE],
            "left_behind": {one.value: counts.by[one] for one in Judgement if one is not Judgement.COMPATIBLE},
        }
        self._live.record(
            at=self._clock.now(),
            actor=actor,
            kind="workflow_migrated",
            subject=change.new.name,
            reason=reason,
            data=data,
        )


def _judged(change: VersionChange, one: LiveRun, now: datetime) -> Judged:
    run = one.stored.run
    verdict = judge(change.olds.get(run.version), change.new, run, one.around, change.mapping)
    return Judged(run, verdict, None if run.deadline_at is None else run.deadline_at - now)
