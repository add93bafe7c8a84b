"""An application for a rehearsal: over an empty database, in a time of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from overstap.clock import Clock, VirtualClock
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.store.schema import upgrade_schema

A = TypeVar("A", covariant=True)  # noqa: PLC0105


class Wire(Protocol[A]):
    """Wires an application over a database, and closes it at the end of its block."""

    def __call__(self, settings: Settings, database: Database, *, clock: Clock) -> AbstractContextManager[A]:
        """An application."""


@contextmanager
def stage(settings: Settings, now: datetime, wire: Wire[A]) -> Iterator[tuple[A, VirtualClock]]:
    """An application over an empty database that is gone afterwards; its time begins now, and its provider is well."""
    with TemporaryDirectory(prefix="overstap-rehearsal-") as folder:
        database = Database(f"sqlite:///{Path(folder) / 'rehearsal.db'}")
        upgrade_schema(database)
        well = settings.embedded.model_copy(update={"faults": ()})
        copied = settings.model_copy(update={"embedded": well})
        clock = VirtualClock(now)
        with wire(copied, database, clock=clock) as app:
            yield app, clock
