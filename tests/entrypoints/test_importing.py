"""`overstap tenants import` while a run has the tenant to itself: refused, until the run has ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.bootstrap import App
from overstap.clock import Clock, VirtualClock
from overstap.domain.books import Account
from overstap.domain.change import PlanChange
from overstap.domain.locks import ActiveRun, Guard
from overstap.domain.tenant import PaymentMethod
from overstap.errors import TenantLocked
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks, DatabaseLedger
from overstap.testing import Driver

Cli = Callable[..., Any]

BAKERY = read_export(data_path("demo") / "bakkerij-de-vries")
HAIRDRESSER = read_export(data_path("demo") / "kapper-anna")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
CREDIT_CHECK = pytest.mark.rule("R35", "J5")
MIGRATION = pytest.mark.rule("R17", "J5")


class Interrupted(Embedded):
    """A provider that lets something happen right after one of its operations, before the run knows its answer."""

    after: tuple[str, Callable[[], None]] | None = None

    def execute(self, operation: str, *arguments: Any) -> Any:
        answer = super().execute(operation, *arguments)
        if self.after is not None and self.after[0] == operation:
            self.after[1]()
        return answer


@dataclass
class Office:
    """The application in virtual time."""

    app: App
    clock: VirtualClock

    def order(self, payment: PaymentMethod = PaymentMethod.CARD) -> str:
        source = BAKERY.subscriptions[0].id
        change = PlanChange(BAKERY.id, source, "small-business-premium", payment_method=payment)
        return self.app.service.submit(change)[0].run.id

    def state(self, run_id: str) -> str:
        return self.app.service.run(run_id).run.state

    def work(self, time: timedelta = timedelta(0)) -> None:
        Driver(self.app.engine, self.clock).run_for(time)

    def interrupt(self, operation: str, meanwhile: Callable[[], None]) -> None:
        provider: Any = self.app.provider
        provider.after = (operation, meanwhile)


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    clock, settings = VirtualClock(NOON), Settings(database_url=database_url)

    def interrupted(books: DatabaseBooks, clock: Clock, guard: Guard) -> Embedded:
        return Interrupted(books, load_catalog(settings.catalog), settings.embedded, clock, guard=guard)

    with App(settings, Database(database_url), clock=clock, make_provider=interrupted) as app:
        app.service.import_tenants([BAKERY])
        yield Office(app, clock)


@pytest.mark.parametrize(
    ("operation", "state", "signal", "end"),
    [
        pytest.param("request_credit", "credit_check", "credit_approved", "completed", marks=CREDIT_CHECK),
        pytest.param("swap_licences", "migrating", "credit_approved", "completed", marks=MIGRATION),
        # No order is under way from here on.
        pytest.param("close_subscription", "licenses_reassigned", "credit_approved", "completed", marks=MIGRATION),
        ("cancel_target", "rolling_back", "cancel", "cancelled"),
        ("restore_billing", "rolling_back", "cancel", "cancelled"),
    ],
)
def test_a_tenant_that_a_run_locks_is_not_imported_nor_are_the_others(
    bare: Cli, office: Office, database_url: str, operation: str, state: str, signal: str, end: str
) -> None:
    folders = [str(data_path("demo") / slug) for slug in ("kapper-anna", "bakkerij-de-vries")]
    said: list[tuple[str, Any]] = []
    run_id = office.order(PaymentMethod.INVOICE)
    office.interrupt(
        operation,
        lambda: said.append((office.state(run_id), bare("tenants", "import", *folders, "--database", database_url))),
    )
    office.work()

    office.app.service.signal(run_id, signal, reason="the test says so")
    office.work(timedelta(days=1))

    ((found, answer),) = said
    assert (state, 4, "") == (found, answer.code, answer.out)
    assert all(word in answer.err for word in (BAKERY.name, BAKERY.id, run_id, state))
    assert [BAKERY.name] == [tenant.name for tenant in office.app.service.tenants()]
    assert end == office.state(run_id)
    assert bare("tenants", "import", *folders, "--database", database_url).code == 0
    assert office.app.verify().ok


def test_a_tenant_whose_run_locks_nothing_yet_may_be_imported(office: Office) -> None:
    run_id = office.order()

    (after,) = office.app.service.import_tenants([replace(BAKERY, credit_limit=7)])

    office.work(timedelta(days=1))
    assert (7, "completed") == (after.credit_limit, office.state(run_id))


def test_the_locks_are_read_while_every_tenant_is_held_and_all_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer from before could be out of date; runs held one by one could be held by a worker in another order."""
    order_of_events: list[str] = []
    put_account, active_runs = DatabaseLedger.put_account, DatabaseLedger.active_runs

    def put(ledger: DatabaseLedger, account: Account, at: datetime) -> None:
        put_account(ledger, account, at)
        order_of_events.append("held")

    def look(ledger: DatabaseLedger, tenant_ids: Collection[str]) -> dict[str, ActiveRun]:
        order_of_events.append(f"look at {len(tenant_ids)}")
        return active_runs(ledger, tenant_ids)

    monkeypatch.setattr(DatabaseLedger, "put_account", put)
    monkeypatch.setattr(DatabaseLedger, "active_runs", look)

    office.app.service.import_tenants([BAKERY, HAIRDRESSER])

    assert ["held", "held", "look at 2"] == order_of_events


@pytest.mark.rule("R35", "J5")
def test_the_locks_of_others_do_not_matter(office: Office) -> None:
    run_id = office.order(PaymentMethod.INVOICE)
    office.work()

    (imported,) = office.app.service.import_tenants([HAIRDRESSER])

    assert HAIRDRESSER.name == imported.name
    with pytest.raises(TenantLocked) as refused:
        office.app.service.import_tenants([BAKERY])
    assert ("commerce", run_id) == (refused.value.lock, refused.value.run_id)
