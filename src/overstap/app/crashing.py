"""What a step raises by itself, which is a failed attempt, and what goes through it to whoever has it done."""

from __future__ import annotations

import signal
import threading

from overstap.errors import ClaimLost


class NotHere(BaseException):
    """A step asked for an effect where nobody can write one down; no step may catch this."""


def is_crash(error: BaseException) -> bool:
    """Whether a step failed by itself, whatever it raised; else the error is meant for whoever has the step done."""
    if isinstance(error, KeyboardInterrupt):
        # Ctrl-C reaches the main thread alone, and only where nobody handles it; anywhere else a step raised this.
        default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        return not (default and threading.current_thread() is threading.main_thread())
    return not isinstance(error, (ClaimLost, NotHere))


def told(error: BaseException) -> str:
    """A crash for people, in a line or more."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a step's own error may be anything
        text = "it cannot be told"
    return f"{type(error).__name__}: {text}"
