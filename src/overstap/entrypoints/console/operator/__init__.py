"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import overview, workers, workflows

PAGES = (overview, workers, workflows)
"""The modules that have pages; importing one registers them."""
