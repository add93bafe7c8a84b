"""Every error that Overstap raises on purpose, in one tree.

OverstapError                 what was wrong, in one sentence; `exit_code` of the CLI
├── Refused               1   allowed to ask, but the answer is no
│   └── ClaimLost             another worker holds the run now: drop the work
├── BadInput              2   what was given cannot be read: file, place, what was expected
├── NotFound              3   nothing here has that id
├── Conflict              4   it clashes with what is there already
│   ├── Changed               it is not any more as whoever asks has seen it
│   └── TenantLocked          a run has the tenant to itself: which lock, which run, until when
├── DatabaseUnavailable       the database is away, or busy for too long: try again
└── ProviderError             an outside system did not do what it was asked
    ├── ProviderUnavailable   it said so before doing anything: try again later
    ├── ProviderTimeout       no answer in time: it may or may not have done the work
    └── ProviderRefused       it said no for good: trying again changes nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar


class OverstapError(Exception):
    """The root of the tree; its text is a sentence a user can act on."""

    exit_code: ClassVar[int] = 1

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What programs need to know beside the text, as JSON values by name."""
        return {}


class Refused(OverstapError):
    """The request was understood and the answer is no."""


class BadInput(OverstapError):
    """What was given cannot be read; the text names the place and what was expected."""

    exit_code = 2


class NotFound(OverstapError):
    """Nothing here has that id."""

    exit_code = 3


class Conflict(OverstapError):
    """The request clashes with something that exists already."""

    exit_code = 4


class Changed(Conflict):
    """What is asked for was decided by how things were, and they have changed since."""


class TenantLocked(Conflict):
    """A plan change under way has something of the tenant to itself (rules.md J5).

    Args:
        tenant: its name and id, for people.
        lock: `commerce`, `portal` or `licence`.
        run_id: the run that holds the lock.
        state: the state of that run.
        until: the deadline of that state, None when it has none; what follows may lock the same.
    """

    _HELD: ClassVar[Mapping[str, str]] = {
        "commerce": "no subscription can be bought, changed or cancelled",
        "portal": "its admins cannot use the portal, and land on the status page",
        "licence": "no licence can be given or taken",
    }

    def __init__(self, tenant: str, lock: str, run_id: str, *, state: str, until: datetime | None) -> None:
        most = "" if until is None else f", whose deadline is {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        super().__init__(
            f"{tenant} is locked ({lock}): {self._HELD[lock]} while run {run_id} is in {state}{most}. "
            f"Try again when the run has ended; `overstap runs watch {run_id}` follows it."
        )
        self.lock = lock
        self.run_id = run_id
        self.until = until

    @property
    def evidence(self) -> Mapping[str, Any]:
        until = None if self.until is None else self.until.astimezone(UTC).isoformat()
        return {"lock": self.lock, "run_id": self.run_id, "until": until}


class ClaimLost(Refused):
    """Another worker holds the run now (or nobody does); the late writer's work is dropped.

    Args:
        run_id: the run whose claim is gone.
        held_by: the worker that holds it now, None when nobody does.
    """

    def __init__(self, run_id: str, held_by: str | None = None) -> None:
        super().__init__(f"The claim on run {run_id} is lost; it is held by {held_by or 'nobody'} now.")
        self.run_id = run_id
        self.held_by = held_by


class ProviderError(OverstapError):
    """An outside system did not do what it was asked."""


class ProviderUnavailable(ProviderError):
    """The provider said no before it did anything; the same call may succeed later."""


class ProviderTimeout(ProviderError):
    """No answer came in time; whether the work was done is unknown."""


class ProviderRefused(ProviderError):
    """The provider refused for good; the same call will be refused again."""


class DatabaseUnavailable(OverstapError):
    """The database does not answer, or did not let us write in time."""
