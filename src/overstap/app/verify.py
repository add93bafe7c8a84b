"""Checks every truth of rules.md §J over a whole database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from overstap.errors import OverstapError
from overstap.store.audit import Audit
from overstap.store.audit_books import BooksAudit
from overstap.store.runs import StoredRun
from overstap.workflow.files import Library
from overstap.workflow.run import JournalEntry, Kind, fold

LOCKS_BY_STATE = {
    "credit_check": frozenset({"commerce"}),
    "migrating": frozenset({"commerce", "portal", "licence"}),
    "escalated": frozenset({"commerce", "portal", "licence"}),
    "licenses_reassigned": frozenset({"commerce", "portal", "licence"}),
    "completed": frozenset[str](),
    "failed": frozenset[str](),
    "cancelled": frozenset[str](),
}
"""The locks of a tenant in each state of its active run (rules.md J5), wherever a workflow has that state."""


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
    """Looks at everything, a page of runs at a time, and changes nothing."""

    def __init__(self, audit: Audit, books: BooksAudit, library: Library) -> None:
        self._audit = audit
        self._books = books
        self._library = library

    def verify(self) -> VerifyReport:
        """Check every truth; never raises for a breach."""
        fold_check = Check("J6", "A run's journal, folded from its first entry, gives the stored run")
        final_check = Check("J4", "Ended runs stay ended: nothing is due, held or written after the end")
        lock_check = Check("J5", "A tenant's locks are those of its active run's state, and none outlives the run")
        version_check = Check(
            "design §3", "Each run follows a workflow version that is known, with the digest it began by"
        )
        for stored, journal in self._audit.runs_with_journals():
            self._check_fold(fold_check, stored, journal)
            self._check_version(version_check, stored)
            self._check_end(final_check, stored, journal)
            self._check_locks(lock_check, stored)
        laws: list[tuple[str, str, Callable[[], Iterator[str | None]]]] = [
            ("J1", "Never are both billings on; after the end only the one that belongs there is", self._books.billing),
            ("J2", "The target has at least the source's seats, and no user loses a licence without the new one",
             self._books.licences),
            ("J3", "A tenant has at most one active change", self._audit.active_changes),
            ("J4", "The source subscription is closed last, and only by a completed change", self._books.closing),
            ("J7", "An idempotency key causes one effect, and what was confirmed was done", self._books.effects),
            ("design §4", "Every journal entry, effect and signal belongs to a run", self._audit.orphans),
        ]  # fmt: skip
        checks = [fold_check, final_check, lock_check, version_check]
        for rule, law, look in laws:
            check = Check(rule, law)
            for breach in look():
                check.that(breach is None, breach or "")
            checks.append(check)
        return VerifyReport(sorted(checks, key=lambda check: check.rule))

    @staticmethod
    def _check_fold(check: Check, stored: StoredRun, journal: list[JournalEntry]) -> None:
        try:
            folded = fold(journal)
        except (ValueError, KeyError) as error:
            check.that(False, f"run {stored.run.id}: its journal cannot be folded: {error}")
            return
        check.that(folded == stored.run, f"run {stored.run.id}: its journal folds to {folded}, stored is {stored.run}")

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
            check.that(stored.due_at is not None or run.due_at is None, f"run {run.id}: nothing will ever wake it")
            return
        check.that(
            stored.due_at is None and stored.claimed_by is None,
            f"run {run.id}: it has ended and is still due at {stored.due_at} or held by {stored.claimed_by}",
        )
        end = next(
            i for i, entry in enumerate(journal) if entry.to_state == run.state and entry.kind is Kind.TRANSITION
        )
        after = [entry.seq for entry in journal[end + 1 :] if entry.kind is not Kind.SIGNAL_DISCARDED]
        check.that(not after, f"run {run.id}: entries {after} follow its end")

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
