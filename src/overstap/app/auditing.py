"""Checks, checkpoints and exports the hash chains over everything that runs and operators did (ADR 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import orjson

from overstap.app.head import Head
from overstap.clock import Clock
from overstap.errors import BadInput, Refused
from overstap.store.chains import Chains, Exported, RunChain
from overstap.store.checkpoints import Checkpoints
from overstap.workflow.breaches import Breach, Link, Tip, What, first_breach
from overstap.workflow.chain import canonical


@dataclass(frozen=True, slots=True)
class Finding:
    """The first breach of one chain.

    Attributes:
        chain: `run`, `acts` or `checkpoints`.
        run_id: of a run's chain, else None.
        seq: the number of the entry, act or checkpoint.
        sentence: all of it, for people.
    """

    chain: str
    run_id: str | None
    seq: int
    what: What
    sentence: str


@dataclass(slots=True)
class AuditReport:
    """What an audit looked at and found.

    Attributes:
        head: the head it was compared with, None without one.
        findings: the first ones, up to the limit.
        breaches: how many chains are broken, shown or not.
    """

    head: Head | None
    limit: int
    runs: int = 0
    entries: int = 0
    acts: int = 0
    checkpoints: int = 0
    breaches: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether every chain holds."""
        return not self.breaches

    def add(self, finding: Finding) -> None:
        """Count a broken chain, and keep what was found while there is room."""
        self.breaches += 1
        if len(self.findings) < self.limit:
            self.findings.append(finding)


Progress = Callable[[int, int], None]
"""Told how many runs were looked at, and of how many."""


class Auditing:
    """The chains of one database."""

    def __init__(self, chains: Chains, checkpoints: Checkpoints, clock: Clock) -> None:
        self._chains = chains
        self._checkpoints = checkpoints
        self._clock = clock

    def checkpoint(self) -> Head:
        """Bring every run and act under a checkpoint.

        Returns:
            The head, to be kept where who can change the database cannot change it.
        """
        return Head.of(self._checkpoints.make(self._clock.now()))

    def acts(
        self, before: int | None = None, limit: int = 50, *, kind: str | None = None, text: str | None = None
    ) -> list[Link]:
        """What was done that belongs to no single run, the newest first; see `Chains.last_acts`.

        Returns:
            Each act with its number and hash; its record is None where it cannot be read any more.
        """
        return self._chains.last_acts(before, limit, kind=kind, text=text)

    def kinds_of_acts(self) -> list[str]:
        """The kinds of acts that there are, sorted."""
        return self._chains.kinds_of_acts()

    def verify(self, against: Head | None = None, *, limit: int = 20, progress: Progress | None = None) -> AuditReport:
        """Look for what was changed, removed, inserted, reordered or cut off, and name the first of each chain.

        Args:
            against: a head that was kept elsewhere.
            limit: how many findings are kept.

        Raises:
            BadInput: when the head is of another database.
        """
        report = AuditReport(against, limit)
        sound, checkpoints = self._verify_checkpoints(report, against)
        self._verify_acts(report, checkpoints)
        total = self._chains.count() if progress else 0
        for run in self._chains.runs():
            report.runs += run.tip is not None
            report.entries += len(run.links)
            # What a broken checkpoint says of a run accuses the wrong one.
            kept = [tip for number, tip in run.kept if number <= sound]
            breach = _first_of_run(run, kept)
            if breach is not None:
                report.add(_finding("run", f"run {run.run_id}, entry", breach, run.run_id))
            if progress:
                progress(report.runs, total)
        return report

    def _verify_checkpoints(self, report: AuditReport, against: Head | None) -> tuple[int, list[Link]]:
        """The number of the last checkpoint that can be believed, and those up to it."""
        links = self._chains.checkpoints()
        report.checkpoints = len(links)
        tips = []
        if against is not None:
            known = {one.record["database_id"] for one in links if one.record is not None}
            if known and against.database not in known:
                raise BadInput(
                    f"The head is of database {against.database} and this one is {', '.join(sorted(known))}: give the "
                    "head of this one. If it is the head of this one, its checkpoints were replaced by others."
                )
            tips = [Tip(against.checkpoint, against.digest, "the head that was kept")]
        breach = first_breach(links, tips)
        if breach is None:
            return len(links), links
        report.add(_finding("checkpoints", "checkpoint", breach))
        return breach.seq - 1, [one for one in links if one.seq < breach.seq]

    def _verify_acts(self, report: AuditReport, checkpoints: Iterable[Link]) -> None:
        links = self._chains.acts()
        report.acts = len(links)
        kept = {
            one.record["act_seq"]: Tip(one.record["act_seq"], one.record["act_hash"], f"checkpoint {one.seq}")
            for one in checkpoints
            if one.record is not None
        }
        breach = first_breach(links, list(kept.values()))
        if breach is not None:
            report.add(_finding("acts", "act", breach))

    def export(self, since: datetime | None = None) -> tuple[Head, Iterator[bytes]]:
        """Every entry and act from a moment on as JSON lines, with its hash and the one before it, and the head last.

        What was done until now is brought under a checkpoint first, so that the head covers it.

        Returns:
            The head, and the lines; taking them raises `Refused` where one cannot be read.
        """
        head = self.checkpoint()
        return head, self._lines(head, since)

    def _lines(self, head: Head, since: datetime | None) -> Iterator[bytes]:
        yield from map(partial(_line, "entry"), self._chains.journal_since(since))
        yield from map(partial(_line, "act"), self._chains.acts_since(since))
        yield orjson.dumps({"head": head.model_dump()}, option=orjson.OPT_APPEND_NEWLINE)


def _first_of_run(run: RunChain, kept: list[Tip]) -> Breach | None:
    if run.tip is not None:
        return first_breach(run.links, [run.tip, *kept])
    if run.links:
        return Breach(What.REMOVED, run.links[0].seq, "its run is gone, and its journal is not")
    if kept:
        why = f"the run is gone with its whole journal, and {kept[-1].source} has its entry {kept[-1].seq}"
        return Breach(What.REMOVED, 1, why)
    return None  # only a checkpoint that cannot be believed knows it


def _finding(chain: str, name: str, breach: Breach, run_id: str | None = None) -> Finding:
    return Finding(chain, run_id, breach.seq, breach.what, breach.sentence(f"{name} {breach.seq}"))


def _line(kind: str, given: Exported) -> bytes:
    try:
        covered = None if given.link.record is None else canonical(given.link.record)
    except TypeError:  # something in it was never JSON
        covered = None
    if covered is None:
        raise Refused(f"{given.name} cannot be read, so nothing is exported; `overstap audit verify` tells more.")
    line = {kind: orjson.Fragment(covered), "previous": given.previous, "hash": given.link.hash}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
