"""How runs, tenants and the rest look as plain JSON values: for `--json` here, and for whoever else asks.

Moments are ISO 8601 in UTC, durations are in seconds, money is in cents. What each answers is declared in `shape_types`
and `tenant_shape_types`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import overload

from overstap.app.auditing import AuditReport
from overstap.app.finding import Listed
from overstap.app.head import Head
from overstap.app.tasks import Task
from overstap.app.verify import VerifyReport
from overstap.bootstrap import DatabaseStatus
from overstap.domain.catalog import Pair, Plan
from overstap.domain.tenant import Licences, Subscription, Tenant
from overstap.entrypoints import shape_types, tenant_shape_types
from overstap.language import language
from overstap.store.fleet import Standing, WorkerRecord
from overstap.store.runs import StoredRun
from overstap.workflow.definition import Definition, StateSpec
from overstap.workflow.pauses import Pause

Json = shape_types.Json
"""A JSON object of which nobody here says what is in it."""


@overload
def moment(value: datetime) -> str: ...
@overload
def moment(value: None) -> None: ...
def moment(value: datetime | None) -> str | None:
    """A moment in ISO 8601, in UTC; None stays None."""
    return None if value is None else value.astimezone(UTC).isoformat()


def run_summary(stored: StoredRun) -> shape_types.RunSummary:
    """A run without its journal and effects, as listings show it."""
    run = stored.run
    return {
        "id": run.id,
        "workflow": run.workflow,
        "version": run.version,
        "state": run.state,
        "status": run.status,
        "tenant_id": run.tenant_id,
        "subscription_id": stored.subscription_id,
        "target_plan": stored.target_plan,
        "attempt": run.attempt,
        "wake_at": moment(run.wake_at),
        "deadline_at": moment(run.deadline_at),
        "claimed_by": stored.claimed_by,
        "priority": stored.priority,
        "held": run.held,
        "progress": {"done": run.done, "total": run.total},
        "created_at": moment(run.created_at),
        "updated_at": moment(run.updated_at),
        "ended_at": moment(run.ended_at),
        "error": run.error,
        "input": dict(run.input),
        "data": dict(run.data),
    }


def listed(one: Listed) -> shape_types.ListedRun:
    """A run as listings show it, with the place behind it."""
    return {**run_summary(one.stored), "cursor": one.cursor}


def task(given: Task, locale: str | None) -> shape_types.OpenTask:
    """An open task.

    Args:
        locale: the language of its words; None takes the tenant's.
    """
    spoken = language(locale or given.locale)
    return {
        "id": given.id,
        "run_id": given.run.id,
        "tenant_id": given.run.tenant_id,
        "tenant_name": given.run.input.get("tenant_name"),
        "kind": given.kind.name,
        "title": given.title(spoken),
        "instructions": given.instructions(spoken),
        "can_be_declined": given.kind.declined is not None,
        "since": moment(given.since),
        "remind_at": moment(given.remind_at),
        "deadline_at": moment(given.deadline_at),
        "needed_role": given.needed,
        "people": list(given.people),
    }


def tenant(facts: Tenant) -> tenant_shape_types.TenantFacts:
    """A tenant with all its facts."""
    return {
        "id": facts.id,
        "name": facts.name,
        "locale": facts.locale,
        "users": facts.users,
        "subscriptions": tuple(_subscription(one) for one in facts.subscriptions),
        "domains": tuple({"name": one.name, "custom": one.custom, "default": one.default} for one in facts.domains),
        "services": tuple(
            {"service": one.service, "status": one.status, "healthy": one.healthy} for one in facts.services
        ),
        "admins": tuple({"upn": one.upn, "role": one.role} for one in facts.admins),
        "credit_limit": facts.credit_limit,
    }


def _subscription(held: Subscription) -> tenant_shape_types.HeldSubscription:
    return {
        "id": held.id,
        "sku_id": held.sku_id,
        "sku_part_number": held.sku_part_number,
        "plan": held.plan,
        "seats": held.seats,
        "assigned": held.assigned,
        "status": held.status,
        "is_trial": held.is_trial,
        "provisioned": held.provisioned,
        "payment_method": held.payment_method,
        "billing_frequency": held.billing_frequency,
        "legacy": held.legacy,
    }


def tenant_summary(facts: Tenant) -> tenant_shape_types.TenantSummary:
    """A tenant as listings show it."""
    return {
        "id": facts.id,
        "name": facts.name,
        "locale": facts.locale,
        "users": facts.users,
        "subscriptions": [
            {"id": one.id, "plan": one.plan, "sku_part_number": one.sku_part_number, "seats": one.seats}
            for one in facts.subscriptions
        ],
    }


def licences(held: Licences) -> tenant_shape_types.SubscriptionLicences:
    """A subscription and who holds its licences."""
    return {
        "subscription_id": held.subscription.id,
        "plan": held.subscription.plan,
        "sku_part_number": held.subscription.sku_part_number,
        "seats": held.subscription.seats,
        "assigned": held.subscription.assigned,
        "free": held.free,
        "users": [{"id": user.id, "upn": user.upn, "name": user.display_name} for user in held.users],
    }


def plan(given: Plan) -> tenant_shape_types.CatalogPlan:
    """A plan of the catalog."""
    return {
        "id": given.id,
        "family": given.family,
        "name_en": given.name_en,
        "name_nl": given.name_nl,
        "variants_nl": given.variants_nl,
        "sku_part_number": given.sku_part_number,
        "sku_id": given.sku_id,
        "monthly_cents": given.monthly_cents,
        "seat_limit": given.seat_limit,
    }


def pair(given: Pair) -> tenant_shape_types.CatalogPair:
    """A change that the catalog allows; `closed` only where it is closed."""
    shape: tenant_shape_types.CatalogPair = {"from": given.source, "to": given.target}
    return {**shape, "closed": dict(given.closed)} if given.closed else shape


def worker(record: WorkerRecord, standing: Standing) -> shape_types.FleetWorker:
    """A worker's row, and whether it lives."""
    return {
        "id": record.id,
        "host": record.host,
        "pid": record.pid,
        "version": record.version,
        "started_at": moment(record.started_at),
        "heartbeat_at": moment(record.heartbeat_at),
        "stopped_at": moment(record.stopped_at),
        "steps": record.steps,
        "rate": record.rate,
        "held": record.held,
        "standing": standing,
    }


