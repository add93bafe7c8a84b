"""What follows plan changes as their customers do."""

from __future__ import annotations

from overstap.app.following import Following
from overstap.app.operators import Operators
from overstap.app.tasks import Tasks
from overstap.clock import Clock
from overstap.domain.locks import Guard
from overstap.store.database import Database
from overstap.store.history import History
from overstap.store.past import Past
from overstap.store.runs import Runs


def make_following(
    database: Database, runs: Runs, tasks: Tasks, operators: Operators, guard: Guard, clock: Clock
) -> Following:
    """What follows the plan changes of a database."""
    return Following(runs, History(database), Past(database), tasks, operators, guard, clock)
