"""How much may be asked of an outside system: so many steps at once, and so many in a time.

The rate is kept by the generic cell rate algorithm (ITU-T I.371): all that is known of the past is one moment, the
*arrival* at which the next call would come if calls came evenly. Time is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """Whose limit keeps a run's step from being started."""

    PROVIDER = "provider"
    """What all runs together may ask of the provider."""
    TENANT = "tenant"
    """What its tenant may ask of the provider."""


@dataclass(frozen=True, slots=True)
class Rate:
    """In any time of length `t` there are at most `burst + t / interval` calls.

    Attributes:
        interval: between two calls when they come for long as fast as they may.
        burst: how many may come at one moment after a rest.
    """

    interval: timedelta
    burst: int = 1

    def available(self, arrival: datetime | None, now: datetime) -> int:
        """How many calls may go out now."""
        if arrival is None or arrival <= now:
            return self.burst
        return max(0, self.burst + (now - arrival) // self.interval)

    def moment(self, arrival: datetime | None, now: datetime, before: int = 0) -> datetime:
        """When a call may go out, with so many others before it that have yet to go; not earlier than now."""
        start = now if arrival is None else max(arrival, now)
        return max(now, start + (before + 1 - self.burst) * self.interval)

    def spend(self, arrival: datetime | None, now: datetime, calls: int) -> datetime:
        """The arrival after so many calls that were available."""
        return (now if arrival is None else max(arrival, now)) + calls * self.interval


@dataclass(frozen=True, slots=True)
class Limit:
    """What all runs together may ask of one provider.

    Attributes:
        at_once: steps that may be under way at a time; None for any number.
        rate: how fast steps may be started; None for any rate.
    """

    at_once: int | None = None
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """A run waits for a limit.

    Attributes:
        since: when its step could have been started but for the limit.
        until: when it is looked at again at the latest.
    """

    provider: str
    cause: Cause
    since: datetime
    until: datetime
