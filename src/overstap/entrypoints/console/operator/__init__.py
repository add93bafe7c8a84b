"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import (
    overview,
    run,
    runs,
    tasks,
)

PAGES = (
    overview,
    run,
    runs,
    tasks,
)
"""The modules that have pages; importing one registers them."""
