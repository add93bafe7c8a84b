"""Following what comes of a replay: a bar in a terminal, a line now and then anywhere else."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from overstap.app.replay_receipt import Receipt
from overstap.bootstrap import App

_LOOK_EVERY = 0.5  # seconds of the machine's time
_SILENT = 3
"""Heartbeats that a worker may miss before it counts as dead."""


def follow(app: App, out: Console, plan_id: str, *, quiet: bool) -> Receipt:
    """Wait until it is known of every run what came of its replay, or nothing moves any more.

    Args:
        quiet: show nothing meanwhile.
    """
    receipt = app.replays.receipt(plan_id)
    total, told = len(receipt.lines), -1
    live = out.is_terminal and not quiet
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, disable=not live) as progress:
        bar = progress.add_task("replayed", total=total)
        while not receipt.settled and (why := _still(app, receipt)) is None:
            known = total - len(receipt.under_way)
            progress.update(bar, completed=known)
            if not live and not quiet and known != told:
                out.file.write(f"{known} of {total} runs are known\n")
                told = known
            time.sleep(_LOOK_EVERY)
            receipt = app.replays.receipt(plan_id)
        progress.update(bar, completed=total - len(receipt.under_way))
    if not receipt.settled and not quiet:
        out.file.write(f"{why}\n")
    return receipt


def _still(app: App, receipt: Receipt) -> str | None:
    """Why nothing moves for now; None when something does, or may."""
    left = receipt.under_way
    show = f"`overstap replay show {receipt.plan.id}` tells later."
    if all(line.parked for line in left):
        return f"{len(left)} runs wait for their time, a signal or an answer. {show}"
    if not _alive(app):
        return f"No worker is running, so nothing moves: `overstap worker` starts one. {show}"
    return None


def _alive(app: App) -> bool:
    since = app.clock.now() - app.clock.stretch(_SILENT * app.settings.worker.heartbeat)
    return any(one.stopped_at is None and one.heartbeat_at >= since for one in app.fleet.workers())
