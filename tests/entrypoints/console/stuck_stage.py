"""A database in which runs stick: their provider failed until a moment ago, and their next try is an hour away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import update

from overstap.bootstrap import App
from overstap.clock import VirtualClock
from overstap.domain.change import PlanChange
from overstap.providers.graph_export import read_export
from overstap.settings import Settings, data_path
from overstap.store.database import Database
from overstap.store.rows import RUN
from overstap.testing import Driver

FAULT = {"operation": "move_users", "kind": "fails", "lasting": "40m"}
_TRIES = 6
"""Failed tries in a row, by which a run counts as stuck."""
_LATER = timedelta(hours=1)
TARGETS = {"harbour-logistics": "e4", "lakeside-clinic": "e4", "northwind-dental": "e3",
           "bakkerij-de-vries": "small-business-premium"}  # fmt: skip


def stuck_database(folder: Path, template: Path, targets: Mapping[str, str] = TARGETS) -> tuple[str, dict[str, str]]:
    """An SQLite database with a run of each tenant that sticks on moving its users.

    Args:
        template: an empty one with the schema.

    Returns:
        Its URL, and the runs' ids by the tenants' slugs.
    """
    url = f"sqlite:///{folder / 'stuck.db'}"
    now = datetime.now(UTC)
    clock = VirtualClock(now - timedelta(minutes=5))
    values: dict[str, Any] = {"embedded": {"faults": [FAULT]}}
    shutil.copy(template, folder / "stuck.db")
    database = Database(url)
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
        with database.write() as connection:  # a slow machine takes minutes for the tests: nothing may pass by itself
            connection.execute(update(RUN).values(wake_at=_LATER + now, due_at=_LATER + now))
    return url, runs
