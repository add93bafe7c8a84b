"""What is measured, in groups: the repetitions of one group take turns, so that its sides see the same machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import bare
import scenarios
from children import ask as ask_child
from environments import NoEnvironment, python_of
from ground import POSTGRESQL, SQLITE, path_with_tools
from results import INSIDE
from scenarios import Row
from stage import WORKERS, Stage

KINDS = (POSTGRESQL, SQLITE)
PEERS = ("absurd", "pgqueuer", "procrastinate", "oban", "dbos")
SLOW = ("dbos", "procrastinate")
OURS, BARE = "overstap", "bare"


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to measure once.

    Attributes:
        side: us, the bare database, or a peer.
        what: `drain`, `effects`, `latency`, …; with side, database and processes it names a series of results.
        play: answers the results; it gets the number of the repetition.
    """

    side: str
    what: str
    database: str
    processes: int
    play: Callable[[int], Row]

    @property
    def label(self) -> str:
        """What is shown while it is played."""
        return f"{self.side} {self.what} {self.database} x{self.processes}"

    def key(self) -> Row:
        """What names the series in a row of results."""
        return {"side": self.side, "what": self.what, "database": self.database, "processes": self.processes}


Group = tuple[str, list[Job]]


def once(play: Callable[..., Row], *arguments: Any, **named: Any) -> Callable[[int], Row]:
    """A job's `play` that does the same in every repetition."""
    return lambda _: play(*arguments, **named)


def ours(stage: Stage, kinds: tuple[str, ...] = KINDS) -> list[Group]:
    """Our side and the bare database."""
    groups: list[Group] = [("throughput", throughput(stage, kinds))]
    for kind in kinds:

        def one(what: str, play: Callable[[int], Row], kind: str = kind) -> Job:
            return Job(OURS, what, kind, WORKERS, play)

        held = [one("held snapshot", once(scenarios.drain, stage, kind, WORKERS, held=True))]
        groups += [
            ("snapshot", [one("drain", once(scenarios.drain, stage, kind, WORKERS)), *held]),
            ("recovery", [one("recovery", once(scenarios.recovery, stage, kind))]),
            ("parked", [one(f"parked {n}", once(scenarios.parked, stage, kind, n)) for n in (0, stage.size.parked)]),
            ("storm", [one("storm", once(scenarios.storm, stage, kind))]),
            ("ended", [one(f"ended {n}", partial(scenarios.with_ended, stage, kind, n)) for n in stage.size.ended]),
        ]
    return groups


def throughput(stage: Stage, kinds: tuple[str, ...] = KINDS) -> list[Job]:
    """Ours and the bare database's side of what peers are measured by too."""
    jobs = []
    for kind in kinds:
        for processes in range(1, WORKERS + 1):
            jobs += [
                Job(BARE, "batches", kind, processes, once(bare_rate, stage, kind, processes, bare.BATCHED)),
                Job(OURS, "drain", kind, processes, once(scenarios.drain, stage, kind, processes)),
                Job(OURS, "effects", kind, processes, once(scenarios.drain, stage, kind, processes, effects=True)),
            ]
        jobs += [
            Job(BARE, "one by one", kind, 1, once(bare_rate, stage, kind, 1, bare.SINGLE)),
            Job(OURS, "latency", kind, 1, once(scenarios.latency, stage, kind)),
            Job(OURS, INSIDE, kind, 1, once(scenarios.latency_inside, stage, kind)),
        ]
    return jobs


def with_peers(
    stage: Stage, kinds: tuple[str, ...] = KINDS, names: tuple[str, ...] = PEERS
) -> tuple[list[Group], list[str]]:
    """Both sides in one group, and why some peer is not there."""
    jobs, missing = throughput(stage, kinds), []
    for name in names:
        try:
            python = python_of(name)
        except NoEnvironment as error:
            missing.append(f"{name} is not measured: {error}")
            continue
        for kind in kinds if name == "dbos" else [kind for kind in kinds if kind == POSTGRESQL]:
            jobs += peer(stage, name, python, kind)
    return [("peers", jobs)], missing


def peer(stage: Stage, name: str, python: str, kind: str) -> list[Job]:
    """A peer's side."""
    runs = stage.size.slow_peer_runs if name in SLOW else stage.size.peer_runs
    jobs = [Job(name, "latency", kind, 1, once(ask_peer, stage, python, name, kind, "latency", stage.size.samples))]
    for processes in range(1, WORKERS + 1):
        for what in ("drain", "effects"):
            play = once(ask_peer, stage, python, name, kind, what, runs, processes)
            jobs.append(Job(name, what, kind, processes, play))
    return jobs


def ask_peer(stage: Stage, python: str, name: str, kind: str, what: str, *counts: int) -> Row:
    """What a peer's module answers, run in its own environment over a fresh database."""
    url = stage.ground.fresh(kind)
    command = [python, "-m", f"peers.{name}", what, url, *map(str, counts)]
    row: Row = ask_child(command, {"PATH": path_with_tools()}, patience=400)
    stage.ground.drop(url)
    if "transitions_per_s" in row:
        row["runs_per_s"] = row["transitions_per_s"] / scenarios.ours.TRANSITIONS
    return row


def bare_rate(stage: Stage, kind: str, processes: int, batch: int) -> Row:
    """The bare database's rate on a fresh database."""
    url = stage.ground.fresh(kind)
    row = bare.rate(url, processes, batch, stage.size.bare_seconds)
    stage.ground.drop(url)
    return row
