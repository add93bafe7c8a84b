"""Spans of runs and requests, by OpenTelemetry; the only module that knows it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from overstap import __version__
from overstap.app.crashing import is_crash, told
from overstap.app.traces import Answered, Traces
from overstap.clock import Clock, SystemClock
from overstap.domain.ports import CreditDecision, Move, Provider
from overstap.domain.tenant import Tenant
from overstap.store.batch import Committed, Settlement
from overstap.workflow.outcome import Outcome, Retry, Step, StepContext, Stop
from overstap.workflow.run import Run
from overstap.workflow.run import Status as RunStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAILED = 500
_Answer = TypeVar("_Answer")


def otlp() -> SpanProcessor:
    """Sends spans in batches by OTLP over HTTP, as the variables OTEL_… say."""
    return BatchSpanProcessor(OTLPSpanExporter())


def trace_of(run_id: str) -> tuple[int, int]:
    """The ids of a run's trace and of its first span."""
    digest = sha256(f"overstap.run:{run_id}".encode()).digest()
    return int.from_bytes(digest[:16]), int.from_bytes(digest[16:24])


class _Ids(RandomIdGenerator):
    """Random ids, but those that were laid ready by this thread for the first span of a run."""

    def __init__(self) -> None:
        self._ready = threading.local()

    @contextmanager
    def of(self, run_id: str) -> Iterator[None]:
        self._ready.ids = trace_of(run_id)
        try:
            yield
        finally:
            self._ready.ids = None

    def generate_trace_id(self) -> int:
        ids = getattr(self._ready, "ids", None)
        return super().generate_trace_id() if ids is None else int(ids[0])

    def generate_span_id(self) -> int:
        ids = getattr(self._ready, "ids", None)
        return super().generate_span_id() if ids is None else int(ids[1])


class Telemetry(Traces):
    """Makes spans.

    Args:
        processor: takes them.
        clock: that runs are timed by.
    """

    def __init__(self, processor: SpanProcessor, clock: Clock) -> None:
        ours = {"service.name": "overstap", "service.version": __version__}
        self._ids = _Ids()
        self._spans = TracerProvider(
            resource=Resource.create(ours).merge(OTELResourceDetector().detect()), id_generator=self._ids
        )
        self._spans.add_span_processor(processor)
        self._tracer = self._spans.get_tracer("overstap", __version__)
        self._clock = clock

    def steps(self, steps: dict[str, Step]) -> dict[str, Step]:
        return {name: replace(step, call=partial(self._do, step)) for name, step in steps.items()}

    def provider(self, provider: Provider) -> Provider:
        return _TracedProvider(provider, self._call)

    def submitted(self, run: Run) -> None:
        request = get_current_span()
        links = [Link(request.get_span_context())] if request.get_span_context().is_valid else []
        span = self._tracer.start_span("submit", self._inside(run.id), attributes=_about(run), links=links)
        request.add_link(span.get_span_context(), {"overstap.run": run.id})
        span.end()

    def committed(self, settlements: Sequence[Settlement], committed: Committed, took: float) -> None:
        ended = SystemClock().now()
        gone = {*committed.lost, *committed.failed, *(claim.run.id for claim in committed.overtaken)}
        for item in settlements:
            run = item.run
            if run.id in gone:
                continue
            span = self._tracer.start_span(
                "commit",
                self._inside(run.id),
                start_time=_nanoseconds(ended - timedelta(seconds=took)),
                attributes={
                    **_about(run),
                    "overstap.worker": item.claim.worker_id,
                    "overstap.seq": run.seq,
                    "overstap.status": run.status.value,
                    "overstap.entries": [entry.kind.value for entry in item.entries],
                },
            )
            span.end(_nanoseconds(ended))
            if run.status is RunStatus.ENDED:
                self._whole(run, ended)

    @contextmanager
    def serving(self, method: str, headers: Iterable[tuple[bytes, bytes]]) -> Iterator[Answered]:
        carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        parent = TraceContextTextMapPropagator().extract(carried, Context())
        span = self._tracer.start_span(method, parent, kind=SpanKind.SERVER, attributes={"http.request.method": method})

        def answered(route: str, status: int) -> None:
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "http.response.status_code": status})
            if status >= _FAILED:
                span.set_status(Status(StatusCode.ERROR))

        with use_span(span, end_on_exit=True, record_exception=False):
            yield answered

    def close(self) -> None:
        self._spans.shutdown()

    def _inside(self, run_id: str) -> Context:
        """Where the spans of a run belong; whether they are wanted is decided by the trace, so alike everywhere."""
        trace_id, span_id = trace_of(run_id)
        wanted = self._spans.sampler.should_sample(Context(), trace_id, "run").decision is Decision.RECORD_AND_SAMPLE
        flags = TraceFlags(TraceFlags.SAMPLED if wanted else TraceFlags.DEFAULT)
        first = SpanContext(trace_id, span_id, is_remote=True, trace_flags=flags)
        return set_span_in_context(NonRecordingSpan(first), Context())

    def _whole(self, run: Run, ended: datetime) -> None:
        """The first span of a run, once it has ended: from its order to its end, in machine time."""
        began = ended - self._clock.shrink((run.ended_at or run.updated_at) - run.created_at)
        with self._ids.of(run.id):
            span = self._tracer.start_span(
                f"run {run.workflow}",
                Context(),
                start_time=_nanoseconds(began),
                attributes={**_about(run), "overstap.version": run.version},
            )
        span.end(_nanoseconds(ended))

    def _do(self, step: Step, context: StepContext) -> Outcome:
        about = {
            "overstap.run": context.run_id,
            "overstap.tenant": context.tenant_id,
            "overstap.step": step.name,
            "overstap.effect_key": context.effect_key,
        }
        span = self._tracer.start_span(f"step {step.name}", self._inside(context.run_id), attributes=about)
        with _telling(span):
            outcome = step.call(context)
            span.set_attribute("overstap.outcome", type(outcome).__name__.lower())
            if isinstance(outcome, Retry | Stop):
                span.set_status(Status(StatusCode.ERROR, outcome.reason))
        return outcome

    def _call(self, name: str, call: Callable[[], _Answer], about: Mapping[str, str]) -> _Answer:
        if not get_current_span().get_span_context().is_valid:
            return call()
        with _telling(self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=dict(about))):
            return call()


