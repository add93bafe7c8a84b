"""What the faults of the embedded provider do to its callers, without waiting for any of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.errors import ProviderRefused, ProviderTimeout, ProviderUnavailable
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import read_export
from overstap.settings import EmbeddedSettings, Fault
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import shipped_guard

CONFIG = Path(__file__).parents[2] / "config"
CATALOG = load_catalog(CONFIG / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = timedelta(seconds=20)
BAKERY = read_export(CONFIG / "demo" / "bakkerij-de-vries")
OTHER = read_export(CONFIG / "demo" / "northwind-dental")


class Faulty:
    """A provider with faults in `notify`, that sleeps and works late only on paper."""

    def __init__(self, database: Database, *faults: Fault) -> None:
        self.slept: list[float] = []
        self.late: list[tuple[float, Callable[[], None]]] = []
        self.clock = VirtualClock(NOON)
        self.provider = Embedded(
            DatabaseBooks(database),
            CATALOG,
            EmbeddedSettings(faults=faults),
            self.clock,
            guard=shipped_guard(),
            sleep=self.slept.append,
            later=lambda seconds, work: self.late.append((seconds, work)),
        )
        self.provider.import_tenants([BAKERY, OTHER], NOON)

    def tell(self, key: str, tenant_id: str = BAKERY.id) -> Any:
        request = {"tenant_id": tenant_id, "run_id": "run", "text": "hello"}
        return self.provider.execute("notify", key, request, self.clock.now(), LIMIT)

    def done(self, key: str) -> bool:
        return self.provider.lookup(key, self.clock.now()) is not None


@pytest.fixture
def faulty(database: Database) -> Callable[..., Faulty]:
    def make(kind: str, **how: Any) -> Faulty:
        return Faulty(database, Fault(operation="notify", kind=kind, **how))

    return make


def test_slow_takes_its_time_and_works(faulty: Callable[..., Faulty]) -> None:
    office = faulty("slow", time=timedelta(seconds=5))
    office.tell("one")
    assert ([5.0], True) == (office.slept, office.done("one"))


def test_too_slow_does_nothing_within_the_limit(faulty: Callable[..., Faulty]) -> None:
    office = faulty("slow", time=timedelta(seconds=60))
    with pytest.raises(ProviderTimeout):
        office.tell("one")
    assert ([20.0], False) == (office.slept, office.done("one"))


def test_fails_says_no_so_many_times(faulty: Callable[..., Faulty]) -> None:
    office = faulty("fails", times=2)
    for _ in range(2):
        with pytest.raises(ProviderUnavailable):
            office.tell("one")
        assert not office.done("one")
    office.tell("one")
    assert office.done("one")


def test_fails_lasts_so_long_from_its_first_hit(faulty: Callable[..., Faulty]) -> None:
    office = faulty("fails", lasting=HOUR)
    office.clock.advance(HOUR)
    for wait in (timedelta(0), HOUR - timedelta(seconds=1)):
        office.clock.advance(wait)
        with pytest.raises(ProviderUnavailable):
            office.tell("one")
    office.clock.advance(timedelta(seconds=1))
    office.tell("one")
    assert office.done("one")


def test_hangs_never_does_it(faulty: Callable[..., Faulty]) -> None:
    office = faulty("hangs", times=1)
    with pytest.raises(ProviderTimeout):
        office.tell("one")
    assert ([20.0], False, []) == (office.slept, office.done("one"), office.late)


def test_late_does_it_after_the_caller_gave_up(faulty: Callable[..., Faulty]) -> None:
    office = faulty("late", times=1, time=timedelta(seconds=5))
    with pytest.raises(ProviderTimeout):
        office.tell("one")
    assert ([20.0], False) == (office.slept, office.done("one"))
    [(seconds, work)] = office.late
    work()
    assert (5.0, True) == (seconds, office.done("one"))


@pytest.mark.rule("J7")
def test_late_work_after_a_repeat_has_no_second_effect(faulty: Callable[..., Faulty], database: Database) -> None:
    office = faulty("late", times=1, time=timedelta(seconds=5))
    with pytest.raises(ProviderTimeout):
        office.tell("one")
    office.tell("one")
    office.late[0][1]()
    with database.read() as connection:
        assert 1 == connection.exec_driver_sql("SELECT count(*) FROM embedded_operation").scalar_one()


def test_late_work_that_is_refused_disturbs_nobody(database: Database) -> None:
    fault = Fault(operation="start_billing", kind="late", time=timedelta(seconds=5))
    office = Faulty(database, fault)
    with pytest.raises(ProviderTimeout):
        office.provider.execute("start_billing", "k", {"tenant_id": BAKERY.id, "subscription_id": "s"}, NOON, LIMIT)
    office.late[0][1]()
    assert not office.done("k")


def test_lost_does_it_and_its_answer_never_comes(faulty: Callable[..., Faulty]) -> None:
    office = faulty("lost")
    with pytest.raises(ProviderTimeout):
        office.tell("one")
    assert office.done("one")


def test_refuses_says_no_for_good(faulty: Callable[..., Faulty]) -> None:
    office = faulty("refuses")
    with pytest.raises(ProviderRefused):
        office.tell("one")
    assert not office.done("one")


def test_calls_before_and_after_the_hits_go_well(faulty: Callable[..., Faulty]) -> None:
    office = faulty("fails", after=2, times=1)
    office.tell("one")
    office.tell("two")
    with pytest.raises(ProviderUnavailable):
        office.tell("three")
    office.tell("three")
    assert all(office.done(key) for key in ("one", "two", "three"))


def test_a_fault_of_one_tenant_spares_the_others(faulty: Callable[..., Faulty]) -> None:
    office = faulty("fails", tenant=BAKERY.id)
    office.tell("other", OTHER.id)
    with pytest.raises(ProviderUnavailable):
        office.tell("own")


def test_two_providers_on_one_database_count_together(database: Database) -> None:
    fault = Fault(operation="notify", kind="fails", times=2)
    first, second = Faulty(database, fault), Faulty(database, fault)
    for office in (first, second):
        with pytest.raises(ProviderUnavailable):
            office.tell("one")
    first.tell("one")
    assert second.done("one")
