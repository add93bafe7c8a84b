"""Writes into README.md what `overstap options` shows of each sample tenant: `make docs`."""

from __future__ import annotations

import re
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from overstap.entrypoints.cli.main import run
from overstap.providers.graph_export import read_export
from overstap.settings import data_path

README = Path(__file__).parents[1] / "README.md"
_BLOCK = re.compile(r"(?<=<!-- options, written by `make docs` -->\n```\n).*?(?=```\n)", re.DOTALL)


def said(*arguments: str) -> str:
    """What a command prints."""
    out = StringIO()
    with redirect_stdout(out):
        code = run(arguments)
    if code:
        raise SystemExit(f"overstap {' '.join(arguments)} ended with {code}")
    return out.getvalue()


def page() -> str:
    """README.md with the options as they are now."""
    folders = sorted(path for path in data_path("demo").iterdir() if path.is_dir())
    with tempfile.TemporaryDirectory() as folder:
        database = ("--database", f"sqlite:///{folder}/readme.db")
        said(*database, "tenants", "import", *map(str, folders))
        names = [read_export(path).name for path in folders]
        shown = [f"$ overstap options '{name}'\n{said(*database, 'options', name)}" for name in names]
    return _BLOCK.sub(lambda _: "\n".join(shown), README.read_text(encoding="utf-8"))


if __name__ == "__main__":
    README.write_text(page(), encoding="utf-8")
