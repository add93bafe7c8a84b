"""The command line `overstap`: it parses, calls the service, and renders; no rule lives here (design §6)."""

from overstap.entrypoints.cli.main import main

__all__ = ["main"]
