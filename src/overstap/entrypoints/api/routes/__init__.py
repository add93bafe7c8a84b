"""The routes of the API, a module for each kind of thing; those of `AT_ROOT` have no prefix."""

from overstap.entrypoints.api.routes import (
    acts,
    audit,
    changes,
    fleet,
    health,
    licences,
    replays,
    runs,
    tasks,
    tenants,
    tokens,
    workflows,
)

ROUTERS = (
    tenants.router,
    licences.router,
    changes.router,
    runs.router,
    acts.router,
    replays.router,
    tasks.router,
    fleet.router,
    workflows.router,
    audit.router,
    tokens.router,
)
AT_ROOT = (health.router,)
