"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import overview, runs

PAGES = (overview, runs)
"""The modules that have pages; importing one registers them."""
