"""The embedded provider: what its operations promise, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.domain.ports import CreditDecision, Move
from overstap.errors import Conflict, NotFound, ProviderRefused
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import TenantExport, read_export
from overstap.settings import EmbeddedSettings, TenantOverride
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import shipped_guard

CONFIG = Path(__file__).parents[2] / "config"
CATALOG = load_catalog(CONFIG / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LIMIT = timedelta(seconds=20)
E3 = CATALOG.plan("e3").sku


def exported(slug: str) -> TenantExport:
    return read_export(CONFIG / "demo" / slug)


DENTAL = exported("northwind-dental")
SOURCE = next(held for held in DENTAL.subscriptions if held.sku_part_number == "STANDARDPACK").id


class Office:
    """One tenant at an embedded provider, and an order of it that is spelt out once."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.books = DatabaseBooks(database)
        self.clock = VirtualClock(NOON)
        self.provider = Embedded(self.books, CATALOG, EmbeddedSettings(**settings), self.clock, guard=shipped_guard())
        self.provider.import_tenants([DENTAL], NOON)

    def do(self, operation: str, key: str, **request: Any) -> Any:
        request = {"tenant_id": DENTAL.id, **request}
        return self.provider.execute(operation, key, request, self.clock.now(), LIMIT)

    def order(self, key: str = "order", **more: Any) -> str:
        request = {
            "reference": "run",
            "subscription_id": SOURCE,
            "target_sku_id": E3.id,
            "target_sku_part_number": E3.part_number,
            "seats": 25,
            "payment_method": "card",
            "billing_frequency": "monthly",
            **more,
        }
        target: str = self.do("place_order", key, **request)["target_subscription_id"]
        return target

    def holders(self, subscription_id: str) -> list[str]:
        return list(self.provider.holders(DENTAL.id, subscription_id))

    def billed(self, subscription_id: str) -> bool:
        with self.books.reading() as books:
            return books.billed(DENTAL.id, subscription_id)

    def migrate(self, target: str) -> None:
        users = self.holders(SOURCE)
        self.do("move_users", "move", source=SOURCE, target=target, users=users)
        self.do("swap_licences", "swap", remove=SOURCE, add=target, users=users)


@pytest.fixture
def make_office(database: Database) -> Callable[..., Office]:
    return lambda **settings: Office(database, **settings)


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


def test_the_facts_are_those_of_the_export(office: Office) -> None:
    tenant = office.provider.tenant(DENTAL.id)
    source = tenant.subscription(SOURCE)
    assert source is not None
    assert (DENTAL.name, "en", len(DENTAL.users)) == (tenant.name, tenant.locale, tenant.users)
    assert ("e1", 25, 24) == (source.plan, source.seats, source.assigned)
    assert set(DENTAL.domains) == set(tenant.domains)
    assert set(DENTAL.admins) == set(tenant.admins)


def test_an_unknown_sku_is_kept_without_a_plan(office: Office) -> None:
    plans = {held.sku_part_number: held.plan for held in office.provider.tenant(DENTAL.id).subscriptions}
    assert "e1" == plans["STANDARDPACK"]
    assert None in plans.values()


def test_an_unknown_tenant_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound, match="There is no tenant 'nobody'"):
        office.provider.tenant("nobody")


@pytest.mark.rule("R18", "R19")
def test_an_order_makes_the_new_subscription_and_stops_the_old_billing(office: Office) -> None:
    target = office.order()
    bought = office.provider.tenant(DENTAL.id).subscription(target)
    assert bought is not None
    assert ("e3", 25, 0, True) == (bought.plan, bought.seats, bought.assigned, bought.provisioned)
    assert (False, False) == (office.billed(SOURCE), office.billed(target))


@pytest.mark.rule("J7")
def test_the_same_key_gives_the_first_answer_and_no_second_effect(office: Office) -> None:
    first = office.order()
    again = office.order()
    assert first == again
    bought = [held.id for held in office.provider.tenant(DENTAL.id).subscriptions if held.plan == "e3"]
    assert [first] == bought


