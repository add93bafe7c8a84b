"""Looks whether there is a database, without making one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError


def nothing_at(url: str) -> bool:
    """Whether a database URL names a file that is missing; `Database` would make its folder.

    Args:
        url: any text; what is no URL of a file is left for `Database` to judge.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        return False
    return parsed.get_backend_name() == "sqlite" and bool(parsed.database) and not Path(str(parsed.database)).exists()
