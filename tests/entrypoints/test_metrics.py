"""What those who watch over Overstap are told: metrics, whether it lives, whether it can take work."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

import runbook
from overstap.app import readiness
from overstap.app.principals import Role
from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.entrypoints.api import make_api
from overstap.errors import DatabaseUnavailable
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.testing import Driver, sample_tenant

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATIENCE = 30

Cli = Callable[..., object]
Metrics = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(START)


@pytest.fixture
def app(database_url: str, clock: VirtualClock) -> Iterator[App]:
    with App(Settings(database_url=database_url), Database(database_url), clock=clock) as opened:
        yield opened


@pytest.fixture
def api(app: App) -> FastAPI:
    return make_api(app)


Get = Callable[..., httpx.Response]


@pytest.fixture
def get(app: App, api: FastAPI) -> Get:
    """Asks the API, as somebody with these roles."""

    def ask(path: str, *roles: Role, **about: str) -> httpx.Response:
        headers = {}
        if roles:
            name = f"test {os.urandom(4).hex()}"
            _, secret = app.tokens.create(name, roles, actor="operator", reason="the test says so", **about)
            headers["authorization"] = f"Bearer {secret}"

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(send())

    return ask


def parsed(page: str) -> Metrics:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics[name, frozenset(labels.items())]


def order(app: App, name: str, *, payment: str = "card") -> str:
    app.provider.import_tenants([sample_tenant(name, payment=payment)], START)
    return app.service.submit(PlanChange(name, f"{name}-e1", "e3"))[0].run.id


def test_the_metrics_tell_what_there_is(app: App, clock: VirtualClock, get: Get) -> None:
    order(app, "acme")
    Driver(app.engine, clock).run_until_idle()
    for name in ("bakery", "circus"):
        order(app, name)
    app.fleet.register("w1", "host", 1, "1.0", START)
    app.engine.claim("w1", 1)
    clock.advance(2 * HOUR)  # long after the claim
    metrics = parsed(get("/metrics", Role.VIEWER).text)

    assert 1 == value(metrics, "overstap_database_up")
    assert 1 == value(metrics, "overstap_runs", workflow="plan_change", state="completed")
    assert 2 == value(metrics, "overstap_runs", workflow="plan_change", state="submitted")
    assert 2 == value(metrics, "overstap_due_runs", priority="normal")
    assert 7200 == value(metrics, "overstap_oldest_due_age_seconds", priority="normal")
    assert 0 == value(metrics, "overstap_oldest_due_age_seconds", priority="high")
    assert (0, 1) == tuple(value(metrics, "overstap_workers", standing=one) for one in ("alive", "late"))
    assert 1 == value(metrics, "overstap_claimed_runs", standing="late")
    assert (0, 0) == (value(metrics, "overstap_overdue_runs"), value(metrics, "overstap_waiting_deliveries"))


def test_the_metrics_tell_what_this_process_did(app: App, get: Get) -> None:
    order(app, "acme")
    app.worker().run(until_idle=True)
    metrics = parsed(get("/metrics", Role.VIEWER).text)

    steps = [entry.step for entry in app.runs.journal(app.runs.all_ids()[0]) if entry.step is not None]
    assert steps.count("move_users") == value(metrics, "overstap_step_duration_seconds_count", step="move_users") > 0
    assert value(metrics, "overstap_step_duration_seconds_sum", step="move_users") > 0
    assert value(metrics, "overstap_commit_duration_seconds_count") > 3
    assert value(metrics, "overstap_commit_parts_sum") >= len(steps)
    assert 1 <= value(metrics, "overstap_runs_claimed_total") <= 3
    counts = [value(metrics, "overstap_claim_duration_seconds_bucket", le=le) for le in ("0.0001", "1.0", "+Inf")]
    assert sorted(counts) == counts
    assert value(metrics, "overstap_claim_duration_seconds_count") == counts[-1]


def test_each_metric_says_by_its_name_what_it_is(app: App, get: Get) -> None:
    families = [
        one for one in text_string_to_metric_families(get("/metrics", Role.VIEWER).text) if "process" not in one.name
    ]

    assert len(families) > 20
    for family in families:
        assert family.name.startswith("overstap_"), family.name
        assert family.documentation.endswith("."), family.name
        timed = {"_duration", "_age"} & {part for part in ("_duration", "_age") if part in family.name}
        assert bool(timed) == family.name.endswith("_seconds"), family.name
        totals = {sample.name for sample in family.samples if sample.name.endswith("_total")}
        assert family.type != "counter" or totals or not family.samples, family.name


def test_requests_are_measured_by_the_template_of_their_route(app: App, get: Get) -> None:
    run_id = order(app, "acme")
    get(f"/api/v1/runs/{run_id}", Role.VIEWER)
    get("/api/v1/runs/X", Role.VIEWER)
    get("/nowhere")
    page = get("/metrics", Role.VIEWER).text

    def count(route: str, status: str) -> float:
        name = "overstap_http_request_duration_seconds_count"
        return value(parsed(page), name, method="GET", route=route, status=status)

    assert [1, 1] == [count("/api/v1/runs/{run_id}", status) for status in ("200", "404")]
    assert 1 == count("none", "404")
    assert run_id not in page


def test_metrics_are_for_the_staff_and_health_for_everybody(app: App, get: Get) -> None:
    order(app, "acme")

    assert [401, 200] == [get("/metrics").status_code, get("/metrics", Role.PLATFORM).status_code]
    assert 403 == get("/metrics", Role.TENANT_ADMIN, tenant_id="acme", upn="user0@acme.example").status_code
    assert [200, 200] == [get("/healthz").status_code, get("/readyz").status_code]


def test_without_workers_it_is_ready_and_says_so(app: App, get: Get) -> None:
    answer = get("/readyz").json()

    assert answer["ready"] is True
    assert {"ok": True} == answer["checks"]["database"]
    assert (True, "0010") == (answer["checks"]["migrations"]["ok"], answer["checks"]["migrations"]["revision"])
    assert {"ok": False, "alive": 0, "detail": "nobody carries runs on: start `overstap worker`"} == answer["checks"][
        "workers"
    ]


def test_a_worker_that_lives_is_seen(app: App, get: Get) -> None:
    app.fleet.register("w1", "host", 1, "1.0", START)

    assert {"ok": True, "alive": 1} == get("/readyz").json()["checks"]["workers"]


def test_a_schema_of_another_version_is_not_ready(app: App, get: Get) -> None:
    with app.database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0009'"))
    answer = get("/readyz")

    assert (503, False) == (answer.status_code, answer.json()["ready"])
    assert (True, False) == tuple(answer.json()["checks"][name]["ok"] for name in ("database", "migrations"))
    assert answer.json()["checks"]["migrations"]["detail"].startswith("the schema is older")


@pytest.fixture
def database_gone(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DatabaseUnavailable("the database postgresql://secret-host/x does not do its work")

    monkeypatch.setattr(readiness, "schema_status", gone)
    monkeypatch.setattr(app.dashboard._book, "read", gone)


@pytest.mark.usefixtures("database_gone")
def test_a_database_that_is_away_is_told_and_the_process_lives(get: Get) -> None:
    ready = get("/readyz")
    metrics = parsed(get("/metrics", Role.VIEWER).text)

    assert (503, 200) == (ready.status_code, get("/healthz").status_code)
    assert {"database": False, "migrations": None, "workers": None} == {
        name: check["ok"] for name, check in ready.json()["checks"].items()
    }
    assert "secret-host" not in ready.text
    assert 0 == value(metrics, "overstap_database_up")
    assert [] == [name for name, _ in metrics if name == "overstap_runs"]


def test_a_database_that_hangs_holds_up_nobody(app: App, get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, go_on = [], threading.Event()
    gave_up: list[Database] = []

    def hang(database: Database) -> None:
        looks.append(database)
        go_on.wait(PATIENCE)
        gave_up.append(database)
        raise DatabaseUnavailable("it was away")

    monkeypatch.setattr(readiness, "schema_status", hang)
    monkeypatch.setattr("overstap.entrypoints.api.routes.health.LIMIT_SECONDS", 0.2)
    try:
        answers = [get("/readyz"), get("/readyz")]
        assert [] == gave_up
    finally:
        go_on.set()

    assert [503, 503] == [answer.status_code for answer in answers]
    assert "does not answer within" in answers[0].json()["checks"]["database"]["detail"]
    assert [app.database] == looks  # the second asked for no look of its own


def test_health_needs_none_of_the_threads_that_wait_for_the_database(api: FastAPI, app: App) -> None:
    """With every thread taken, a liveness probe must not have the process killed."""
    go_on = threading.Event()

    async def ask() -> int:
        import anyio

        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test") as client:
            taken = asyncio.create_task(anyio.to_thread.run_sync(go_on.wait, PATIENCE))
            await asyncio.sleep(0)
            try:
                return (await asyncio.wait_for(client.get("/healthz"), 5)).status_code
            finally:
                go_on.set()
                await taken

    assert 200 == asyncio.run(ask())


def free_ports() -> int:
    """A port that is free, and so is the one after it."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return int(port)


