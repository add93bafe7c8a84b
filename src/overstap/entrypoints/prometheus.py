"""Figures and gauges in the words of Prometheus; the only module that knows its client.

A name that ends in `_total` only grows, one with `_seconds` is in seconds. Ages and what is due go by the clock that
the database lives by, durations by the machine's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from overstap import __version__
from overstap.app.figures import Spread, WorkerFigures
from overstap.app.gauges import Backlog, Gauges
from overstap.errors import BadInput, DatabaseUnavailable

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Exposition:
    """What one process shows.

    Args:
        figures: of its own work.
        look: at the gauges of the database; None leaves them to others, so that nothing is counted twice.
    """

    def __init__(self, figures: WorkerFigures, look: Callable[[], Gauges] | None = None) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_WorkerCollector(figures))
        if look is not None:
            self.registry.register(_GaugeCollector(look))

    def text(self) -> bytes:
        """Everything as it is now, as `CONTENT_TYPE`."""
        return generate_latest(self.registry)


class Requests:
    """How long requests took, by the template of their route, their method and their status."""

    def __init__(self, exposition: Exposition) -> None:
        self._took = Histogram(
            "overstap_http_request_duration_seconds",
            "Time from a request's head to the end of its answer; of a live stream, as long as it lasts.",
            ["method", "route", "status"],
            buckets=_REQUEST_SECONDS,
            registry=exposition.registry,
        )

    def add(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        self._took.labels(method if method in _METHODS else "other", route, str(status)).observe(seconds)


@contextmanager
def exposed(exposition: Exposition, host: str, port: int) -> Iterator[int]:
    """Prometheus finds everything on a port of its own for as long as the block lasts; answers which.

    Args:
        port: 0 takes any that is free.

    Raises:
        BadInput: when it cannot listen there.
    """
    try:
        server, thread = start_http_server(port, host, exposition.registry)
    except OSError as error:
        raise BadInput(
            f"cannot show metrics on {host} port {port}: {error.strerror}; give --metrics-host or --metrics-port"
        ) from None
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _WorkerCollector(Collector):
    """The figures of this process."""

    def __init__(self, figures: WorkerFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        yield _info()
        yield _histogram("overstap_claim_duration_seconds", "Time that a look for due runs took.", figures.claims)
        yield CounterMetricFamily("overstap_runs_claimed", "Runs that this process has claimed.", figures.claimed)
        yield _histogram("overstap_commit_duration_seconds", "Time that a worker's commit took.", figures.commits)
        yield _histogram(
            "overstap_commit_parts", "Decisions and coming effects that one commit wrote together.", figures.parts
        )
        yield CounterMetricFamily(
            "overstap_decisions_lost", "Decisions that were dropped because the claim was lost.", figures.lost
        )
        took = HistogramMetricFamily(
            "overstap_step_duration_seconds",
            "Time that a step took, without waiting for its effect to be written down.",
            labels=["step"],
        )
        for step, spread in sorted(list(figures.steps.items())):  # noqa: C414 - the worker adds steps meanwhile
            _add(took, [step], spread)
        yield took
        retries = CounterMetricFamily("overstap_step_retries", "Tries of a step that failed.", labels=["step"])
        for step, count in sorted(list(figures.retries.items())):  # noqa: C414 - see above
            retries.add_metric([step], count)
        yield retries


class _GaugeCollector(Collector):
    """The gauges of the database, as they are when somebody asks."""

    def __init__(self, look: Callable[[], Gauges]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        try:
            gauges = self._look()
        except DatabaseUnavailable:
            yield _gauge("overstap_database_up", "Whether the database answers; the gauges are left out if not.", 0)
            return
        yield _gauge("overstap_database_up", "Whether the database answers; the gauges are left out if not.", 1)
        runs = GaugeMetricFamily("overstap_runs", "Runs, ended ones too.", labels=["workflow", "state"])
        for place, count in sorted(gauges.runs.items()):
            runs.add_metric(place, count)
        yield runs
        yield _gauge("overstap_retrying_runs", "Runs whose last try failed, and that are tried again.", gauges.retrying)
        yield _gauge("overstap_stuck_runs", "Runs that are stuck, as runs list --stuck has them.", gauges.stuck)
        yield _gauge("overstap_held_runs", "Runs that an operator holds.", gauges.held)
        due = GaugeMetricFamily("overstap_due_runs", "Runs that a worker could take now.", labels=["priority"])
        age = GaugeMetricFamily(
            "overstap_oldest_due_age_seconds", "How long the first of them has been due.", labels=["priority"]
        )
        for priority, backlog in gauges.due.items():
            due.add_metric([priority.value], backlog.count)
            age.add_metric([priority.value], _age(gauges, backlog))
        yield due
        yield age
        yield _gauge("overstap_overdue_runs", "Runs whose deadline has passed and nobody came.", gauges.overdue.count)
        yield _gauge(
            "overstap_oldest_overdue_age_seconds",
            "How long ago the first of these deadlines passed.",
            _age(gauges, gauges.overdue),
        )
        yield _gauge(
            "overstap_effects_unknown",
            "Calls that may or may not have been done, of runs whose last try failed.",
            gauges.effects_unknown,
        )
        workers = GaugeMetricFamily("overstap_workers", "Workers that ever ran here.", labels=["standing"])
        claims = GaugeMetricFamily("overstap_claimed_runs", "Runs that workers hold.", labels=["standing"])
        for standing, count in gauges.workers.items():
            workers.add_metric([standing.value], count)
            claims.add_metric([standing.value], gauges.claims[standing])
        yield workers
        yield claims
        yield CounterMetricFamily(
            "overstap_worker_steps", "Steps that all workers had done at their last heartbeats.", gauges.steps
        )
        yield _gauge(
            "overstap_waiting_deliveries", "Deliveries to webhooks that have not arrived.", gauges.deliveries.count
        )
        yield _gauge(
            "overstap_oldest_waiting_delivery_age_seconds",
            "How long the first of them has been waiting.",
            _age(gauges, gauges.deliveries),
        )
        yield _gauge("overstap_dead_deliveries", "Deliveries to webhooks that were given up.", gauges.dead_deliveries)


def _info() -> Metric:
    made = GaugeMetricFamily("overstap_build_info", "The version that runs here.", labels=["version"])
    made.add_metric([__version__], 1)
    return made


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value)


def _age(gauges: Gauges, backlog: Backlog) -> float:
    return 0.0 if backlog.oldest is None else max(0.0, (gauges.at - backlog.oldest).total_seconds())


def _histogram(name: str, about: str, spread: Spread) -> Metric:
    made = HistogramMetricFamily(name, about, labels=[])
    _add(made, [], spread)
    return made


def _add(family: HistogramMetricFamily, labels: list[str], spread: Spread) -> None:
    bounds = [*map(str, spread.bounds), "+Inf"]
    family.add_metric(labels, list(zip(bounds, accumulate(spread.counts), strict=True)), spread.total)