@contextmanager
def _telling(span: Span) -> Iterator[None]:
    """The span lasts for the block, and says how that ended."""
    with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield
        except BaseException as error:
            if is_crash(error):
                span.set_status(Status(StatusCode.ERROR, told(error)))
            else:  # begun anew, or somebody else's
                span.set_attribute("overstap.dropped", value=True)
            raise


def _about(run: Run) -> dict[str, str]:
    return {
        "overstap.run": run.id,
        "overstap.tenant": run.tenant_id,
        "overstap.workflow": run.workflow,
        "overstap.state": run.state,
    }


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


class _TracedProvider:
    """A provider each call of which is told.

    Args:
        told: makes a call under a name, with attributes.
    """

    def __init__(self, provider: Provider, told: Callable[[str, Callable[[], Any], Mapping[str, str]], Any]) -> None:
        self._provider = provider
        self._told = told

    @property
    def name(self) -> str:
        return self._provider.name

    def execute(
        self, operation: str, key: str, request: Mapping[str, Any], now: datetime, limit: timedelta
    ) -> Mapping[str, Any]:
        about = {"overstap.operation": operation, "overstap.effect_key": key}
        call = partial(self._provider.execute, operation, key, request, now, limit)
        return self._tell(operation, call, about)

    def lookup(self, key: str, now: datetime) -> Mapping[str, Any] | None:
        return self._tell("lookup", partial(self._provider.lookup, key, now), {"overstap.effect_key": key})

    def tenant(self, tenant_id: str) -> Tenant:
        return self._tell("tenant", partial(self._provider.tenant, tenant_id))

    def holders(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        return self._tell("holders", partial(self._provider.holders, tenant_id, subscription_id))

    def users_to_move(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        return self._tell("users_to_move", partial(self._provider.users_to_move, tenant_id, subscription_id))

    def moves_under_way(self, tenant_id: str, subscription_id: str, now: datetime) -> Move:
        return self._tell("moves_under_way", partial(self._provider.moves_under_way, tenant_id, subscription_id, now))

    def move(self, key: str, now: datetime) -> Move:
        return self._tell("move", partial(self._provider.move, key, now), {"overstap.effect_key": key})

    def credit_decision(self, key: str, now: datetime) -> CreditDecision:
        call = partial(self._provider.credit_decision, key, now)
        return self._tell("credit_decision", call, {"overstap.effect_key": key})

    def _tell(self, what: str, call: Callable[[], _Answer], about: Mapping[str, str] | None = None) -> _Answer:
        name = self._provider.name
        answer: _Answer = self._told(f"{name} {what}", call, {"overstap.provider": name, **(about or {})})
        return answer
