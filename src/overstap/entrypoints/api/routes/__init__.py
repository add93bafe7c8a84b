"""The routes of the API, a module for each kind of thing."""

from overstap.entrypoints.api.routes import (
    acts,
    audit,
    changes,
    fleet,
    licences,
    replays,
    runs,
    sign_in,
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
    sign_in.router,
)
