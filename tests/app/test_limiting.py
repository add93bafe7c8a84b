"""Limits in a whole worker: its threads ask no more at once than allowed, and without limits nothing is asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from overstap.bootstrap import App
from overstap.clock import Clock
from overstap.domain.change import PlanChange
from overstap.domain.locks import Guard
from overstap.entrypoints.cli.main import run
from overstap.errors import BadInput
from overstap.providers.embedded import Embedded
from overstap.settings import LimitSettings, ProviderLimit, Settings, WorkerSettings
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import sample_tenant

AT_ONCE = {"limits": {"providers": {"embedded": {"at_once": 2}}}}


class Counting(Embedded):
    """Counts the calls that are under way at once."""

    most = 0
    _now = 0
    _lock = threading.Lock()

    def execute(self, *arguments: Any, **more: Any) -> Any:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            return super().execute(*arguments, **more)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def work(database_url: str) -> Callable[..., App]:
    """Orders a change for each of so many tenants, and works it all off with these settings."""

    def work_off(tenants: int, **values: Any) -> App:
        settings = Settings(database_url=database_url, worker=WorkerSettings(threads=8, tick="50ms"), **values)
        app = App(settings, Database(database_url), make_provider=make_provider(settings))
        exports = [sample_tenant(f"tenant-{number}") for number in range(tenants)]
        app.provider.import_tenants(exports, app.clock.now())
        for one in exports:
            app.service.submit(PlanChange(one.id, one.subscriptions[0].id, "e3"))
        app.worker().run(until_idle=True)
        opened.append(app)
        return app

    opened: list[App] = []
    yield work_off
    for app in opened:
        app.close()


def make_provider(settings: Settings) -> Callable[[DatabaseBooks, Clock, Guard], Counting]:
    from overstap.app.catalog_file import load_catalog

    def make(books: DatabaseBooks, clock: Clock, guard: Guard) -> Counting:
        return Counting(books, load_catalog(settings.catalog), settings.embedded, clock, guard=guard)

    return make


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def see(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    from sqlalchemy.engine import Engine

    event.listen(Engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", see)


def test_the_threads_of_a_worker_ask_no_more_at_once_than_allowed(work: Callable[..., App]) -> None:
    app = work(8, **AT_ONCE)

    assert {"completed": 8} == app.runs.counts()
    assert app.provider.most <= 2  # type: ignore[attr-defined]
    assert app.verify().ok


def test_without_limits_no_statement_of_the_loop_is_about_them(work: Callable[..., App]) -> None:
    with statements() as seen:
        app = work(2)

    assert {"completed": 2} == app.runs.counts()
    about = [one for one in seen if "throttle" in one or "permit" in one or "waiting" in one]
    assert 1 == len(about), "only as it begins, a worker looks whether there was a limit once"


def test_a_limit_for_a_provider_that_nobody_reaches_is_refused(database_url: str) -> None:
    settings = Settings(database_url=database_url, limits=LimitSettings(providers={"graf": ProviderLimit(at_once=1)}))
    with App(settings, Database(database_url)) as app, pytest.raises(BadInput, match="there is embedded"):
        app.worker()


def test_a_run_that_waits_for_a_limit_says_so(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(
        database_url=database_url, limits=LimitSettings(providers={"embedded": ProviderLimit(rate="1/d")})
    )
    with App(settings, Database(database_url)) as app:
        exports = [sample_tenant(f"tenant-{number}") for number in range(2)]
        app.provider.import_tenants(exports, app.clock.now())
        changes = [PlanChange(one.id, one.subscriptions[0].id, "e3") for one in exports]
        run_ids = [app.service.submit(change)[0].run.id for change in changes]
        held = app.engine.claim("ann", 10)
        begins = [(claim, "check_preconditions") for claim in held]

        may, admission = app.gate.admit(begins, [])
        assert ([run_ids[0]], {run_ids[1]}) == ([claim.run.id for claim, _ in may], admission.waiting)

        waits = app.looking.look(run_ids[1], 10).waits
        assert waits is not None
        assert "embedded" == waits.provider
        assert app.looking.look(run_ids[0], 10).waits is None
        assert app.gate.anyone_waits()
        assert app.verify().ok
        assert 0 == run(["runs", "show", run_ids[1], "--database", database_url])
        assert "of all runs at the provider embedded" in capsys.readouterr().out
