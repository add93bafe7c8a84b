"""Finding tenants, and what is under way in several of them; both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from overstap.bootstrap import App, open_app
from overstap.domain.change import PlanChange
from overstap.domain.locks import COMMERCE, LICENCE, PORTAL
from overstap.domain.supposing import Supposed
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path


@pytest.fixture
def app(database_url: str) -> Iterator[App]:
    with open_app(Settings(database_url=database_url)) as opened:
        slugs = ("bakkerij-de-vries", "kapper-anna", "northwind-dental")
        opened.service.import_tenants([read_export(data_path("demo") / slug) for slug in slugs])
        yield opened


def test_tenants_are_found_by_a_part_of_their_name_id_or_domain(app: App) -> None:
    bakery, barber, dental = app.service.tenants()
    own = next(one.name for one in dental.domains)

    assert [bakery] == app.service.tenants(text="VRIES")
    assert [barber] == app.service.tenants(text=barber.id[3:20].upper())
    assert [dental] == app.service.tenants(text=own[:-4].upper())
    assert [] == app.service.tenants(text="%")
    assert [barber] == app.service.tenants((bakery.name, bakery.id), 1, "a")


def test_what_is_under_way_and_locked_is_told_of_several_tenants_at_once(app: App) -> None:
    bakery, barber, _ = app.service.tenants()
    change = PlanChange(bakery.id, bakery.subscriptions[0].id, "e3", acknowledged=True)
    run = app.service.submit(change)[0].run
    with app.database.write() as connection:
        connection.execute(text("UPDATE run SET state = 'migrating'"))

    locked = app.portal.locked([bakery.id, barber.id])
    assert {COMMERCE, PORTAL, LICENCE} == locked[bakery.id][1]
    assert {bakery.id: app.portal.locks(bakery.id)} == locked
    assert run.id == locked[bakery.id][0].run_id
    assert {} == app.portal.locked([])


def test_a_supposition_is_compared_with_what_the_rules_say_now_and_changes_nothing(app: App) -> None:
    bakery = app.service.tenants()[0]
    change = PlanChange(bakery.id, bakery.subscriptions[0].id, "e3")

    compared = app.questions.what_if(change, Supposed(is_trial=True))
    assert compared.real.allowed
    assert ["trial"] == [one.code for one in compared.supposed.blockers]
    assert [bakery] == app.service.tenants()[:1]
    assert compared.real == app.questions.eligibility(change)
