"""Every command of Overstap, for whichever face asks: import, order, signal, look (design §6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from ulid import ULID

from overstap.clock import Clock
from overstap.domain.case import Limits, held_subscription
from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import check
from overstap.domain.findings import NotEligible, told
from overstap.domain.ports import Provider
from overstap.domain.reading import one_line
from overstap.domain.tasks import ANSWERS
from overstap.domain.tenant import Tenant
from overstap.errors import BadInput, Conflict, NotFound
from overstap.language import language
from overstap.logs import request_id
from overstap.providers.graph_export import TenantExport
from overstap.store.rows import EffectRecord
from overstap.store.runs import ActiveChange, Runs, StoredRun
from overstap.workflow.decide import Signal, awaits_sometime, submit
from overstap.workflow.files import Library
from overstap.workflow.priority import Priority
from overstap.workflow.requested import requested
from overstap.workflow.run import JournalEntry

WORKFLOWS = {Route.WIZARD: "plan_change", Route.MANUAL: "manual_change"}
"""What carries a change, by the way it goes."""


class Registry(Provider, Protocol):
    """A provider that tenants can be brought into."""

    def tenants(
        self, after: tuple[str, str] = ("", ""), limit: int | None = None, text: str | None = None
    ) -> list[Tenant]:
        """The facts of tenants, by name and id.

        Args:
            after: only those behind this name and id.
            limit: how many at most; None for all.
            text: only those that have it in their name, their id or one of their domains, in large or small letters.
        """

    def import_tenants(self, exports: Sequence[TenantExport], now: datetime) -> list[Tenant]:
        """Take over tenants, all or none of them.

        Returns:
            Their facts afterwards, in the order given.

        Raises:
            TenantLocked: when a run locks the commerce or the licences of a tenant.
            Conflict: when a tenant has an order under way.
        """


class Service:
    """The application's commands."""

    def __init__(
        self, runs: Runs, provider: Registry, catalog: Catalog, library: Library, limits: Limits, clock: Clock
    ) -> None:
        self._runs = runs
        self._provider = provider
        self._catalog = catalog
        self._library = library
        self._limits = limits
        self._clock = clock

    def submit(
        self,
        change: PlanChange,
        *,
        key: str | None = None,
        actor: str = "operator",
        locale: str | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> tuple[StoredRun, bool]:
        """Order a plan change, the way that its route says.

        Args:
            key: the idempotency key: the same key with the same change gives the same run again.
            locale: of a refusal's sentences; None takes the tenant's.
            priority: of a new run; an operator's to give.

        Returns:
            The run, and whether it is new.

        Raises:
            NotFound: when there is no such tenant, subscription or plan.
            NotEligible: when a rule blocks it; carries all findings.
            ActiveChange: when the tenant has an active change (rules.md J3).
            Conflict: when the key was used for another change.
            BadInput: when an admin of the tenant gives a priority.
        """
        if change.acting_upn is not None and priority is not Priority.NORMAL:
            raise BadInput(
                f"{change.acting_upn} cannot give an order the priority {priority}: that is for operators, who have "
                "all tenants in view. Leave the priority out, or order as an operator."
            )
        key = None if key is None else one_line(key, "The idempotency key")
        known = self._submitted_before(change, key)
        if known is not None:
            return known, False
        try:
            return self._submit(change, key, actor, locale, priority), True
        except (Conflict, NotEligible, NotFound):
            known = self._submitted_before(change, key)  # the same key meanwhile may be why
            if known is None:
                raise
            return known, False

    def _submit(
        self, change: PlanChange, key: str | None, actor: str, locale: str | None, priority: Priority
    ) -> StoredRun:
        tenant = self._provider.tenant(change.tenant_id)
        change, order = self._resolve(change, tenant)
        words = language(locale or tenant.locale)
        active = self._runs.active_run(change.tenant_id)
        answer = check(tenant, change, self._catalog, self._limits, active)
        if active is not None:
            findings = [finding.to_dict(words) for finding in answer.findings]
            raise ActiveChange(change.tenant_id, active.run_id, findings=findings, told=told(answer.blockers, words))
        if not answer.allowed:
            raise NotEligible(answer.findings, words)
        now = self._clock.now()
        run_id = str(ULID.from_datetime(now))
        decision = submit(self._library.latest(WORKFLOWS[change.route]), run_id, change.tenant_id, order, actor, now)
        self._runs.insert(requested(decision, None, request_id()), key, priority)
        return self._runs.get(run_id)

    def ordered(self, key: str) -> StoredRun | None:
        """The run that was ordered under an idempotency key, None while there is none."""
        return self._runs.by_key(key)

    def signal(
        self,
        run_id: str,
        event: str,
        *,
        reason: str,
        actor: str = "operator",
        signal_id: str | None = None,
        if_seq: int | None = None,
    ) -> StoredRun:
        """Send a run something from outside; a signal that comes early waits for its state.

        Args:
            signal_id: what a repeat is recognised by, which does nothing; None makes it another signal each time.
            if_seq: the length that the run's journal must have; None for any.

        Raises:
            Changed: when the journal has grown since.
            BadInput: when the run's workflow awaits no such event, it answers a task, or the reason is empty.
            NotFound: when there is no such run.
            Conflict: when the run cannot come to a state that awaits it any more.
        """
        reason = one_line(reason, "The reason of a signal, which goes into the run's journal,")
        run = self._runs.get(run_id).run
        definition = self._library.get(run.workflow, run.version)
        if event in ANSWERS:
            # One that came early would wait here, and confirm a step whose turn has not come (R46).
            raise BadInput(f"{event!r} is the answer to a task: `overstap tasks done` gives it when its turn has come.")
        known = sorted({name for spec in definition.states.values() for name in spec.signals} - ANSWERS)
        if event not in known:
            raise BadInput(f"{event!r} is no signal of {run.workflow} v{run.version}; it awaits {', '.join(known)}.")
        acceptable = [name for name in definition.states if awaits_sometime(definition, name, event)]
        now = self._clock.now()
        sent = Signal(signal_id or str(ULID.from_datetime(now)), event, reason, actor, now, request_id())
        self._runs.signal(run_id, sent, acceptable=acceptable, if_seq=if_seq)
        return self._runs.get(run_id)

    def run(self, run_id: str) -> StoredRun:
        """One run.

        Raises:
            NotFound: when there is no such run.
        """
        return self._runs.get(run_id)

    def journal(self, run_id: str) -> list[JournalEntry]:
        """The whole journal of a run."""
        return self._runs.journal(run_id)

    def effects(self, run_id: str) -> list[EffectRecord]:
        """The effects of a run, the earliest first."""
        return self._runs.effects(run_id)

    def pending_signals(self, run_id: str) -> list[Signal]:
        """The signals of a run that wait for their time."""
        return self._runs.pending_signals(run_id)

    def now(self) -> datetime:
        """The present moment of the clock this database lives by."""
        return self._clock.now()

    def import_tenants(self, exports: Sequence[TenantExport]) -> list[Tenant]:
        """Take over tenants, all or none of them; those that are known are brought up to date.

        Returns:
            Their facts afterwards, in the order given.

        Raises:
            TenantLocked: when a tenant's active run locks its commerce or its licences (rules.md R17, R35, J5).
            Conflict: when an order of it is under way.
        """
        return self._provider.import_tenants(exports, self._clock.now())

    def tenants(
        self, after: tuple[str, str] = ("", ""), limit: int | None = None, text: str | None = None
    ) -> list[Tenant]:
        """The facts of tenants, by name and id; see `Registry.tenants`."""
        return self._provider.tenants(after, limit, text)

    def tenant(self, tenant_id: str) -> Tenant:
        """The facts of one tenant as they are now.

        Raises:
            NotFound: when there is no such tenant.
        """
        return self._provider.tenant(tenant_id)

    def _resolve(self, change: PlanChange, tenant: Tenant) -> tuple[PlanChange, dict[str, Any]]:
        """The change with everything it left open filled in from its source, and the order to submit."""
        source, target = (
            held_subscription(tenant, change.subscription_id),
            self._catalog.plan(change.target_plan),
        )
        change = replace(
            change,
            seats=source.seats if change.seats is None else change.seats,
            payment_method=change.payment_method or source.payment_method,
            billing_frequency=change.billing_frequency or source.billing_frequency,
            acknowledged=bool(change.acknowledged),
        )
        order = change.to_dict() | {
            "tenant_name": tenant.name,
            "source_plan": source.plan,
            "kind": source.plan and str(self._catalog.kind(source.plan, target.id)),
            "target_sku_id": target.sku.id,
            "target_sku_part_number": target.sku.part_number,
            "catalog_version": self._catalog.version,
        }
        return change, order

    def _submitted_before(self, change: PlanChange, key: str | None) -> StoredRun | None:
        """The run that this key gave before; what the change leaves open may be as it was resolved then."""
        existing = self._runs.by_key(key) if key is not None else None
        if existing is None:
            return None
        asked = {name: value for name, value in change.to_dict().items() if value is not None}
        if any(existing.run.input.get(name) != value for name, value in asked.items()):
            raise Conflict(f"The idempotency key {key!r} was used for another change: run {existing.run.id}.")
        return existing
