"""schemathesis over the whole OpenAPI document: `make fuzz` for minutes, a test for seconds.

    python tests/fuzzing.py [--examples N] [--seed N] [--database sqlite|postgresql]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transforms import deepclone
from schemathesis.engine import Status, events, from_schema

from api_stage import Stage, stage
from overstap.logs import configure_logs
from overstap.settings import LogSettings
from overstap.store.database import Database
from overstap.store.schema import upgrade_schema

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
)


@dataclass
class Found:
    """What came of it.

    Attributes:
        operations: how many requests each operation got, by its label.
        statuses: of the answers.
        failures: what was wrong, in words, each sort of it once per operation.
    """

    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    failures: dict[str, str] = field(default_factory=dict)


def fuzz(stage: Stage, document: dict[str, Any], **options: Any) -> Found:
    """Ask all that the document offers, as whoever may do everything, and see that each answer is declared."""
    config = SchemathesisConfig.from_dict(settings(**options))
    found = Found()
    with stage.served() as url:
        config.projects.default.update(base_url=f"{url}")
        schema = schemathesis.openapi.from_dict(document, config=config)
        config.projects.default.update(headers=stage.headers("everything"))
        for event in from_schema(schema).execute():
            _note(found, event)
    return found
