"""What only a request over HTTP can do wrong."""

from __future__ import annotations

from collections.abc import Mapping

from overstap.errors import OverstapError, Refused


class BadRequest(OverstapError):
    """The request itself cannot be read.

    Args:
        status: of the answer.
        code: for programs.
    """

    def __init__(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.headers = headers


class KeyReused(Refused):
    """The idempotency key was used for another request."""


class TooMany(Refused):
    """More requests than one caller may send.

    Args:
        seconds: until the next one is taken.
    """

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds


class Unavailable(Refused):
    """There is no room at the moment.

    Args:
        seconds: until it is worth another try.
    """

    def __init__(self, text: str, seconds: int) -> None:
        super().__init__(text)
        self.seconds = seconds
