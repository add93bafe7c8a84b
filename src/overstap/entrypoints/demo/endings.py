"""How a run ended, read from its journal."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from overstap.workflow.run import JournalEntry, Run, Status


class Ending(StrEnum):
    """How a plan change can end."""

    COMPLETED = "completed"
    RECOVERED = "escalated and recovered"
    EXPIRED = "expired after two weeks"
    DECLINED = "credit declined"
    ROLLED_BACK = "rolled back"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    FAILED = "failed"
    UNENDED = "did not end"


EXPECTED = (Ending.COMPLETED, Ending.RECOVERED, Ending.EXPIRED, Ending.ROLLED_BACK)
"""Each is shown by at least one tenant of the demo, or the demo has failed."""

STYLES = {
    Ending.COMPLETED: "green",
    Ending.RECOVERED: "magenta",
    Ending.EXPIRED: "yellow",
    Ending.DECLINED: "yellow",
    Ending.ROLLED_BACK: "dark_orange",
    Ending.CANCELLED: "bright_black",
    Ending.REFUSED: "bright_black",
    Ending.FAILED: "red",
    Ending.UNENDED: "bold red",
}


def ending(run: Run, journal: Sequence[JournalEntry]) -> Ending:
    """How a run ended."""
    if run.status is not Status.ENDED:
        return Ending.UNENDED
    been = {entry.to_state for entry in journal}
    events = {entry.event for entry in journal if entry.to_state}
    if run.state == "completed":
        return Ending.RECOVERED if "escalated" in been else Ending.COMPLETED
    if run.state == "cancelled":
        return Ending.CANCELLED
    if "credit_window_expired" in events:
        return Ending.EXPIRED
    if "credit_declined" in events:
        return Ending.DECLINED
    return Ending.ROLLED_BACK if "rolling_back" in been else Ending.FAILED


def why(journal: Sequence[JournalEntry]) -> str | None:
    """What a run was rolled back for, where somebody gave a reason; None for the others."""
    for entry in journal:
        if entry.to_state == "rolling_back":
            return entry.data.get("error") or entry.data.get("reason")
    return None
