"""Child processes that talk in lines of JSON, and that end when whoever started them does.

A child says what it has to say on its standard output, one object a line, and ends when its standard input closes.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
PATIENCE = 600.0
"""Seconds within which a child has to say what is waited for."""


class ChildFailed(Exception):
    """A child ended, or was silent for too long; with the end of what it wrote to its standard error."""


class Child:
    """One process of its own session, so that a Ctrl-C reaches only us and we end it by its id.

    Args:
        command: the arguments; the first one is the Python that runs them.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.command = list(command)
        self._errors: list[str] = []
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            self.command,
            cwd=HERE,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            if line.startswith("{"):
                self._said.put(json.loads(line))
        self._said.put(None)

    def _read_errors(self) -> None:
        for line in self.process.stderr or ():
            self._errors = [*self._errors[-30:], line]

    def hear(self, patience: float = PATIENCE) -> dict[str, Any]:
        """The next thing that it says.

        Raises:
            ChildFailed: when it ends or stays silent instead.
        """
        try:
            said = self._said.get(timeout=patience)
        except queue.Empty:
            raise ChildFailed(self._complaint(f"was silent for {patience:.0f} s")) from None
        if said is None:
            self.process.wait(timeout=10)
            self._readers[1].join(timeout=1)
            raise ChildFailed(self._complaint(f"ended with {self.process.returncode}"))
        return said

    def _complaint(self, what: str) -> str:
        return f"{' '.join(self.command[1:])} {what}\n{''.join(self._errors)}"

    def say(self, word: str) -> None:
        """Send it a line."""
        if self.process.stdin is not None:
            self.process.stdin.write(f"{word}\n")
            self.process.stdin.flush()

    def close(self, patience: float = 30.0) -> None:
        """Close its standard input and wait for its end; one that does not end is killed."""
        with suppress(subprocess.TimeoutExpired, BrokenPipeError):
            if self.process.stdin is not None:
                self.process.stdin.close()
            self.process.wait(timeout=patience)
        self.kill()

    def kill(self) -> None:
        """End it and whatever it started at once, as a power cut would."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=10)
        for reader in self._readers:
            reader.join(timeout=1)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        self.kill()


def ask(command: Sequence[str], environment: Mapping[str, str] | None = None, patience: float = PATIENCE) -> Any:
    """The one thing that a child says."""
    with Child(command, environment) as child:
        return child.hear(patience)


def tell(**said: Any) -> None:
    """In a child: say something to whoever started it."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def memory() -> dict[str, float]:
    """In a child: its resident memory now and at its most, in MB."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return {name: int(fields[field].split()[0]) / 1024 for name, field in (("rss_mb", "VmRSS"), ("peak_mb", "VmHWM"))}
