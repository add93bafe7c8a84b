"""A database in which runs stick: their provider failed until a moment ago, and their next try is minutes away."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.store.schema import upgrade_schema
from overstap.testing import Driver

FAULT = {"operation": "move_users", "kind": "fails", "lasting": "40m"}
_TRIES = 9
"""So many failed tries in a row are five minutes, less a fifth, from the next one."""
TARGETS = {"harbour-logistics": "e4", "lakeside-clinic": "e4", "northwind-dental": "e3",
           "bakkerij-de-vries": "small-business-premium"}  # fmt: skip


def stuck_database(folder: Path, targets: Mapping[str, str] = TARGETS) -> tuple[str, dict[str, str]]:
    """A fresh SQLite database with a run of each tenant that sticks on moving its users.

    Returns:
        Its URL, and the runs' ids by the tenants' slugs.
    """
    url = f"sqlite:///{folder / 'stuck.db'}"
    now = datetime.now(UTC)
    clock = VirtualClock(now - timedelta(minutes=9, seconds=30))
    values: dict[str, Any] = {"embedded": {"faults": [FAULT]}}
    database = Database(url)
    upgrade_schema(database)
    with App(Settings(database_url=url, **values), database, clock=clock) as app:
        made = app.service.import_tenants([read_export(data_path("demo") / slug) for slug in targets])
        runs = {}
        for slug, tenant in zip(targets, made, strict=True):
            change = PlanChange(tenant.id, tenant.subscriptions[0].id, targets[slug])
            runs[slug] = app.service.submit(change)[0].run.id
        driver = Driver(app.engine, clock)
        while any(app.service.run(one).run.attempt < _TRIES for one in runs.values()):
            driver.run_until_idle()
            due = app.engine.claims.next_due(clock.now())
            assert due is not None
            clock.advance_to(due)
    return url, runs
