"""What the engine has to reach, as ratios within one session on one machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from results import BARE, INSIDE, LATENCY, OURS, Session
from stage import WORKERS

Measure = Callable[[Session], float | None]
POSTGRESQL, SQLITE = "postgresql", "sqlite"
KINDS = {POSTGRESQL: "PostgreSQL", SQLITE: "SQLite"}


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to reach.

    Attributes:
        number: of the list that it was agreed in.
        text: what is compared.
        bound: what the ratio, or the figure, must reach.
        most: whether it may be at most that; else it must be at least that.
        measure: finds it in a session; None when that session did not measure it.
    """

    number: str
    text: str
    bound: float
    most: bool
    measure: Measure

    def holds(self, figure: float) -> bool:
        """Whether it is reached."""
        return figure <= self.bound if self.most else figure >= self.bound


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a target; figure and session are None when nobody measured it."""

    target: Target
    figure: float | None
    session: Session | None

    @property
    def word(self) -> str:
        """Yes, no, or not measured."""
        if self.figure is None:
            return "not measured"
        return "yes" if self.target.holds(self.figure) else "**no**"


def verdicts(sessions: Iterable[Session]) -> list[Verdict]:
    """Each target as the newest session that measured both of its sides has it."""
    sessions = list(sessions)
    return [_verdict(target, sessions) for target in TARGETS]


def _verdict(target: Target, sessions: list[Session]) -> Verdict:
    for session in sessions:
        figure = target.measure(session)
        if figure is not None:
            return Verdict(target, figure, session)
    return Verdict(target, None, None)


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """Ours over theirs; None when one of them is not there."""
    return None if ours is None or not theirs else ours / theirs


def against_peers(kind: str, what: str, field: str = "transitions_per_s") -> Measure:
    """Ours with all workers a database gets, over the best peer's."""

    def measure(session: Session) -> float | None:
        ours = session.median(field, side=OURS, what=what, database=kind, processes=WORKERS)
        best = session.best_peer(field, what=what, database=kind)
        return ratio(ours, best[0] if best else None)

    return measure


def soonest(kind: str, field: str) -> Measure:
    """Our latency the faster way, from another process or in one, over the best peer's: each has its fastest way."""

    def measure(session: Session) -> float | None:
        ways = [session.median(field, side=OURS, what=what, database=kind) for what in (LATENCY, INSIDE)]
        best = session.best_peer(field, least=True, what=LATENCY, database=kind)
        return ratio(min((way for way in ways if way is not None), default=None), best[0] if best else None)

    return measure


def against_bare(kind: str) -> Measure:
    """Ours with two processes over the bare database's batches, with whatever number it does most."""

    def measure(session: Session) -> float | None:
        ours = session.median("transitions_per_s", side=OURS, what="drain", database=kind, processes=WORKERS)
        batches = {"side": BARE, "what": "batches", "database": kind}
        counts = session.values("processes", **batches)
        rates = [session.median("transitions_per_s", processes=count, **batches) for count in counts]
        return ratio(ours, max((rate for rate in rates if rate is not None), default=None))

    return measure


def one_process(session: Session) -> float | None:
    """One process over two, on PostgreSQL."""
    one, two = (
        session.median("transitions_per_s", side=OURS, what="drain", database=POSTGRESQL, processes=processes)
        for processes in (1, 2)
    )
    return ratio(one, two)


def full_over_empty(kind: str, group: str, field: str) -> Measure:
    """A figure with the most parked, or ended, runs over the same without any."""

    def measure(session: Session) -> float | None:
        counts = session.values(group, side=OURS, database=kind)
        if 0 not in counts or max(counts) == 0:
            return None
        full, empty = (session.median(field, side=OURS, database=kind, **{group: n}) for n in (max(counts), 0))
        return ratio(full, empty)

    return measure


def figure(kind: str, what: str, field: str) -> Measure:
    """A figure as it is."""
    return lambda session: session.median(field, side=OURS, what=what, database=kind)


def _both(number: str, text: str, bound: float, measure: Callable[[str], Measure], *, most: bool) -> list[Target]:
    return [Target(number, f"{KINDS[kind]}: {text}", bound, most, measure(kind)) for kind in KINDS]


TARGETS = [
    Target("1", "PostgreSQL, two processes ÷ the best peer", 20, False, against_peers(POSTGRESQL, "drain")),
    Target("1", "PostgreSQL, two processes ÷ the bare database's batches", 0.25, False, against_bare(POSTGRESQL)),
    Target("1", "PostgreSQL, one process ÷ two processes", 0.6, False, one_process),
    Target("2", "SQLite, two processes ÷ DBOS on SQLite", 100, False, against_peers(SQLITE, "drain")),
    Target("2", "SQLite, two processes ÷ the bare database's batches", 0.25, False, against_bare(SQLITE)),
    *_both("3", "with effects ÷ the best peer", 8, lambda kind: against_peers(kind, "effects"), most=False),
    *_both("4", "latency, p50 ÷ the best peer's", 0.5, lambda kind: soonest(kind, "p50_ms"), most=True),
    *_both("4", "latency, p99 ÷ the best peer's", 1, lambda kind: soonest(kind, "p99_ms"), most=True),
    *_both("5", "parked, start-up ÷ empty", 1.2, lambda kind: full_over_empty(kind, "parked", "start_s"), most=True),
    *_both("5", "parked, memory ÷ empty", 1.1, lambda kind: full_over_empty(kind, "parked", "rss_mb"), most=True),
    *_both(
        "5", "parked, claim p99 ÷ empty", 1.5, lambda kind: full_over_empty(kind, "parked", "claim_p99_ms"), most=True
    ),
    *_both(
        "5", "ended runs, throughput ÷ none", 0.9, lambda kind: full_over_empty(kind, "ended", "transitions_per_s"),
        most=False,
    ),
    *_both("6", "due storm, new runs' p99 delay, ms", 2000, lambda kind: figure(kind, "storm", "start_p99_ms"),
           most=True),
]  # fmt: skip
