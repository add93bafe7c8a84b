"""Never are both billings of an order on, whatever is asked in whatever order (rules.md J1)."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overstap.app.catalog_file import load_catalog
from overstap.clock import VirtualClock
from overstap.errors import Conflict, ProviderRefused
from overstap.providers.embedded import Embedded
from overstap.providers.graph_export import read_export
from overstap.settings import EmbeddedSettings
from overstap.store import embedded_tables
from overstap.store.database import Database
from overstap.store.ledger import DatabaseBooks
from overstap.testing import shipped_guard

CONFIG = Path(__file__).parents[2] / "config"
CATALOG = load_catalog(CONFIG / "catalog.toml")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMIT = timedelta(seconds=20)
KAPPER = read_export(CONFIG / "demo" / "kapper-anna")
SOURCE = KAPPER.subscriptions[0].id
OPERATIONS = (
    "place_order",
    "move_users",
    "swap_licences",
    "move_back",
    "swap_back",
    "start_new",
    "restore_old",
    "start_old",
    "close_old",
    "withdraw",
    "cancel_target",
    "import",
)


@pytest.mark.rule("J1")
@settings(max_examples=60, deadline=None)
@given(keep=st.booleans(), operations=st.lists(st.sampled_from(OPERATIONS), min_size=8, max_size=30))
def test_never_are_both_billings_on(keep: bool, operations: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/books.db")
        embedded_tables.SQLModel.metadata.create_all(database.engine.execution_options(overstap_write=True))
        try:
            _play(database, ["place_order", *operations], keep=keep)
            _assert_never_both(database)
        finally:
            database.close()


def _play(database: Database, operations: list[str], *, keep: bool) -> None:
    provider = Embedded(DatabaseBooks(database), CATALOG, EmbeddedSettings(), VirtualClock(NOON), guard=shipped_guard())
    provider.import_tenants([KAPPER], NOON)
    users = [user.id for user in KAPPER.users]
    sku = CATALOG.plan("small-business-premium").sku
    order = {"order_id": "none", "target_subscription_id": "none"}
    run = 0
    for number, operation in zip(count(), operations, strict=False):
        now, target = NOON + timedelta(minutes=number + 1), order["target_subscription_id"]
        if operation == "place_order":
            run += 1
        requests = {
            "place_order": (
                "place_order",
                {
                    "reference": f"run {run}",
                    "subscription_id": SOURCE,
                    "target_sku_id": sku.id,
                    "target_sku_part_number": sku.part_number,
                    "seats": 3,
                    "payment_method": "card",
                    "billing_frequency": "monthly",
                    "keep_old_billing": keep,
                },
            ),
            "move_users": ("move_users", {"source": SOURCE, "target": target, "users": users}),
            "move_back": ("move_users", {"source": target, "target": SOURCE, "users": users}),
            "swap_licences": ("swap_licences", {"remove": SOURCE, "add": target, "users": users}),
            "swap_back": ("swap_licences", {"remove": target, "add": SOURCE, "users": users}),
            "start_new": ("start_billing", {"subscription_id": target}),
            "restore_old": ("restore_billing", {"subscription_id": SOURCE}),
            "start_old": ("start_billing", {"subscription_id": SOURCE}),
            "close_old": ("close_subscription", {"subscription_id": SOURCE}),
            "withdraw": ("withdraw_order", {"reference": f"run {run}"}),
            "cancel_target": ("cancel_target", {"order_id": order["order_id"]}),
        }
        with suppress(ProviderRefused, Conflict):
            if operation == "import":
                provider.import_tenants([KAPPER], now)
                continue
            name, request = requests[operation]
            answer = provider.execute(
                name, f"k{number}", {"tenant_id": KAPPER.id, **request}, now, timedelta(seconds=9)
            )
            if name == "place_order":
                order = dict(answer)


def _assert_never_both(database: Database) -> None:
    with database.read() as connection:
        both = connection.exec_driver_sql(
            "SELECT count(*) FROM embedded_order AS placed "
            "JOIN embedded_billing old ON old.subscription_id = placed.source_subscription_id "
            "JOIN embedded_billing new ON new.subscription_id = placed.target_subscription_id "
            "WHERE old.started_at < coalesce(new.ended_at, '9999') AND new.started_at < coalesce(old.ended_at, '9999')"
        )
        assert 0 == both.scalar_one()
