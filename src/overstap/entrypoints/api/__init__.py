"""The HTTP API under `/api/v1`: the same commands as the command line, for programs (design §6)."""

from overstap.entrypoints.api.make import PREFIX, make_api

__all__ = ["PREFIX", "make_api"]