def test_each_worker_process_shows_its_own_figures(sqlite_template: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/overstap.db"
    (tmp_path / "overstap.db").write_bytes(sqlite_template.read_bytes())
    port = free_ports()
    options = ["--metrics-port", str(port), "--processes", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "overstap", "worker", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OVERSTAP_DATABASE_URL": url},
    )
    try:
        assert process.stderr is not None
        shown = 0
        for line in process.stderr:
            shown += "metrics_shown" in line
            if shown == 2:
                break
        pages = []
        for number in (port, port + 1):
            with urllib.request.urlopen(f"http://127.0.0.1:{number}/metrics", timeout=PATIENCE) as page:
                pages.append(parsed(page.read().decode()))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)

    started = [value(page, "process_start_time_seconds") for page in pages]
    assert all(("overstap_claim_duration_seconds_count", frozenset()) in page for page in pages)
    assert all("overstap_runs" not in {name for name, _ in page} for page in pages)
    assert 2 == len(started)


def test_a_port_that_is_taken_is_told_in_a_sentence(cli: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = cli("worker", "--until-idle", "--metrics-port", str(port))

    assert 2 == said.code  # type: ignore[attr-defined]
    assert f"cannot show metrics on 127.0.0.1 port {port}: Address already in use" in said.err  # type: ignore[attr-defined]


_NAME = re.compile(r"\boverstap_[a-z_]+\b")


def test_the_runbook_tells_of_every_metric_and_of_no_other(app: App, get: Get) -> None:
    section = runbook.sections()["Watching over it"]
    table = {name for line in section.splitlines() if line.startswith("| `overstap_") for name in _NAME.findall(line)}
    shown = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in text_string_to_metric_families(get("/metrics", Role.VIEWER).text)
        if family.name.startswith("overstap_")
    }

    assert shown == table
    assert set() == set(_NAME.findall(section)) - shown
