"""Replays: what makes and carries out their plans, and what people look at them with."""

from __future__ import annotations

from overstap.app.finding import Search
from overstap.app.replay_planning import Planner
from overstap.app.replay_views import ReplayViews
from overstap.app.replaying import Replays
from overstap.clock import Clock
from overstap.domain.catalog import Catalog
from overstap.domain.ports import Provider
from overstap.settings import ReplaySettings
from overstap.steps import STEP_EVENTS
from overstap.store.database import Database
from overstap.store.replay_pages import PlanPages
from overstap.store.replays import PlanBook
from overstap.workflow.files import Library


def open_replays(
    database: Database,
    search: Search,
    provider: Provider,
    catalog: Catalog,
    library: Library,
    settings: ReplaySettings,
    clock: Clock,
) -> tuple[Replays, ReplayViews]:
    """Replays over a database."""
    book, planner = PlanBook(database), Planner(provider, catalog, library, STEP_EVENTS)
    views = ReplayViews(book, PlanPages(database), library, clock)
    return Replays(book, search, planner, library, settings, clock), views
