"""The benchmark: our side beside the bare database, and with --peers beside other durable engines.

    python benchmarks/bench.py [--peers] [--quick] [--only WORD ...] [--repeat N]

plays each scenario so many times and appends a line of JSON per result to `var/bench/results.jsonl`; `report.py` makes
tables and a plot of these. PostgreSQL is a server of the benchmark's own with the settings in `ground.py`, on which all
sides are measured in turn; durability is on everywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

import environments
from children import ChildFailed
from ground import Ground, open_ground
from jobs import KINDS, PEERS, Group, Job, ours, with_peers
from stage import QUICK, Size, Stage

RESULTS = environments.HOME / "results.jsonl"
MOST_REPEATS = 26
SIZES = {one.name: type(one.default) for one in fields(Size) if one.name != "ended"}


def chosen(groups: list[Group], words: list[str]) -> Iterator[list[Job]]:
    """The jobs of each group in whose name, or the group's, one of the words is; all without a word."""
    for name, jobs in groups:
        if some := [job for job in jobs if not words or any(word in f"{name} {job.label}" for word in words)]:
            yield some


def play(jobs: list[Job], repeat: int, session: str, results: Path) -> list[str]:
    """Play the jobs of a group in turn, repetition by repetition; answers what failed."""
    failed = []
    for number in range(repeat):
        for job in jobs:
            began = time.monotonic()
            print(f"{datetime.now(UTC):%H:%M:%S} {number + 1}/{repeat} {job.label}: ", end="", flush=True)
            try:
                row = job.play(number)
            except ChildFailed as error:
                # A peer that breaks down is told of and left out; the others go on.
                failed.append(f"{job.label} failed")
                print(f"FAILED, {error}", flush=True)
                continue
            write(results, {"session": session, **job.key(), "repeat": number, **row})
            print(f"{in_short(row)} ({time.monotonic() - began:.0f} s)", flush=True)
    return failed


def write(results: Path, row: dict[str, Any]) -> None:
    """Append one line."""
    results.parent.mkdir(parents=True, exist_ok=True)
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def in_short(row: dict[str, Any]) -> str:
    """The figures of a row, as they are shown while it goes on."""
    return ", ".join(f"{name} {value:,.6g}" for name, value in row.items() if isinstance(value, int | float))


def machine(ground: Ground) -> dict[str, Any]:
    """What the figures were taken on."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    told = {"cores": os.cpu_count(), "memory_gb": round(pages / 2**30), "python": platform.python_version()}
    return {**told, "server": ground.describe(), "peers": environments.CONTENTS}


def one_size(text: str) -> tuple[str, float]:
    """A size and its number, as `--set` takes them."""
    name, _, number = text.partition("=")
    if name not in SIZES:
        raise argparse.ArgumentTypeError(f"{name} is no size; there are: {', '.join(SIZES)}")
    try:
        return name, SIZES[name](number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{name} takes a number, not {number!r}") from None


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", action="store_true", help="both sides in turn, in place of our own scenarios")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this peer; may be given again")
    parser.add_argument("--quick", action="store_true", help="everything very small: shows that it works, not how fast")
    parser.add_argument("--only", action="append", default=[], metavar="WORD", help="only what has this in its name")
    parser.add_argument("--database", action="append", choices=KINDS, help="only on this; may be given again")
    parser.add_argument("--repeat", type=int, help="how often everything is measured; default 5, with --quick 1")
    parser.add_argument("--ended", type=int, action="append", help="how many ended runs; may be given again")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=NUMBER", type=one_size,
                        help=f"another size; may be given again: {', '.join(SIZES)}")  # fmt: skip
    parser.add_argument("--server", help="URL of a database on a PostgreSQL to use in place of one of our own")
    parser.add_argument("--folder", type=Path, help="where databases are put; default: the temporary folder")
    parser.add_argument("--results", type=Path, default=RESULTS, help=f"default {RESULTS.relative_to(Path.cwd())}"
                        if RESULTS.is_relative_to(Path.cwd()) else None)  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list what would be measured, and end")
    given = parser.parse_args()
    if given.repeat is not None and not 1 <= given.repeat <= MOST_REPEATS:
        parser.error(f"--repeat takes 1 to {MOST_REPEATS}")
    return given


def size_of(given: argparse.Namespace) -> Size:
    """How much is done."""
    size = QUICK if given.quick else Size()
    told: dict[str, Any] = dict(given.set)
    return replace(size, **told, **({"ended": tuple(sorted(given.ended))} if given.ended else {}))


def main() -> None:
    """Measure."""
    given = arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    session = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    kinds = tuple(given.database or KINDS)
    with open_ground(given.server, given.folder) as ground:
        stage = Stage(ground, size_of(given))
        groups, missing = ours(stage, kinds), []
        if given.peers:
            groups, missing = with_peers(stage, kinds, tuple(given.peer or PEERS))
        some = list(chosen(groups, given.only))
        if given.list:
            print("\n".join(job.label for jobs in some for job in jobs))
            return
        if not some:
            sys.exit("nothing has that in its name; --list without --only says what there is")
        about = {"quick": given.quick, "size": asdict(stage.size), "missing": missing}
        write(given.results, {"session": session, "what": "machine", **machine(ground), **about})
        failed = []
        for jobs in some:
            failed += play(jobs, given.repeat or (1 if given.quick else 5), session, given.results)
            stage.forget()
    for line in [*missing, *failed]:
        print(line, file=sys.stderr)
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped")
