"""One worker process of several: told what to do by the supervisor's pipe, and gone when that closes."""

from __future__ import annotations

import os
import pickle
import sys
import threading

from overstap.bootstrap import open_app
from overstap.entrypoints.cli.daemon import StopSwitch, work
from overstap.entrypoints.cli.main import in_words
from overstap.logs import configure_logs


def main() -> int:
    """Work as the supervisor says.

    Returns:
        The exit code.
    """
    return in_words(_work)


def _work() -> int:
    # What comes in here was written by the process that started this one, and by nobody else.
    settings, until_idle = pickle.load(sys.stdin.buffer)  # noqa: S301
    configure_logs(settings.logs)
    with StopSwitch() as switch:
        threading.Thread(target=_stop_without_supervisor, args=(switch,), daemon=True).start()
        with open_app(settings, create=False) as app:
            work(app, switch, until_idle=until_idle)
    return 0


def _stop_without_supervisor(switch: StopSwitch) -> None:
    os.read(sys.stdin.fileno(), 1)  # comes back when the pipe closes: nobody writes to it any more
    switch.ask()


if __name__ == "__main__":
    sys.exit(main())
