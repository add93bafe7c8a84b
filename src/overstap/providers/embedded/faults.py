"""Faults that are set by configuration, for demos and tests: what an outside system can do to its callers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from overstap.clock import Clock
from overstap.errors import OverstapError, ProviderRefused, ProviderTimeout, ProviderUnavailable
from overstap.providers.embedded.books import Books
from overstap.settings import Fault

log = structlog.get_logger(__name__)

Work = Callable[[datetime], Mapping[str, Any]]
Sleep = Callable[[float], None]
Later = Callable[[float, Callable[[], None]], None]


def later(seconds: float, work: Callable[[], None]) -> None:
    """Do something in a thread of its own, after so much machine time."""
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


class Faults:
    """Decides which calls are hit, and what happens to them then.

    Hits are counted in the database, so that several workers agree.

    Args:
        faults: the first that hits a call decides.
        clock: tells when late work is done.
        sleep: waits so many seconds of machine time.
        later: does something after so many seconds of machine time.
    """

    def __init__(
        self,
        books: Books,
        faults: tuple[Fault, ...],
        clock: Clock,
        *,
        sleep: Sleep = time.sleep,
        later: Later = later,
    ) -> None:
        self._books = books
        self._faults = faults
        self._clock = clock
        self._sleep = sleep
        self._later = later

    def answer(self, operation: str, tenant_id: str, work: Work, now: datetime, limit: timedelta) -> Mapping[str, Any]:
        """Do the work, or what a fault makes of it.

        Args:
            limit: machine time after which the caller gives up.
        """
        fault = self._hit(operation, tenant_id, now)
        if fault is None:
            return work(now)
        what, most = f"{operation} for tenant {tenant_id}", limit.total_seconds()
        match fault.kind:
            case "slow" if fault.time < limit:
                self._sleep(fault.time.total_seconds())
                return work(now)
            case "slow" | "hangs":
                self._sleep(most)
            case "late":
                self._sleep(most)
                self._later(fault.time.total_seconds(), lambda: self._quietly(work, what))
            case "lost":
                work(now)
            case "fails":
                raise ProviderUnavailable(f"The provider does not do {what} at present; it did nothing.")
            case "refuses":
                raise ProviderRefused(f"The provider refuses {what} for good.")
        raise ProviderTimeout(f"No answer to {what} within {most:g} s; it may have been done.")

    def _hit(self, operation: str, tenant_id: str, now: datetime) -> Fault | None:
        faults = [fault for fault in self._faults if fault.operation == operation and fault.tenant in {None, tenant_id}]
        if not faults:
            return None
        with self._books.transaction() as ledger:
            before, first_at = ledger.count_call(tenant_id, operation)
            for fault in faults:
                if _hits(fault, before, first_at, now):
                    ledger.note_hit(tenant_id, operation, now)
                    return fault
        return None

    def _quietly(self, work: Work, what: str) -> None:
        try:
            work(self._clock.now())
        except OverstapError as error:
            log.info("late_work_refused", operation=what, error=str(error))


def _hits(fault: Fault, before: int, first_at: datetime | None, now: datetime) -> bool:
    if before < fault.after or (fault.times is not None and before >= fault.after + fault.times):
        return False
    return fault.lasting is None or first_at is None or now < first_at + fault.lasting
