"""The pages of the operators' console."""

from overstap.entrypoints.console.operator import overview, replay_new, replay_plan, replays, runs

PAGES = (overview, runs, replays, replay_new, replay_plan)
"""The modules that have pages; importing one registers them."""
