"""One trace follows a run through all workers; without a collector there is none at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, StatusCode

from overstap.app.settling import Settler, Work
from overstap.app.telemetry import Telemetry, trace_of
from overstap.app.traces import Traces, open_traces
from overstap.bootstrap import App
from overstap.clock import Clock, SystemClock, VirtualClock
from overstap.domain.change import PlanChange
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant
from overstap.workflow.decide import Perform

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAILS = {"operation": "place_order", "kind": "fails", "times": 1}


class Traced:
    """An application whose spans are kept."""

    def __init__(self, url: str, clock: Clock, **settings: object) -> None:
        self._exporter = InMemorySpanExporter()
        traces = Telemetry(SimpleSpanProcessor(self._exporter), clock)
        self.app = App(Settings(database_url=url, **settings), Database(url), clock=clock, traces=traces)

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self._exporter.get_finished_spans()

    def submit(self, name: str = "acme") -> str:
        self.app.provider.import_tenants([sample_tenant(name)], START)
        return self.app.service.submit(PlanChange(name, f"{name}-e1", "e3"))[0].run.id

    def round(self, name: str) -> None:
        """Claim what is due, do one step of it, commit, and let it go."""
        engine = self.app.engine
        claims = engine.claim(name, 10)
        work = []
        for claim in claims:
            action = engine.action(claim, engine.clock.now())
            done = engine.perform(claim, action.step, engine.record) if isinstance(action, Perform) else None
            work.append(Work(claim, done))
        engine.claims.release(Settler(engine, impatient=lambda: True).settle(work).kept)


MakeTraced = Callable[..., Traced]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def traced(database_url: str, clock: VirtualClock) -> Iterator[MakeTraced]:
    made: list[Traced] = []

    def make(own_clock: Clock = clock, **settings: object) -> Traced:
        made.append(Traced(database_url, own_clock, **settings))
        return made[-1]

    yield make
    for one in made:
        one.app.close()


def named(spans: Sequence[ReadableSpan], name: str) -> list[ReadableSpan]:
    return [span for span in spans if span.name == name]


def test_two_workers_add_to_the_one_trace_of_a_run(traced: MakeTraced, clock: VirtualClock) -> None:
    first, second = traced(), traced()
    run_id = first.submit()

    workers = [first, second]
    while first.app.runs.get(run_id).run.ended_at is None:
        workers[0].round(f"worker {len(workers[0].spans)}")
        workers.reverse()
        clock.advance(timedelta(seconds=1))

    trace_id, root_id = trace_of(run_id)
    spans = [*first.spans, *second.spans]
    assert {trace_id} == {span.context.trace_id for span in spans}
    assert all(any(span.name.startswith("step ") for span in one.spans) for one in workers)
    (root,) = [span for span in spans if span.parent is None]
    assert ("run plan_change", root_id) == (root.name, root.context.span_id)
    assert (
        root.end_time - root.start_time
        == (clock.now() - timedelta(seconds=1) - START) // timedelta(microseconds=1) * 1000
    )
    inner = [span for span in spans if span.name.startswith(("step ", "commit", "submit"))]
    assert {root_id} == {span.parent.span_id for span in inner}
    assert len(named(spans, "commit")) == len([one for one in inner if one.name.startswith("step ")])


def test_what_a_step_asks_of_its_provider_lies_within_the_step(traced: MakeTraced) -> None:
    world = traced()
    run_id = world.submit()
    Driver(world.app.engine, world.app.clock).run_until_idle()  # type: ignore[arg-type]

    spans = {span.context.span_id: span for span in world.spans}
    calls = [span for span in spans.values() if span.kind is SpanKind.CLIENT]
    within = {(spans[span.parent.span_id].name, span.name) for span in calls}

    assert {("step place_order", "embedded place_order"), ("step move_users", "embedded move_users")} <= within
    assert {run_id} == {spans[span.parent.span_id].attributes["overstap.run"] for span in calls}
    assert not named(world.spans, "embedded import_tenants")


def test_steps_that_a_worker_does_at_once_keep_their_spans_apart(traced: MakeTraced) -> None:
    world = traced(SystemClock())
    runs = {world.submit(f"tenant-{number}") for number in range(12)}
    world.app.worker().run(until_idle=True)

    spans = {span.context.span_id: span for span in world.spans}
    keyed = [span for span in spans.values() if span.parent and "overstap.effect_key" in span.attributes]
    calls = [span for span in keyed if span.kind is SpanKind.CLIENT]
    assert runs == {span.attributes["overstap.effect_key"].partition(":")[0] for span in calls}
    for span in calls:
        step = spans[span.parent.span_id]
        assert step.attributes["overstap.effect_key"] == span.attributes["overstap.effect_key"]
        assert step.context.trace_id == span.context.trace_id
    assert len(runs) == len(named(world.spans, "run plan_change"))


def test_a_try_that_fails_is_a_span_that_failed(traced: MakeTraced, clock: VirtualClock) -> None:
    world = traced(embedded={"faults": [FAILS]})
    world.submit()
    Driver(world.app.engine, clock).run_for(timedelta(minutes=5))

    failed, done = named(world.spans, "step place_order")
    assert (StatusCode.ERROR, StatusCode.UNSET) == (failed.status.status_code, done.status.status_code)
    assert "done" == done.attributes["overstap.outcome"]
    assert "ProviderUnavailable" in failed.status.description
    assert [failed.context, done.context] == [one.parent for one in named(world.spans, "embedded place_order")]


def test_the_request_that_submits_a_run_and_its_trace_lead_to_each_other(traced: MakeTraced) -> None:
    world = traced()
    caller = (b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")
    with world.app.traces.serving("POST", [caller]) as answered:
        run_id = world.submit()
        answered("/api/v1/plan-changes", 201)

    (request,) = named(world.spans, "POST /api/v1/plan-changes")
    (submitted,) = named(world.spans, "submit")
    assert (int("a" * 32, 16), int("b" * 16, 16)) == (request.context.trace_id, request.parent.span_id)
    assert trace_of(run_id)[0] == submitted.context.trace_id
    assert [request.context] == [link.context for link in submitted.links]
    assert [submitted.context] == [link.context for link in request.links if isinstance(link, Link)]
    assert 201 == request.attributes["http.response.status_code"]


def test_every_worker_takes_the_same_traces_into_a_sample(traced: MakeTraced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    world = traced()
    runs = [str(number) for number in range(40)]

    def wanted(run_id: str) -> bool:
        return trace_of(run_id)[0] & (2**64 - 1) < 2**63

    for run_id in runs:
        with world.app.traces._ids.of(run_id):
            world.app.traces._tracer.start_span("run", None).end()
        world.app.traces._tracer.start_span("step", world.app.traces._inside(run_id)).end()

    chosen = [trace_of(run_id)[0] for run_id in runs if wanted(run_id)]
    assert 5 < len(chosen) < 35
    assert chosen == [span.context.trace_id for span in named(world.spans, "run")]
    assert chosen == [span.context.trace_id for span in named(world.spans, "step")]


@pytest.mark.parametrize(
    "environment",
    [{}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}],
)
def test_without_a_collector_nothing_is_traced(environment: dict[str, str]) -> None:
    traces = open_traces(SystemClock(), environment)
    steps, provider = {}, object()

    assert Traces is type(traces)
    assert steps is traces.steps(steps)  # the very steps: nothing is around them that could cost time
    assert provider is traces.provider(provider)  # type: ignore[arg-type]


def test_a_collector_that_is_named_gets_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = open_traces(SystemClock(), {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"})
    traces.close()

    assert Telemetry is type(traces)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "overstap.app.telemetry", None)
    with structlog.testing.capture_logs() as logged:
        traces = open_traces(SystemClock(), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})

    assert Traces is type(traces)
    assert ["pip install 'overstap[traces]'"] == [one["install"] for one in logged]
