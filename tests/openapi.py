"""Writes docs/openapi.json: `make docs`. The document of the last release lies beside it; a release copies it there."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from overstap.bootstrap import open_app
from overstap.entrypoints.api import make_api
from overstap.entrypoints.api.make import document
from overstap.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"
DOCUMENT = DOCS / "openapi.json"
RELEASED = DOCS / "openapi.released.json"


def page() -> str:
    """The document as it is now."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_app(Settings(database_url=f"sqlite:///{folder}/openapi.db")) as app,
    ):
        return json.dumps(document(make_api(app)), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page(), encoding="utf-8")