@pytest.mark.rule("J7")
def test_a_key_cannot_be_used_for_something_else(office: Office) -> None:
    office.order()
    with pytest.raises(ProviderRefused, match="was used for another place_order"):
        office.order(seats=26)
    with pytest.raises(ProviderRefused, match="was used for another place_order"):
        office.do("restore_billing", "order", subscription_id=SOURCE)


@pytest.mark.rule("J2")
def test_a_refused_operation_leaves_nothing_behind(office: Office) -> None:
    with pytest.raises(ProviderRefused, match="needs 25 seats"):
        office.order(seats=24)
    assert office.provider.lookup("order", NOON) is None
    assert office.billed(SOURCE)


@pytest.mark.rule("J3")
def test_a_tenant_has_one_order_under_way(office: Office) -> None:
    office.order()
    with pytest.raises(ProviderRefused, match="under way"):
        office.order("another", reference="another run")


@pytest.mark.parametrize(
    ("operation", "request_", "reason"),
    [
        ("fly", {}, "no operation 'fly'"),
        ("start_billing", {}, "needs 'subscription_id'"),
        ("start_billing", {"subscription_id": "s"}, "has no subscription s"),
        ("start_billing", {"tenant_id": "nobody", "subscription_id": "s"}, "no tenant nobody"),
        ("swap_licences", {"remove": SOURCE, "add": "s", "users": []}, "no order under way"),
    ],
)
def test_what_makes_no_sense_is_refused(office: Office, operation: str, request_: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProviderRefused, match=reason):
        office.do(operation, "key", **request_)


@pytest.mark.rule("R14", "J2")
def test_a_swap_gives_and_takes_at_one_moment(office: Office, database: Database) -> None:
    target = office.order()
    users = office.holders(SOURCE)[:10]
    assert {"swapped": 10} == office.do("swap_licences", "swap", remove=SOURCE, add=target, users=users)
    assert users == office.holders(target)
    assert 14 == len(office.holders(SOURCE))
    with database.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT count(*) FROM embedded_assignment old JOIN embedded_assignment new "
            "ON old.user_id = new.user_id AND old.removed_at = new.assigned_at AND old.removed_by = new.assigned_by"
        )
        assert 10 == rows.scalar_one()


def test_a_swap_leaves_alone_who_has_no_old_licence(office: Office) -> None:
    target = office.order()
    users = office.holders(SOURCE)[:10]
    office.do("swap_licences", "swap", remove=SOURCE, add=target, users=users)
    assert {"swapped": 0} == office.do("swap_licences", "again", remove=SOURCE, add=target, users=[*users, "stranger"])
    assert users == office.holders(target)


def test_moves_are_at_once_when_they_take_no_time(office: Office) -> None:
    target = office.order()
    users = list(office.provider.users_to_move(DENTAL.id, SOURCE))
    assert 24 == len(users)
    answer = office.do("move_users", "move", source=SOURCE, target=target, users=users[:20])
    assert {"finished": True, "ready_at": None} == answer
    assert users[20:] == office.provider.users_to_move(DENTAL.id, SOURCE)
    assert users[:20] == office.provider.users_to_move(DENTAL.id, target)
    assert Move(finished=True, ready_at=None) == office.provider.move("move", NOON)


def test_a_move_that_takes_time_is_finished_when_its_time_has_come(make_office: Callable[..., Office]) -> None:
    office = make_office(tenants={DENTAL.id: TenantOverride(move_time=HOUR)})
    target = office.order()
    users = list(office.provider.users_to_move(DENTAL.id, SOURCE))
    answer = office.do("move_users", "move", source=SOURCE, target=target, users=users[:20])
    assert {"finished": False, "ready_at": (NOON + HOUR).isoformat()} == answer
    early = NOON + HOUR - timedelta(seconds=1)
    assert Move(finished=False, ready_at=NOON + HOUR) == office.provider.move("move", early)
    assert Move(finished=False, ready_at=NOON + HOUR) == office.provider.moves_under_way(DENTAL.id, target, early)
    assert users[20:] == office.provider.users_to_move(DENTAL.id, SOURCE)
    assert [] == list(office.provider.users_to_move(DENTAL.id, target))
    assert Move(finished=True, ready_at=None) == office.provider.move("move", NOON + HOUR)
    assert users[:20] == office.provider.users_to_move(DENTAL.id, target)
    assert Move(finished=True, ready_at=None) == office.provider.moves_under_way(DENTAL.id, target, NOON + HOUR)