def pause(given: Pause) -> shape_types.PauseInForce:
    """A pause in force."""
    return {
        "scope": given.scope,
        "name": given.name,
        "reason": given.reason,
        "actor": given.actor,
        "since": moment(given.since),
    }


def workflow(definition: Definition) -> shape_types.WorkflowFile:
    """A workflow as its file says it, with the chart's transitions at their states."""
    return {
        "name": definition.name,
        "version": definition.version,
        "digest": definition.digest,
        "description": definition.description,
        "initial": definition.initial,
        "states": [_state(spec, definition.chart.moves[name]) for name, spec in definition.states.items()],
    }


def _state(spec: StateSpec, moves: Mapping[str, str]) -> shape_types.WorkflowState:
    deadline, retry = spec.deadline, spec.retry
    return {
        "name": spec.name,
        "final": spec.final,
        "steps": list(spec.steps),
        "on_done": spec.on_done,
        "on_stop": spec.on_stop,
        "signals": sorted(spec.signals),
        "deadline": None
        if deadline is None
        else {"after": deadline.after.total_seconds(), "event": deadline.event, "fixed": deadline.fixed},
        "retry": {
            "first": retry.first.total_seconds(),
            "factor": retry.factor,
            "most": retry.most.total_seconds(),
            "jitter": retry.jitter,
            "attempts": retry.attempts,
        },
        "locks": sorted(spec.locks),
        "transitions": [{"event": event, "target": target} for event, target in moves.items()],
    }


def report(given: VerifyReport) -> shape_types.VerifyResult:
    """What `verify` checked and found."""
    return {
        "ok": given.ok,
        "checks": [
            {"rule": one.rule, "law": one.law, "looked_at": one.looked_at, "breaches": list(one.breaches)}
            for one in given.checks
        ],
    }


def database(status: DatabaseStatus) -> shape_types.DatabaseSchema:
    """How a database stands to the code."""
    return {"url": status.url, "revision": status.revision, "head": status.head, "state": status.state}


def audit(given: AuditReport) -> shape_types.AuditResult:
    """What `audit verify` looked at and found."""
    return {
        "ok": given.ok,
        "against": None if given.head is None else audit_head(given.head),
        "looked_at": {
            "runs": given.runs,
            "entries": given.entries,
            "acts": given.acts,
            "checkpoints": given.checkpoints,
        },
        "breaches": given.breaches,
        "findings": [
            {"chain": one.chain, "run_id": one.run_id, "seq": one.seq, "what": one.what, "sentence": one.sentence}
            for one in given.findings
        ],
    }


def audit_head(given: Head) -> shape_types.AuditHead:
    """The head of all chains."""
    return {
        "format": given.format,
        "database": given.database,
        "checkpoint": given.checkpoint,
        "at": given.at,
        "digest": given.digest,
        "runs": given.runs,
        "acts": given.acts,
    }
