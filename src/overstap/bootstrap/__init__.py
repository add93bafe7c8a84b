"""The only place where objects are wired."""

from overstap.bootstrap.app import App
from overstap.bootstrap.opening import database_status, open_app, upgrade_database
from overstap.bootstrap.rules import make_guard
from overstap.store.schema import DatabaseStatus

__all__ = ["App", "DatabaseStatus", "database_status", "make_guard", "open_app", "upgrade_database"]
