"""Several worker processes under one that starts them, replaces those that die, and stops them together."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from types import FrameType

import structlog

from overstap.settings import Settings

log = structlog.get_logger(__name__)

INTERRUPTED = 130
_PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds before a process that died is started anew; one more death at once, and there is no more trying."""
_AT_ONCE = 10.0
"""A process that lived for fewer seconds than this died at once."""
_MODULE = "overstap.entrypoints.cli.worker_process"


@dataclass(slots=True)
class _Place:
    """Where one worker process is, or is to be again.

    Attributes:
        deaths: how often in a row it died at once.
        again_at: when it is started anew, on the monotonic clock.
    """

    number: int
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float | None = None


@dataclass(frozen=True, slots=True)
class _Ended:
    place: _Place
    code: int


class Supervisor:
    """Keeps `worker.processes` worker processes alive; none of them outlives it for long, however it ends.

    Each one holds the reading end of a pipe that nobody else writes to: when that closes, its supervisor is gone.
    """

    def __init__(self, settings: Settings, *, until_idle: bool) -> None:
        self._settings = settings
        self._until_idle = until_idle
        self._places = [_Place(number) for number in range(1, settings.worker.processes + 1)]
        self._news: SimpleQueue[_Ended | int] = SimpleQueue()
        self._stopping = False
        self._interrupted = False
        self._worst = 0

    def run(self) -> int:
        """Start them all, and wait for their end.

        Returns:
            The worst exit code of those that were not replaced; 1 after giving up, 130 after a second signal.
        """
        with self._signals():
            now = time.monotonic()
            for place in self._places:
                place.again_at = now
            while self._start_what_is_due():
                with suppress(Empty):
                    match self._news.get(timeout=self._patience()):
                        case _Ended() as end:
                            self._on_end(end)
                        case number:
                            self._on_signal(number)
        return INTERRUPTED if self._interrupted else self._worst

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def take(number: int, _frame: FrameType | None) -> None:
            self._news.put(number)  # a handler must not meet a lock: this queue may be put into from one

        before = {number: signal.signal(number, take) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start_what_is_due(self) -> bool:
        """Start what is due; answers whether there is anything left to wait for."""
        now = time.monotonic()
        for place in self._places:
            if place.again_at is not None and place.again_at <= now:
                self._start(place)
        return any(place.process is not None or place.again_at is not None for place in self._places)

    def _patience(self) -> float | None:
        times = [place.again_at for place in self._places if place.again_at is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _start(self, place: _Place) -> None:
        place.again_at, place.started = None, time.monotonic()
        # A group of its own: Ctrl-C in a terminal reaches every process of the foreground group, and we pass it on.
        command = [sys.executable, "-m", _MODULE]
        place.process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)  # noqa: S603 - our own module
        log.info("worker_process_started", number=place.number, pid=place.process.pid)
        # The order goes by the pipe and not by the command line: it may hold the database's password.
        assert place.process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError):  # it died already; its end tells
            place.process.stdin.write(pickle.dumps((self._settings_of(place), self._until_idle)))
            place.process.stdin.flush()
        threading.Thread(target=self._wait, args=(place, place.process), daemon=True).start()

    def _settings_of(self, place: _Place) -> Settings:
        """The settings for one process: its metrics have a port of their own."""
        worker = self._settings.worker
        if not worker.metrics_port:
            return self._settings
        port = worker.metrics_port + place.number - 1
        return self._settings.model_copy(update={"worker": worker.model_copy(update={"metrics_port": port})})

    def _wait(self, place: _Place, process: subprocess.Popen[bytes]) -> None:
        self._news.put(_Ended(place, process.wait()))

    def _on_end(self, end: _Ended) -> None:
        place, now = end.place, time.monotonic()
        pid = place.process.pid if place.process is not None else None
        if place.process is not None and place.process.stdin is not None:
            with suppress(BrokenPipeError):
                place.process.stdin.close()
        place.process = None
        if self._stopping:
            told_too_early = end.code == -signal.SIGTERM  # it had claimed nothing yet
            self._worst = max(self._worst, 0 if told_too_early else _exit_code(end.code))
        elif self._until_idle and end.code == 0:
            log.info("worker_process_ended", number=place.number, pid=pid)
        else:
            place.deaths = place.deaths + 1 if now - place.started < _AT_ONCE else 1
            if place.deaths > len(_PAUSES):
                log.error("worker_process_given_up", number=place.number, code=end.code, deaths=place.deaths)
                self._worst = 1
                self._stop()
                return
            pause = _PAUSES[place.deaths - 1]
            place.again_at = now + pause
            log.warning("worker_process_died", number=place.number, pid=pid, code=end.code, again_in=pause)

    def _on_signal(self, number: int) -> None:
        if not self._stopping:
            log.info("worker_processes_stopping", signal=signal.Signals(number).name)
            self._stop()
            return
        self._interrupted = True
        for process in self._alive():
            process.kill()

    def _stop(self) -> None:
        self._stopping = True
        for place in self._places:
            place.again_at = None
        for process in self._alive():
            process.terminate()

    def _alive(self) -> list[subprocess.Popen[bytes]]:
        return [place.process for place in self._places if place.process is not None]


def _exit_code(code: int) -> int:
    """As a shell tells it: one that a signal ended has 128 and its number."""
    return code if code >= 0 else 128 - code
