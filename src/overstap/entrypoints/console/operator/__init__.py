"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import overview

PAGES = (overview,)
"""The modules that have pages; importing one registers them."""
