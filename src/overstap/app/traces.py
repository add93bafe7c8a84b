"""Traces of what happens to runs and requests: nothing, until a collector is named; then OpenTelemetry.

One trace follows a run through all workers. Its id and that of its first span are made from the run's id, so nobody has
to keep or carry them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

import structlog

from overstap.clock import Clock
from overstap.domain.ports import Provider
from overstap.store.batch import Committed, Settlement
from overstap.store.database import Database
from overstap.store.runs import Runs
from overstap.workflow.decide import Decision
from overstap.workflow.outcome import Step
from overstap.workflow.priority import Priority
from overstap.workflow.run import Run

log = structlog.get_logger(__name__)

_NAMES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")

Answered = Callable[[str, int], None]
"""Told how a request was answered: the template of its route, and the status."""


def _ignore(_route: str, _status: int) -> None:
    pass


class Traces:
    """Traces that nobody wants: everything stays as it is."""

    def steps(self, steps: dict[str, Step]) -> dict[str, Step]:
        """The same steps, each of which makes a span when it is done."""
        return steps

    def provider(self, provider: Provider) -> Provider:
        """The same provider, each call of which makes a span when a step makes it."""
        return provider

    def submitted(self, run: Run) -> None:
        """A new run was written; the request that is being served, if any, led to it."""

    def committed(self, settlements: Sequence[Settlement], committed: Committed, took: float) -> None:
        """A batch was committed just now, within so many seconds."""

    def serving(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> AbstractContextManager[Answered]:
        """The block serves a request, and tells how it was answered.

        Args:
            headers: of the request, names in small letters; they may name the trace that it belongs to.
        """
        return nullcontext(_ignore)

    def close(self) -> None:
        """Send what has not been sent, and make no more spans."""


class TracedRuns(Runs):
    """Runs whose submission is told to the traces."""

    def __init__(self, database: Database, traces: Traces) -> None:
        super().__init__(database)
        self._traces = traces

    def insert(self, decision: Decision, key: str | None, priority: Priority = Priority.NORMAL) -> None:
        super().insert(decision, key, priority)
        self._traces.submitted(decision.run)


def open_traces(clock: Clock, environment: Mapping[str, str] = os.environ) -> Traces:
    """What the environment asks for: spans go to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, if it does.

    Args:
        clock: that runs are timed by.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or not any(environment.get(one) for one in _NAMES):
        return Traces()
    try:
        from overstap.app.telemetry import Telemetry, otlp  # noqa: PLC0415 - the extra may not be installed
    except ImportError as error:
        log.warning("traces_not_installed", missing=error.name, install="pip install 'overstap[traces]'")
        return Traces()
    return Telemetry(otlp(), clock)
