"""Checks every truth of rules.md §J over a whole database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial

from overstap.app.auditing import Progress
from overstap.domain.locks import LOCKS_BY_STATE
from overstap.errors import OverstapError
from overstap.store.audit import Audit, History
from overstap.store.audit_books import BooksAudit
from overstap.store.runs import StoredRun
from overstap.workflow.breaches import Link, Tip, first_breach
from overstap.workflow.chain import entry_record
from overstap.workflow.files import Library
from overstap.workflow.fold import fold
from overstap.workflow.run import JournalEntry, Kind

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What reading raises where rows hold what was never written there."""


@dataclass(slots=True)
class Check:
    """One truth, and what was found.

    Attributes:
        rule: its number in rules.md.
        law: the truth in a sentence.
        looked_at: how many things were checked.
        breaches: a sentence for each thing that breaks it.
    """

    rule: str
    law: str
    looked_at: int = 0
    breaches: list[str] = field(default_factory=list)

    def that(self, holds: bool, breach: str) -> None:  # noqa: FBT001 - reads as check.that(a == b, "…")
        """Count one thing, and note the breach when it does not hold."""
        self.looked_at += 1
        if not holds:
            self.breaches.append(breach)


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """All checks that were made."""

    checks: list[Check]

    @property
    def ok(self) -> bool:
        """Whether no check found a breach."""
        return not any(check.breaches for check in self.checks)


