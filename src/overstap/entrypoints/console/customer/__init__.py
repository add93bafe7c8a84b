"""The pages of a tenant's admins: licences, the wizard, the status of a change (rules.md C)."""

from overstap.entrypoints.console.customer import (
    assigning,
    buying,
    checkout,
    choosing,
    conflict,
    landing,
    licences,
    paying,
    status,
    support,
    tasks,
)

PAGES = (
    assigning,
    buying,
    checkout,
    choosing,
    conflict,
    landing,
    licences,
    paying,
    status,
    support,
    tasks,
)
"""The modules that have pages; importing one registers them."""