@pytest.mark.parametrize(("cents_over", "approved"), [(0, True), (1, False)])
def test_the_bureau_answers_after_its_delay_from_the_limit(
    make_office: Callable[..., Office], cents_over: int, approved: bool
) -> None:
    office = make_office(credit_delay=HOUR)
    office.do("request_credit", "credit", order_id="o", monthly_cents=DENTAL.credit_limit + cents_over)
    decided_at = NOON + HOUR
    early = decided_at - timedelta(seconds=1)
    assert CreditDecision(None, decided_at) == office.provider.credit_decision("credit", early)
    assert CreditDecision(approved, decided_at) == office.provider.credit_decision("credit", decided_at)


def test_a_bureau_that_never_answers_leaves_it_to_a_signal(make_office: Callable[..., Office]) -> None:
    office = make_office(credit_answers="never")
    office.do("request_credit", "credit", order_id="o", monthly_cents=1)
    later = NOON + timedelta(days=365)
    assert CreditDecision(None, None) == office.provider.credit_decision("credit", later)


@pytest.mark.rule("J1")
def test_a_change_ends_with_only_the_new_subscription(office: Office) -> None:
    target = office.order()
    office.migrate(target)
    office.do("start_billing", "start", subscription_id=target)
    assert {"closed": True} == office.do("close_subscription", "close", subscription_id=SOURCE)
    tenant = office.provider.tenant(DENTAL.id)
    assert tenant.subscription(SOURCE) is None
    assert 24 == len(office.holders(target))
    assert (False, True) == (office.billed(SOURCE), office.billed(target))


@pytest.mark.rule("R19", "J1")
def test_billing_that_was_kept_goes_over_at_one_moment(office: Office) -> None:
    target = office.order(keep_old_billing=True)
    assert (True, False) == (office.billed(SOURCE), office.billed(target))
    office.do("start_billing", "start", subscription_id=target)
    assert (False, True) == (office.billed(SOURCE), office.billed(target))
    with pytest.raises(ProviderRefused, match="is not billed while"):
        office.do("restore_billing", "restore", subscription_id=SOURCE)


@pytest.mark.rule("J4")
def test_a_subscription_that_somebody_needs_stays_open(office: Office) -> None:
    target = office.order()
    with pytest.raises(ProviderRefused, match="24 users hold a licence"):
        office.do("close_subscription", "close", subscription_id=SOURCE)
    users = office.holders(SOURCE)
    office.do("swap_licences", "swap", remove=SOURCE, add=target, users=users)
    with pytest.raises(ProviderRefused, match="24 users are served by it"):
        office.do("close_subscription", "close", subscription_id=SOURCE)


@pytest.mark.rule("R39")
def test_the_way_back_restores_everything(office: Office) -> None:
    target = office.order()
    users = office.holders(SOURCE)
    office.migrate(target)
    order = office.do("withdraw_order", "withdraw", reference="run")
    assert target == order["target_subscription_id"]
    office.do("swap_licences", "swap back", remove=target, add=SOURCE, users=users)
    with pytest.raises(ProviderRefused, match="are served by it"):
        office.do("cancel_target", "cancel", order_id=order["order_id"])
    office.do("move_users", "move back", source=target, target=SOURCE, users=users)
    office.do("cancel_target", "cancel", order_id=order["order_id"])
    office.do("restore_billing", "restore", subscription_id=SOURCE)
    assert office.provider.tenant(DENTAL.id).subscription(target) is None
    assert users == office.holders(SOURCE)
    assert users == office.provider.users_to_move(DENTAL.id, SOURCE)
    assert (True, False) == (office.billed(SOURCE), office.billed(target))
    assert office.order("once more", reference="next run") != target


