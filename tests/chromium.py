"""The system's Chromium, for tests and pictures; `python tests/chromium.py` installs it where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMED = "OVERSTAP_CHROMIUM"
_INSTALL = "apt-get install --yes chromium"
_SECONDS = 600.0


def chromium() -> str:
    """The system's Chromium; Debian's package is installed where it is missing and this user may.

    Raises:
        RuntimeError: saying in one line what to install, and why that could not be done.
    """
    found = os.environ.get(NAMED) or _found()
    if found is None:
        why = _install()
        found = _found()
        if found is None:
            raise RuntimeError(f"The browser tests need Chromium{why}: {_INSTALL} (as root), or name one in {NAMED}.")
    return found


def _found() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _install() -> str:
    """Install Debian's package if this user may; answers why that did not go, "" where it could not be tried."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return ""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    why = ""
    # Without fresh lists it may still be there to be had; with an old version in them it is not.
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        try:
            done = subprocess.run(
                ["apt-get", "--quiet", "--option", "DPkg::Lock::Timeout=120", *command],
                env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f", and apt-get {command[0]} did not end within {_SECONDS:g} s"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("E:")]
            why = f", and apt-get {command[0]} fails ({said[-1] if said else f'exit code {done.returncode}'})"
    return why


if __name__ == "__main__":
    try:
        chromium()
    except RuntimeError as error:
        sys.exit(str(error))
