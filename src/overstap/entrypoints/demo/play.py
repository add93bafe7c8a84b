"""Plays the demo: imports, orders, works and watches, in one process."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime

from overstap.app.worker import Worker
from overstap.bootstrap import App
from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import ACTIVE
from overstap.entrypoints import words
from overstap.entrypoints.demo.endings import Ending, ending, why
from overstap.entrypoints.demo.pace import speed_for, worth_changing
from overstap.entrypoints.demo.screen import Look, Screen
from overstap.entrypoints.demo.script import Order, Script
from overstap.errors import OverstapError
from overstap.providers.graph_export import TenantExport
from overstap.workflow.run import JournalEntry, Run, Status

_LOOK_EVERY = 0.1  # seconds of the machine's time
_FAREWELL = 15.0  # seconds the worker gets to end


@dataclass(slots=True)
class Play:
    """One performance.

    Args:
        until: the machine's monotonic time at which it is broken off.
    """

    app: App
    script: Script
    screen: Screen
    until: float
    refused: dict[str, str] = field(default_factory=dict)
    _runs: list[str] = field(default_factory=list)
    _journals: dict[str, list[JournalEntry]] = field(default_factory=dict)
    _trouble: list[BaseException] = field(default_factory=list)

    def perform(self) -> None:
        """Import the tenants, order, and work until everything has ended or the time is up.

        Raises:
            Exception: whatever ended the worker.
        """
        began = self.app.service.now()
        self.app.service.import_tenants(self.script.tenants)
        for order, tenant in self.script.orders:
            if (run_id := self._order(order, tenant, f"demo:{order.tenant}")) is not None:
                self._runs.append(run_id)
        worker = self.app.worker()
        thread = threading.Thread(target=self._work, args=(worker,), name="overstap-demo-worker", daemon=True)
        thread.start()
        try:
            with self.screen.showing():
                while self._look(began) and thread.is_alive() and time.monotonic() < self.until:
                    time.sleep(_LOOK_EVERY)
        finally:
            worker.stop()
            thread.join(_FAREWELL)
        if self._trouble:
            raise self._trouble[0]

    def endings(self) -> dict[Ending, list[str]]:
        """How everything ended: a line for each tenant, by ending."""
        found: dict[Ending, list[str]] = {}
        for run_id in self._runs:
            run, journal = self.app.service.run(run_id).run, self.app.service.journal(run_id)
            how = ending(run, journal)
            found.setdefault(how, []).append(_line(run, how, why(journal)))
        for name, reason in self.refused.items():
            found.setdefault(Ending.REFUSED, []).append(f"{name}: {reason}")
        return found

    def encore(self) -> None:
        """Order what those who stay may look at, and let the clock run so that they can."""
        self.app.set_speed(self.script.pacing.encore)
        for order, tenant in self.script.encore:
            self._order(order, tenant, f"demo:encore:{order.tenant}")

    def _order(self, order: Order, tenant: TenantExport, key: str) -> str | None:
        """The id of the run that carries an order; None where it was refused."""
        bought = self.app.service.tenant(tenant.id)
        source = next(held for held in bought.subscriptions if held.plan is not None and held.status in ACTIVE)
        route = Route.MANUAL if order.manual else Route.WIZARD
        change = PlanChange(tenant.id, source.id, order.to, acknowledged=order.acknowledged, route=route)
        try:
            stored, _ = self.app.service.submit(change, key=key, actor="operator:demo", locale="en")
        except OverstapError as error:
            self.refused[tenant.name] = str(error)
            self.screen.line(f"{tenant.name}: refused. {error}")
            return None
        return stored.run.id

    def _work(self, worker: Worker) -> None:
        try:
            worker.run()
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits
            self._trouble.append(error)

    def _look(self, began: datetime) -> bool:
        """Show how things stand and set the pace; answers whether there is more to come."""
        runs = [self.app.service.run(run_id) for run_id in self._runs]
        for stored in runs:
            run = stored.run
            known = self._journals.get(run.id)
            if known is None or known[-1].seq < run.seq:
                self._journals[run.id] = self.app.service.journal(run.id)
        now, speed = self.app.service.now(), self.app.clock.speed
        self.screen.show(Look(now, began, speed, runs, self._journals, self.refused))
        wanted = speed_for(runs, now, self.script.pacing)
        if worth_changing(speed, wanted):
            self.app.set_speed(wanted)
        return any(stored.run.status is not Status.ENDED for stored in runs)


def _line(run: Run, how: Ending, reason: str | None) -> str:
    change = f"{words.title(run)}, {words.change(run)}"
    if how is Ending.UNENDED:
        return f"{change}: still {run.state}, {run.status}: {run.error or 'no error'}"
    return f"{change}: {reason}" if reason else change
