"""The metronome: APScheduler calls the worker now and then (design §4.2). It never holds truth, only a beat."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from overstap.clock import SystemClock

_ALWAYS = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}


class Ticker:
    """Beats at fixed intervals, and once more at a moment that was asked for; everything in machine time."""

    def __init__(self) -> None:
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=_ALWAYS)
        self._machine = SystemClock()

    def every(self, interval: timedelta, name: str, call: Callable[[], None]) -> None:
        """Call at every interval from now on."""
        seconds = interval.total_seconds()
        self._scheduler.add_job(call, "interval", seconds=seconds, id=name, replace_existing=True)

    def once(self, delay: timedelta, name: str, call: Callable[[], None]) -> None:
        """Call once after a delay; a later wish under the same name replaces it."""
        moment = self._machine.now() + max(delay, timedelta(0))
        self._scheduler.add_job(call, "date", run_date=moment, id=name, replace_existing=True)

    def start(self) -> None:
        """Begin to beat."""
        self._scheduler.start()

    def stop(self) -> None:
        """Beat no more; a call under way is not waited for."""
        self._scheduler.shutdown(wait=False)
