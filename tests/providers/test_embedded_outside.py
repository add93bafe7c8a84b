"""What admins ask of the embedded provider from outside a run: what each operation does, refuses and leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.domain.books import Operation
from overstap.errors import Conflict, NotFound, OverstapError, Refused
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import ExportedUser
from overstap.settings import EmbeddedSettings
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import sample_tenant, shipped_guard

CATALOG = load_catalog(Path(__file__).parents[2] / "config" / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
KNOWN = sample_tenant("acme", users=3, seats=4)
NEWCOMER = ExportedUser("acme-new", "New.Comer@acme.example", "New Comer", ())
EXPORT = replace(KNOWN, users=(*KNOWN.users, NEWCOMER, ExportedUser("acme-late", "late@acme.example", "Late", ())))


class Office:
    """One tenant: three users hold three of the four seats of `acme-e1`, two hold nothing."""

    def __init__(self, database: Database) -> None:
        self.books = DatabaseBooks(database)
        self.clock = VirtualClock(NOON)
        self.provider = Embedded(self.books, CATALOG, EmbeddedSettings(), self.clock, guard=shipped_guard())
        self.provider.import_tenants([EXPORT], NOON)

    def ask(self, operation: str, key: str = "key", *, by: str | None = None, **wish: Any) -> Any:
        asked = {"tenant_id": "acme", "actor": "operator", "reason": "why not", "acting_upn": by, **wish}
        return self.provider.request(operation, key, asked)

    def assign(self, *users: str, key: str = "key", to: str = "acme-e1", by: str | None = None) -> Any:
        return self.ask("assign_licences", key, by=by, subscription_id=to, users=list(users))

    def unassign(self, *users: str, key: str = "key") -> Any:
        return self.ask("unassign_licences", key, subscription_id="acme-e1", users=list(users))

    def buy(self, key: str = "key", *, payment: str = "card", seats: int = 2) -> str:
        sku = CATALOG.plan("k1").sku
        wish = {"sku_id": sku.id, "sku_part_number": sku.part_number, "seats": seats, "payment_method": payment}
        return str(self.ask("buy_subscription", key, billing_frequency="annual", **wish)["subscription_id"])

    def cancel(self, subscription_id: str, key: str = "key") -> Any:
        return self.ask("cancel_subscription", key, subscription_id=subscription_id)

    def holders(self, subscription_id: str = "acme-e1") -> list[str]:
        return list(self.provider.holders("acme", subscription_id))

    def residents(self, subscription_id: str = "acme-e1") -> list[str]:
        with self.books.reading() as books:
            return list(books.residents("acme", subscription_id))

    def billed(self, subscription_id: str) -> bool:
        with self.books.reading() as books:
            return books.billed("acme", subscription_id)

    def operation(self, key: str = "key") -> Operation | None:
        with self.books.reading() as books:
            return books.operation(f"outside:acme:{key}")

    def open_ones(self) -> list[str]:
        return [held.id for held in self.provider.tenant("acme").subscriptions]


@pytest.fixture
def office(database: Database) -> Iterator[Office]:
    return Office(database)


ALL = ["acme-0", "acme-1", "acme-2"]


@pytest.mark.parametrize("name", ["acme-new", "ACME-NEW", "new.comer@ACME.example"])
def test_a_user_is_given_a_licence_and_served_by_its_subscription(office: Office, name: str) -> None:
    answer = office.assign(name)

    assert (["acme-new"], []) == (answer["changed"], answer["unchanged"])
    assert [*ALL, "acme-new"] == office.holders() == office.residents()


def test_who_has_a_licence_already_keeps_it_and_takes_no_second_seat(office: Office) -> None:
    answer = office.assign("acme-0", "acme-new", "user0@acme.example")

    assert (["acme-new"], ["acme-0"]) == (answer["changed"], answer["unchanged"])
    assert [*ALL, "acme-new"] == office.holders()


def test_a_licence_is_taken_and_its_subscription_serves_the_user_no_longer(office: Office) -> None:
    answer = office.unassign("acme-0", "acme-new")

    assert (["acme-0"], ["acme-new"]) == (answer["changed"], answer["unchanged"])
    assert ["acme-1", "acme-2"] == office.holders() == office.residents()


def test_a_licence_that_was_taken_can_be_given_again(office: Office) -> None:
    office.unassign("acme-0")
    office.assign("acme-0", key="again")

    assert ALL == office.holders() == office.residents()


@pytest.mark.parametrize(
    ("wish", "error", "sentence"),
    [
        (lambda it: it.assign("acme-new", "acme-late"), Refused, "4 seats, 1 of them free: 1 too few"),
        (lambda it: it.assign("acme-new", "nobody", "no one"), NotFound, "Acme has no user nobody, no one"),
        (lambda it: it.unassign("acme-0", "nobody"), NotFound, "Acme has no user nobody"),
        (lambda it: it.assign("acme-new", to="other"), NotFound, "no subscription 'other'; it has acme-e1"),
        (lambda it: it.assign("acme-new", by="user1@acme.example"), Refused, "user1@acme.example is no admin"),
        (lambda it: it.cancel("acme-e1"), Refused, "while 3 users hold a licence.*licences unassign acme acme-e1"),
        (lambda it: it.cancel("other"), NotFound, "no subscription 'other'"),
    ],
)
def test_what_cannot_be_done_whole_is_not_done_at_all(
    office: Office, wish: Any, error: type[OverstapError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        wish(office)

    assert (ALL, ALL, None) == (office.holders(), office.residents(), office.operation())


def test_an_unknown_tenant_is_not_found(office: Office) -> None:
    with pytest.raises(NotFound, match="There is no tenant 'nobody'"):
        office.ask("assign_licences", tenant_id="nobody", subscription_id="acme-e1", users=["acme-0"])


def test_the_last_seat_of_many_is_found_to_be_missing_in_a_licence_conflict_too(office: Office) -> None:
    office.provider.import_tenants([replace(EXPORT, subscriptions=sample_tenant("acme", seats=2).subscriptions)], NOON)

    with pytest.raises(Refused, match="2 seats, 0 of them free: 1 too few"):
        office.assign("acme-new")


def test_an_admin_may_do_it_however_its_name_is_spelt(office: Office) -> None:
    office.assign("acme-new", by="USER0@acme.example")

    done = office.operation()
    assert done is not None
    assert ("USER0@acme.example", "why not") == (done.request["acting_upn"], done.request["reason"])


@pytest.mark.parametrize(("payment", "billed"), [("card", True), ("invoice", True), ("prepaid", False)])
def test_what_is_bought_is_there_at_once_and_billed_unless_it_is_paid_beforehand(
    office: Office, payment: str, billed: bool
) -> None:
    bought = office.buy(payment=payment)

    held = office.provider.tenant("acme").subscription(bought)
    assert held is not None
    assert ("k1", 2, 0, True, "annual") == (
        held.plan,
        held.seats,
        held.assigned,
        held.provisioned,
        held.billing_frequency,
    )
    assert billed == office.billed(bought)


@pytest.mark.rule("R9")
def test_more_seats_end_a_licence_conflict_and_leave_all_else_as_it_is(office: Office) -> None:
    office.assign("acme-new", key="four")
    with pytest.raises(Refused, match="1 too few"):
        office.assign("acme-late", key="five")
    before = office.provider.tenant("acme").subscription("acme-e1")
    assert before is not None

    office.ask("add_seats", subscription_id="acme-e1", seats=2)

    assert replace(before, seats=6) == office.provider.tenant("acme").subscription("acme-e1")
    assert ["acme-late"] == office.assign("acme-late", key="six")["changed"]
    assert {"seats": 6} == {"seats": office.ask("add_seats", subscription_id="acme-e1", seats=2)["seats"]}


def test_what_is_paid_beforehand_gets_no_more_seats(office: Office) -> None:
    bought = office.buy("buy", payment="prepaid")

    with pytest.raises(Refused, match="paid beforehand"):
        office.ask("add_seats", subscription_id=bought, seats=1)


def test_people_are_all_accounts_with_a_licence_or_without(office: Office) -> None:
    upns = [one.upn for one in office.provider.people("acme")]

    assert {"New.Comer@acme.example", "late@acme.example", "user0@acme.example"} <= set(upns)
    assert 5 == len(upns)
    with pytest.raises(NotFound, match="There is no tenant 'nobody'"):
        office.provider.people("nobody")


def test_what_nobody_holds_is_cancelled_and_billed_no_longer(office: Office) -> None:
    bought = office.buy("buy")
    office.clock.advance(HOUR)

    office.cancel(bought)

    assert (["acme-e1"], False) == (office.open_ones(), office.billed(bought))
    with pytest.raises(Refused, match="is closed since 2026-03-02 13:00:00 UTC"):
        office.cancel(bought, key="again")
    with pytest.raises(Refused, match="is closed since"):
        office.assign("acme-0", to=bought, key="late")


@pytest.mark.rule("J7")
def test_the_same_key_gives_the_first_answer_and_no_second_effect(office: Office) -> None:
    assert office.buy("monday") == office.buy("monday")
    assert 2 == len(office.open_ones())


@pytest.mark.rule("J7")
def test_a_key_of_another_wish_is_refused_and_one_of_another_tenant_is_not(office: Office) -> None:
    office.provider.import_tenants([sample_tenant("other")], NOON)
    office.buy("monday")

    with pytest.raises(Conflict, match="used for another buy_subscription"):
        office.buy("monday", seats=3)
    office.ask("unassign_licences", "monday", tenant_id="other", subscription_id="other-e1", users=["other-0"])


@pytest.mark.rule("J7")
def test_a_caller_s_key_is_never_that_of_a_run(office: Office) -> None:
    key = "01ABC:migrating:2:move_users"
    office.buy(key)

    assert office.provider.lookup(key, NOON) is None


def test_an_operation_is_dated_when_its_turn_has_come(office: Office) -> None:
    office.clock.advance(HOUR)
    office.assign("acme-new")

    done = office.operation()
    assert done is not None
    assert (NOON + HOUR, None) == (done.at, done.response["seen"])


def test_the_licences_of_a_tenant_are_listed_with_who_holds_them(office: Office) -> None:
    bought = office.buy("buy", seats=3)
    office.assign("acme-new", to=bought)

    listed = office.provider.licences("acme")

    told = {held.subscription.id: (held.free, [user.upn for user in held.users]) for held in listed}
    upns = [f"user{one}@acme.example" for one in range(3)]
    assert {"acme-e1": (1, upns), bought: (2, ["New.Comer@acme.example"])} == told


def test_what_was_bought_and_cancelled_here_outlives_an_import(office: Office) -> None:
    bought = office.buy("buy")
    office.assign("acme-new", to=bought, key="assign")
    office.unassign(*ALL, key="unassign")
    office.cancel("acme-e1", key="cancel")

    office.provider.import_tenants([EXPORT], NOON + HOUR)

    assert ([bought], ["acme-new"], False) == (office.open_ones(), office.holders(bought), office.billed("acme-e1"))
