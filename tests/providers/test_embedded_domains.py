"""Custom domains go and come back, once, whatever happens in between (rules.md R49)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.errors import ProviderRefused
from overstap.providers.embedded import Embedded
from overstap.settings import EmbeddedSettings
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import sample_tenant, shipped_guard

CATALOG = load_catalog(Path(__file__).parents[2] / "config" / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMIT = timedelta(seconds=20)
INITIAL = "acme.onmicrosoft.example"
ALL = {"a.example": True, "b.example": False, INITIAL: False}

pytestmark = pytest.mark.rule("R49")


class Office:
    """A tenant with two custom domains, of which the first is the default."""

    def __init__(self, database: Database) -> None:
        books, clock = DatabaseBooks(database), VirtualClock(NOON)
        self.provider = Embedded(books, CATALOG, EmbeddedSettings(), clock, guard=shipped_guard())
        self.take_over("a.example", "b.example")

    def take_over(self, *domains: str) -> None:
        self.provider.import_tenants([sample_tenant("acme", domains=domains)], NOON)

    def do(self, operation: str, key: str = "", **request: Any) -> Any:
        values = {"tenant_id": "acme", "reference": "run", **request}
        return self.provider.execute(operation, key or operation, values, NOON, LIMIT)

    def domains(self) -> dict[str, bool]:
        return {domain.name: domain.default for domain in self.provider.tenant("acme").domains}


@pytest.fixture
def office(database: Database) -> Office:
    return Office(database)


def test_what_is_removed_comes_back_as_it_was(office: Office) -> None:
    removed = office.do("remove_domains", domains=["a.example", "b.example"])
    assert {INITIAL: True} == office.domains()

    added = office.do("add_domains")

    assert [{"name": "a.example", "default": True}, {"name": "b.example", "default": False}] == removed["domains"]
    assert ["a.example", "b.example"] == added["domains"]
    assert ALL == office.domains()


@pytest.mark.parametrize(("name", "left"), [("b.example", {"a.example": True, INITIAL: False}), (INITIAL, ALL)])
def test_only_custom_domains_that_are_named_go(office: Office, name: str, left: dict[str, bool]) -> None:
    office.do("remove_domains", domains=[name, "nobody's.example"])

    assert left == office.domains()


def test_the_same_key_again_changes_nothing(office: Office) -> None:
    for _ in range(2):
        office.do("remove_domains", domains=["a.example"])
        assert {"b.example": False, INITIAL: True} == office.domains()
    for _ in range(2):
        office.do("add_domains")
        assert ALL == office.domains()


def test_what_another_run_removed_stays_away(office: Office) -> None:
    office.do("remove_domains", domains=["a.example"])

    assert [] == office.do("add_domains", reference="another run")["domains"]
    assert {"b.example": False, INITIAL: True} == office.domains()


def test_nothing_comes_back_where_nothing_was_removed(office: Office) -> None:
    office.take_over("b.example")

    office.do("add_domains")

    assert {"b.example": True, INITIAL: False} == office.domains()


def test_what_came_back_by_an_import_stays_as_the_import_says(office: Office) -> None:
    office.do("remove_domains", domains=["a.example", "b.example"])
    office.take_over("c.example", "b.example")

    assert ["a.example"] == office.do("add_domains")["domains"]
    assert {"a.example": False, "b.example": False, "c.example": True, INITIAL: False} == office.domains()


def test_a_removal_that_comes_after_its_order_was_called_off_is_refused(office: Office) -> None:
    office.do("withdraw_order")

    with pytest.raises(ProviderRefused, match="was called off"):
        office.do("remove_domains", domains=["a.example"])

    assert ALL == office.domains()
