"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import overview, tasks
from overstap.entrypoints.console.operator.run import page as run

PAGES = (overview, run, tasks)
"""The modules that have pages; importing one registers them."""