class Verifier:
    """Looks at everything, a page of runs at a time, and changes nothing.

    Args:
        paused: whether anything is paused or waits for a limit now: runs may be parked because of it.
    """

    def __init__(self, audit: Audit, books: BooksAudit, library: Library, paused: Callable[[], bool]) -> None:
        self._audit = audit
        self._paused = paused
        self._books = books
        self._library = library

    def verify(self, progress: Progress | None = None) -> VerifyReport:
        """Check every truth; never raises for a breach.

        Args:
            progress: told how many runs were looked at, and of how many; what is beside them comes after.
        """
        fold_check = Check("J6", "A run's journal, folded from its first entry, gives the stored run")
        end_check = Check("J4", "Ended runs stay ended: nothing is due, held or written after the end")
        lock_check = Check(
            "J5", "A tenant's locks are those of its active run's state; an ended run holds none, so none outlives it"
        )
        wake_check = Check(
            "design §4", "A run that nobody works on is due when it has something to do, unless that is paused"
        )
        paused = self._paused()
        version_check = Check(
            "design §3", "Each run follows a workflow version that is known, with the digest it was given"
        )
        chain_check = Check(
            "design §4", "Each entry's hash covers it and the one before it; `audit verify` looks at all the chains"
        )

        def histories() -> Iterator[str | None]:
            total = self._audit.count() if progress else 0
            for number, history in enumerate(self._audit.histories(), 1):
                if progress:
                    progress(number, total)
                yield from self._fold(history)
                if history.stored is not None:
                    self._check_version(version_check, history.stored)
                    self._check_end(end_check, history.stored, history.journal)
                    self._check_locks(lock_check, history.stored)
                    self._check_chain(chain_check, history.stored, history.journal)
                    if not paused:
                        self._check_wake(wake_check, history.stored)

        looks: list[tuple[Check, Callable[[], Iterator[str | None]]]] = [
            (fold_check, histories),
            (Check("J1", "Never are both billings on; from the end on only the one that belongs there is"),
             self._books.billing),
            (Check("J2", "The target has at least the source's seats, and no user loses a licence without the new one"),
             self._books.licences),
            (Check("J3", "A tenant has at most one active change"), self._audit.active_changes),
            (Check("J4", "The source subscription is closed last, and only by a completed change"),
             self._books.closing),
            (Check("J5", "What was done from outside a change was done while no lock of it forbade that"),
             partial(self._books.outside, self._library.locks)),
            (Check("J7", "An idempotency key causes one effect, and what was confirmed was done"),
             self._books.effects),
            (Check("design §4", "Every journal entry, effect and signal belongs to a run"), self._audit.orphans),
            (Check("counters", "The counters of runs are how many there are"), self._audit.tally),
        ]  # fmt: skip
        for check, look in looks:
            _gather(check, look)
        if self._paused():
            wake_check.breaches.clear()  # it was paused while we looked
        checks = [end_check, lock_check, version_check, chain_check, wake_check, *(check for check, _ in looks)]
        return VerifyReport(sorted(checks, key=lambda check: check.rule))

    @staticmethod
    def _fold(history: History) -> Iterator[str | None]:
        name = f"run {history.run_id}"
        if history.stored is None:
            yield f"{name}: it or its journal cannot be read: {history.unreadable}"
            return
        try:
            folded = fold(history.journal)
        except _UNREADABLE as error:
            yield f"{name}: its journal cannot be folded: {type(error).__name__}: {error}"
            return
        if folded == history.stored.run:
            yield None
            return
        told, stored = asdict(folded), asdict(history.stored.run)
        differ = [f"{key} {told[key]!r}, stored is {stored[key]!r}" for key in told if told[key] != stored[key]]
        yield f"{name}: its journal folds to {'; '.join(differ)}"

    def _check_version(self, check: Check, stored: StoredRun) -> None:
        run = stored.run
        try:
            digest = self._library.get(run.workflow, run.version).digest
        except OverstapError as error:
            check.that(False, f"run {run.id}: {error}")
            return
        check.that(digest == run.digest, f"run {run.id}: {run.workflow} v{run.version} has changed since it began")

    def _check_end(self, check: Check, stored: StoredRun, journal: list[JournalEntry]) -> None:
        run = stored.run
        if run.ended_at is None:
            return
        check.that(
            stored.due_at is None and stored.claimed_by is None,
            f"run {run.id}: it has ended and is still due at {stored.due_at} or held by {stored.claimed_by}",
        )
        ends = (i for i, entry in enumerate(journal) if entry.to_state == run.state and entry.kind is Kind.TRANSITION)
        end = next(ends, None)
        if end is None:
            check.that(False, f"run {run.id}: it ended as {run.state} and its journal tells of no end")
            return
        after = [entry.seq for entry in journal[end + 1 :] if entry.kind is not Kind.SIGNAL_DISCARDED]
        check.that(not after, f"run {run.id}: entries {after} follow its end")

    @staticmethod
    def _check_chain(check: Check, stored: StoredRun, journal: list[JournalEntry]) -> None:
        run = stored.run
        links = [Link(entry.seq, entry_record(entry), entry.hash) for entry in journal]
        breach = first_breach(links, [Tip(run.seq, run.head, "the run", newest=True)])
        check.that(breach is None, breach.sentence(f"run {run.id}, entry {breach.seq}") if breach else "")

    @staticmethod
    def _check_wake(check: Check, stored: StoredRun) -> None:
        run = stored.run
        if run.ended_at is None and stored.claimed_by is None and run.due_at is not None:
            in_time = stored.due_at is not None and stored.due_at <= run.due_at
            check.that(in_time, f"run {run.id}: it is to be woken at {run.due_at}, and is due at {stored.due_at}")

    def _check_locks(self, check: Check, stored: StoredRun) -> None:
        run = stored.run
        try:
            spec = self._library.get(run.workflow, run.version).states[run.state]
        except (OverstapError, KeyError):
            return  # the version check names it
        expected = LOCKS_BY_STATE.get(run.state, spec.locks)
        check.that(
            spec.locks == expected, f"run {run.id}: {run.state} locks {sorted(spec.locks)}, not {sorted(expected)}"
        )
        check.that(
            (run.ended_at is not None) == spec.final and not (spec.final and spec.locks),
            f"run {run.id}: it holds the locks of {run.state} and its end is {run.ended_at}",
        )


def _gather(check: Check, look: Callable[[], Iterator[str | None]]) -> None:
    try:
        for breach in look():
            check.that(breach is None, breach or "")
    except _UNREADABLE as error:
        check.that(False, f"what is stored cannot be read: {type(error).__name__}: {error}")
