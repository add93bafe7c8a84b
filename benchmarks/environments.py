"""An environment of its own for each peer, and one for the plot: none of it is a dependency of the project.

    python benchmarks/environments.py [NAME ...]

makes those that are named, or all, under `var/bench/envs`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).parents[1] / "var" / "bench"
CONTENTS = {
    "absurd": ("absurd-sdk==0.5.1", "absurdctl==0.5.1", "psycopg[binary]==3.3.9"),
    "dbos": ("dbos==3.4.0", "psycopg[binary]==3.3.9"),
    "oban": ("oban==0.7.0", "psycopg[binary,pool]==3.3.9", "uvloop==0.23.0"),
    "pgqueuer": ("pgqueuer[asyncpg]==1.6.0", "psycopg[binary]==3.3.9", "uvloop==0.23.0"),
    "procrastinate": ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9", "uvloop==0.23.0"),
    "plot": ("matplotlib==3.11.2",),
}
"""What is installed where; a new release of a peer is measured by writing it here."""
NEEDS = {"oban": (3, 12)}


class NoEnvironment(Exception):
    """An environment cannot be made on this machine, and why."""


def interpreter(name: str) -> str:
    """The Python that an environment is made with: ours, unless its contents need a newer one.

    Raises:
        NoEnvironment: when there is none that is new enough; BENCH_PYTHON may name one.
    """
    needed = NEEDS.get(name, (3, 11))
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in (
        sys.executable,
        os.environ.get("BENCH_PYTHON"),
        *(shutil.which(f"python3.{minor}") for minor in (12, 13, 14)),
        *sorted(map(str, kept.glob("3.1[2-9]*/bin/python3"))),
    ):
        if candidate and _version(candidate) >= needed:
            return candidate
    raise NoEnvironment(f"{name} needs Python {'.'.join(map(str, needed))} or newer; name one in BENCH_PYTHON")


def _version(python: str) -> tuple[int, ...]:
    code = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    return tuple(map(int, done.stdout.split())) if done.returncode == 0 else (0,)


def python_of(name: str) -> str:
    """The Python of an environment, which is made first where it is not there.

    Raises:
        NoEnvironment: when it cannot be made.
    """
    home = HOME / "envs" / name
    python, note = home / "bin" / "python", home / ".contents"
    wanted = "\n".join(CONTENTS[name])
    if note.exists() and note.read_text(encoding="utf-8") == wanted:
        return str(python)
    print(f"making the environment of {name}", flush=True)
    _run(interpreter(name), "-m", "venv", "--clear", str(home))
    _run(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *CONTENTS[name])
    note.write_text(wanted, encoding="utf-8")
    return str(python)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)  # noqa: S603
    if done.returncode != 0:
        raise NoEnvironment(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
        sys.exit()
    for each in sys.argv[1:] or CONTENTS:
        print(each, python_of(each))
