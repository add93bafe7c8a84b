"""What is different between two moments of a run, key by key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from overstap.workflow.run import Run

Path = tuple[str, ...]


class Absent(Enum):
    """Where there is no value, as opposed to None."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is different.

    Attributes:
        path: the field of the run, then the keys inside it.
        before: `ABSENT` when there was none.
        after: `ABSENT` when there is none any more.
    """

    path: Path
    before: Any
    after: Any


def flat(run: Run | None) -> dict[Path, Any]:
    """Every value of a run by its path; empty for a run that does not exist yet.

    Lists are values: they are compared whole. So is a mapping without keys.
    """
    if run is None:
        return {}
    return {path: value for one in fields(run) for path, value in _leaves((one.name,), getattr(run, one.name))}


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    if not isinstance(value, Mapping) or not value:
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves((*path, str(key)), inner)


def difference(before: Run | None, after: Run | None) -> tuple[Change, ...]:
    """What has to change in one run to make it the other; nothing when they are equal."""
    old, new = flat(before), flat(after)
    paths = {**old, **new}  # in the order of the fields, what is new behind
    pairs = ((path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths)
    return tuple(Change(path, was, now) for path, was, now in pairs if was is ABSENT or now is ABSENT or was != now)
