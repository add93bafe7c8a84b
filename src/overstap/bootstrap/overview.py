"""What tells how everything stands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from overstap.app.finding import Search
from overstap.app.gauges import Dashboard
from overstap.app.overview import Overview
from overstap.app.service import Service
from overstap.app.trends import Trends
from overstap.clock import Clock
from overstap.settings import Settings
from overstap.store.database import Database
from overstap.store.gauges import GaugeBook
from overstap.store.places import Places
from overstap.store.trends import TrendBook
from overstap.workflow.files import Library


def make_dashboard(
    database: Database, settings: Settings, clock: Clock, late_after: Callable[[], timedelta]
) -> Dashboard:
    """What reads the gauges of a database.

    Args:
        late_after: asked for how long a worker may be silent.
    """
    return Dashboard(GaugeBook(database), clock, late_after=late_after, stuck_after=settings.operators.stuck_after)


def make_overview(database: Database, search: Search, service: Service, library: Library, clock: Clock) -> Overview:
    """What tells operators where runs are, which of them need somebody, and how the last hours went."""
    trends = Trends(TrendBook(database), library, clock)
    return Overview(Places(database), search, service, library, clock, trends)