def test_nothing_goes_forward_once_an_order_is_called_off(office: Office) -> None:
    target = office.order()
    users = office.holders(SOURCE)
    with pytest.raises(ProviderRefused, match="is not called off"):
        office.do("swap_licences", "early", remove=target, add=SOURCE, users=users)
    office.do("withdraw_order", "withdraw", reference="run")
    for operation, request in (
        ("swap_licences", {"remove": SOURCE, "add": target, "users": users}),
        ("move_users", {"source": SOURCE, "target": target, "users": users}),
        ("start_billing", {"subscription_id": target}),
        ("close_subscription", {"subscription_id": SOURCE}),
    ):
        with pytest.raises(ProviderRefused, match="was called off"):
            office.do(operation, f"late {operation}", **request)


def test_an_order_that_comes_after_it_was_called_off_is_refused(office: Office) -> None:
    assert office.do("withdraw_order", "withdraw", reference="run")["order_id"] is None
    with pytest.raises(ProviderRefused, match="was called off"):
        office.order()
    assert office.billed(SOURCE)


def test_importing_again_updates(office: Office) -> None:
    renamed = replace(
        DENTAL,
        name="Northwind Dental Group",
        users=DENTAL.users[1:],
        assignments=tuple(pair for pair in DENTAL.assignments if pair[0] != DENTAL.users[0].id),
        subscriptions=tuple(
            replace(held, seats=30, status="Suspended") if held.id == SOURCE else held for held in DENTAL.subscriptions
        ),
    )
    tenant = office.provider.import_tenants([renamed], NOON + HOUR)[0]
    source = tenant.subscription(SOURCE)
    assert source is not None
    assert ("Northwind Dental Group", len(DENTAL.users) - 1) == (tenant.name, tenant.users)
    assert (30, "Suspended", False) == (source.seats, source.status, office.billed(SOURCE))
    assert DENTAL.users[0].id not in office.holders(SOURCE)


def test_importing_the_same_again_changes_nothing(office: Office) -> None:
    before = office.provider.tenants()
    office.provider.import_tenants([DENTAL], NOON + HOUR)
    assert before == office.provider.tenants()


def test_a_subscription_that_is_gone_from_the_export_is_closed(office: Office) -> None:
    rest = tuple(held for held in DENTAL.subscriptions if held.id != SOURCE)
    assignments = tuple(pair for pair in DENTAL.assignments if pair[1] != SOURCE)
    tenant = office.provider.import_tenants(
        [replace(DENTAL, subscriptions=rest, assignments=assignments)], NOON + HOUR
    )[0]
    assert tenant.subscription(SOURCE) is None
    assert ([], False) == (office.holders(SOURCE), office.billed(SOURCE))
    again = office.provider.import_tenants([DENTAL], NOON + 2 * HOUR)[0]
    assert again.subscription(SOURCE) is not None
    assert (24, True) == (len(office.holders(SOURCE)), office.billed(SOURCE))


def test_an_older_export_does_not_undo_a_change(office: Office) -> None:
    target = office.order()
    office.migrate(target)
    office.do("start_billing", "start", subscription_id=target)
    office.do("close_subscription", "close", subscription_id=SOURCE)
    before = office.provider.tenant(DENTAL.id)
    assert before == office.provider.import_tenants([DENTAL], NOON + HOUR)[0]
    assert (False, True) == (office.billed(SOURCE), office.billed(target))


def test_an_import_is_whole_or_not_at_all(office: Office) -> None:
    office.order()
    newcomer = exported("bakkerij-de-vries")
    with pytest.raises(Conflict, match="Northwind Dental has order"):
        office.provider.import_tenants([newcomer, DENTAL], NOON)
    assert [DENTAL.id] == [tenant.id for tenant in office.provider.tenants()]


def test_all_demo_tenants_are_taken_over_at_once(office: Office) -> None:
    folders = sorted(folder for folder in (CONFIG / "demo").iterdir() if folder.is_dir())
    exports = [read_export(folder) for folder in folders]
    facts = office.provider.import_tenants(exports, NOON)
    assert [export.id for export in exports] == [tenant.id for tenant in facts]
    assert sorted(tenant.name for tenant in facts) == sorted(tenant.name for tenant in office.provider.tenants())
