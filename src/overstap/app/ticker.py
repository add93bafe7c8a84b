"""The metronome: APScheduler calls the worker now and then (design §4.2). It never holds truth, only a beat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from overstap.clock import SystemClock

_ALWAYS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Ticker:
    """Beats at fixed intervals, and sooner when that is asked for; everything in machine time."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=_ALWAYS)
        self._machine = SystemClock()

    def every(self, interval: timedelta, name: str, call: Callable[[], None]) -> None:
        """Call at every interval from now on."""
        seconds = interval.total_seconds()
        self._scheduler.add_job(call, "interval", seconds=seconds, id=name, replace_existing=True)

    def move(self, name: str, delay: timedelta) -> None:
        """Have the next beat of a name come after a delay, and the others at its interval from there on."""
        # Not a job of its own: the scheduler, stopped while it clears away a job that is over, dies with a traceback.
        self._scheduler.modify_job(name, next_run_time=self._machine.now() + delay)

    def start(self) -> None:
        """Begin to beat."""
        self._scheduler.start()

    def stop(self) -> None:
        """Beat no more; a call under way is not waited for."""
        self._scheduler.shutdown(wait=False)
