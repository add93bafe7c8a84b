"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import (
    audit,
    catalog,
    overview,
    replay_new,
    replay_plan,
    replays,
    rules,
    run,
    runs,
    tasks,
    tenant,
    tenants,
    tokens,
    webhook,
    webhooks,
    workers,
    workflows,
)

PAGES = (
    audit,
    catalog,
    overview,
    replay_new,
    replay_plan,
    replays,
    rules,
    run,
    runs,
    tasks,
    tenant,
    tenants,
    tokens,
    webhook,
    webhooks,
    workers,
    workflows,
)
"""The modules that have pages; importing one registers them."""
