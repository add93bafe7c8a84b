"""`overstap tenants import` while a run has the tenant to itself: refused, until the run has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.domain.tenant import PaymentMethod
from overstap.errors import Conflict
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import Driver
from overstap.workflow.run import Status

Cli = Callable[..., Any]

BAKERY = read_export(data_path("demo") / "bakkerij-de-vries")
HAIRDRESSER = read_export(data_path("demo") / "kapper-anna")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Office:
    """The application in virtual time, with a hand on its worker."""

    app: App
    clock: VirtualClock

    def order(self, payment: PaymentMethod) -> str:
        change = PlanChange(
            BAKERY.id, BAKERY.subscriptions[0].id, "small-business-premium", payment_method=payment
        )  # fmt: skip
        return self.app.service.submit(change)[0].run.id

    @property
    def driver(self) -> Driver:
        return Driver(self.app.engine, self.clock)

    def state(self, run_id: str) -> str:
        return self.app.service.run(run_id).run.state

    def order_is_open(self) -> bool:
        with DatabaseBooks(self.app.database).reading() as books:
            return books.order_under_way(BAKERY.id) is not None

    def until(self, is_so: Callable[[], bool]) -> None:
        """Do one step after the other, and look after each before it is committed."""
        claims: list[Any] = []
        for _ in range(100):
            if not claims and not (claims := self.app.engine.claim("hand", 1)):
                self.clock.advance(timedelta(seconds=30))
                continue
            settlement = self.driver._advance(claims[0])
            assert settlement is not None
            if is_so():
                return
            claims = self.app.engine.commit([settlement]).kept
        pytest.fail("it never came to that")

    def finish(self) -> None:
        """Let another worker take over, to the end."""
        self.driver.run_for(timedelta(days=1))


@pytest.fixture
def office(database_url: str) -> Iterator[Office]:
    clock = VirtualClock(NOON)
    with App(Settings(database_url=database_url), Database(database_url), clock=clock) as app:
        app.service.import_tenants([BAKERY])
        yield Office(app, clock)


def in_the_credit_check(office: Office) -> str:
    run_id = office.order(PaymentMethod.INVOICE)
    office.until(lambda: office.state(run_id) == "credit_check")
    return run_id


def rolled_back_but_for_its_end(office: Office) -> str:
    run_id = in_the_credit_check(office)
    office.app.service.signal(run_id, "cancel", reason="changed my mind")
    office.until(lambda: office.state(run_id) == "rolling_back" and not office.order_is_open())
    return run_id


def closed_but_for_its_end(office: Office) -> str:
    run_id = office.order(PaymentMethod.CARD)
    office.until(lambda: office.state(run_id) == "licenses_reassigned" and not office.order_is_open())
    return run_id


@pytest.mark.parametrize(
    ("reach", "state", "end"),
    [
        (in_the_credit_check, "credit_check", "completed"),
        (rolled_back_but_for_its_end, "rolling_back", "cancelled"),
        (closed_but_for_its_end, "licenses_reassigned", "completed"),
    ],
)
def test_a_tenant_that_a_run_locks_is_not_imported_and_none_of_the_others(
    bare: Cli, office: Office, database_url: str, reach: Callable[[Office], str], state: str, end: str
) -> None:
    run_id = reach(office)
    folders = [str(data_path("demo") / slug) for slug in ("kapper-anna", "bakkerij-de-vries")]
    before = office.app.service.tenants()

    said = bare("tenants", "import", *folders, "--database", database_url)

    assert (4, "") == (said.code, said.out)
    assert all(word in said.err for word in (BAKERY.name, BAKERY.id, run_id, state))
    assert before == office.app.service.tenants()

    office.finish()
    assert end == office.state(run_id)
    assert bare("tenants", "import", *folders, "--database", database_url).code == 0
    assert office.app.verify().ok


def test_a_tenant_whose_run_locks_nothing_yet_may_be_imported(office: Office) -> None:
    run_id = office.order(PaymentMethod.CARD)

    (after,) = office.app.service.import_tenants([replace(BAKERY, credit_limit=7)])

    office.finish()
    assert 7 == after.credit_limit
    assert ("completed", Status.ENDED) == (office.state(run_id), office.app.service.run(run_id).run.status)


def test_the_locks_are_read_while_the_tenant_is_held(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer from before the transaction could be out of date when the import begins."""
    order_of_events: list[str] = []
    ledger_lock, active = DatabaseBooks.transaction, office.app.runs.active

    def transaction(books: DatabaseBooks) -> Any:
        order_of_events.append("transaction")
        return ledger_lock(books)

    def look(tenant_id: str) -> Any:
        order_of_events.append("look")
        return active(tenant_id)

    monkeypatch.setattr(DatabaseBooks, "transaction", transaction)
    monkeypatch.setattr(office.app.runs, "active", look)

    office.app.service.import_tenants([BAKERY, HAIRDRESSER])

    assert ["transaction", "look", "look"] == order_of_events


def test_the_locks_of_others_do_not_matter(office: Office) -> None:
    run_id = in_the_credit_check(office)

    (imported,) = office.app.service.import_tenants([HAIRDRESSER])

    assert HAIRDRESSER.name == imported.name
    with pytest.raises(Conflict, match=run_id):
        office.app.service.import_tenants([BAKERY])
