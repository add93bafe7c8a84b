"""Orders that come at the same moment: one key is one run, one tenant has one change (rules.md J3, J7)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overstap.app.service import Service
from overstap.bootstrap import App, open_app
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.domain.tenant import Tenant
from overstap.errors import Conflict, NotFound
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.store.runs import ActiveChange
from overstap.testing import Driver

BAKERY = read_export(data_path("demo") / "bakkerij-de-vries")
CHANGE = PlanChange(BAKERY.id, BAKERY.subscriptions[0].id, "small-business-premium")
MANY = 40


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with open_app(Settings(database_url=database_url)) as opened:
        opened.service.import_tenants([BAKERY])
        yield opened


def all_at_once(submit: Callable[[int], Any]) -> list[Any]:
    """What each of the threads got: a run's id, or the error."""
    start = threading.Barrier(MANY)

    def one(number: int) -> Any:
        start.wait()
        try:
            return submit(number)[0].run.id
        except Exception as error:  # noqa: BLE001 - the test says which it may be
            return error

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(one, range(MANY)))


@pytest.mark.rule("J7")
def test_one_key_at_the_same_moment_is_one_run_for_all(app: App) -> None:
    got = all_at_once(lambda _: app.service.submit(CHANGE, key="monday"))

    (run_id,) = app.runs.all_ids()
    assert [run_id] * MANY == got


@pytest.mark.rule("J7")
def test_one_key_at_the_same_moment_is_new_for_one(app: App) -> None:
    new: list[bool] = []

    def submit(_: int) -> Any:
        stored, is_new = app.service.submit(CHANGE, key="monday")
        new.append(is_new)
        return stored, is_new

    all_at_once(submit)

    assert [False] * (MANY - 1) + [True] == sorted(new)


@pytest.mark.rule("J3")
def test_many_keys_at_the_same_moment_are_one_run_and_the_others_are_told_of_it(app: App) -> None:
    got = all_at_once(lambda number: app.service.submit(CHANGE, key=f"order {number}"))

    (run_id,) = app.runs.all_ids()
    errors = [one for one in got if one != run_id]
    assert [(ActiveChange, run_id)] * (MANY - 1) == [(type(error), getattr(error, "run_id", error)) for error in errors]


class Overtaken:
    """A provider that lets something happen before it tells its facts for the first time."""

    def __init__(self, provider: Any, meanwhile: Callable[[], None]) -> None:
        self._provider = provider
        self._meanwhile = [meanwhile]

    def tenant(self, tenant_id: str) -> Tenant:
        while self._meanwhile:
            self._meanwhile.pop()()
        facts: Tenant = self._provider.tenant(tenant_id)
        return facts


@pytest.fixture
def overtaken(database_url: str) -> Iterator[Callable[..., tuple[Service, list[str]]]]:
    """A service whose caller is overtaken by a submission under the key `monday`, and what that came to."""
    clock = VirtualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    with App(Settings(database_url=database_url), Database(database_url), clock=clock) as app:
        app.service.import_tenants([BAKERY])
        runs: list[str] = []

        def make(change: PlanChange, *, ends: bool) -> tuple[Service, list[str]]:
            def meanwhile() -> None:
                runs.append(app.service.submit(change, key="monday")[0].run.id)
                if ends:
                    Driver(app.engine, clock).run_for(timedelta(hours=1))

            late: Any = Overtaken(app.provider, meanwhile)
            return Service(app.runs, late, app.catalog, app.library, app.service._limits, clock), runs

        yield make


@pytest.mark.rule("J7")
@pytest.mark.parametrize("ends", [False, True], ids=["under way", "ended, its subscription closed"])
def test_who_is_overtaken_by_the_same_key_gets_its_run(overtaken: Callable[..., Any], ends: bool) -> None:
    service, runs = overtaken(CHANGE, ends=ends)

    stored, is_new = service.submit(CHANGE, key="monday")

    assert (runs, False) == ([stored.run.id], is_new)


@pytest.mark.rule("J7")
def test_who_is_overtaken_by_the_same_key_for_another_change_is_told_so(overtaken: Callable[..., Any]) -> None:
    service, runs = overtaken(CHANGE, ends=False)

    with pytest.raises(Conflict, match="used for another change") as refused:
        service.submit(replace(CHANGE, seats=20), key="monday")

    assert runs[0] in str(refused.value)


@pytest.mark.rule("J3")
def test_who_is_overtaken_by_another_key_is_told_why(overtaken: Callable[..., Any]) -> None:
    under_way, runs = overtaken(CHANGE, ends=False)

    with pytest.raises(ActiveChange) as refused:
        under_way.submit(CHANGE, key="tuesday")

    assert runs == [refused.value.run_id]


def test_who_comes_after_the_end_under_another_key_finds_the_subscription_gone(overtaken: Callable[..., Any]) -> None:
    ended, _ = overtaken(CHANGE, ends=True)

    with pytest.raises(NotFound, match="has no subscription"):
        ended.submit(CHANGE, key="tuesday")
