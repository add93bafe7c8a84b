"""The pages of a tenant's admins: licences, the wizard, the status of a change (rules.md C)."""

from overstap.entrypoints.console.customer import (
    landing,
    status,
    tasks,
)

PAGES = (
    landing,
    status,
    tasks,
)
"""The modules that have pages; importing one registers them."""
