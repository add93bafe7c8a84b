"""The routes of the API, a module for each kind of thing; those of `AT_ROOT` have no prefix."""

from overstap.entrypoints.api.routes import (
    acts,
    audit,
    changes,
    events,
    fleet,
    health,
    licences,
    replays,
    runs,
    sign_in,
    tasks,
    tenants,
    tokens,
    webhooks,
    workflows,
)

ROUTERS = (
    tenants.router,
    licences.router,
    changes.router,
    runs.router,
    events.router,
    acts.router,
    replays.router,
    tasks.router,
    fleet.router,
    workflows.router,
    audit.router,
    webhooks.router,
    tokens.router,
    sign_in.router,
)
AT_ROOT = (health.router,)
