"""How runs, tenants and the rest look as plain JSON values: for `--json` here, and for whoever else asks.

Moments are ISO 8601 in UTC, durations are in seconds, money is in cents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from overstap.app.auditing import AuditReport
from overstap.app.finding import Listed
from overstap.app.tasks import Task
from overstap.app.verify import VerifyReport
from overstap.bootstrap import DatabaseStatus
from overstap.domain.catalog import Pair, Plan
from overstap.domain.tenant import Licences, Tenant
from overstap.language import language
from overstap.store.fleet import Standing, WorkerRecord
from overstap.store.runs import StoredRun
from overstap.store.tokens import StoredToken
from overstap.workflow.definition import Definition, StateSpec
from overstap.workflow.pauses import Pause

Json = dict[str, Any]


def moment(value: datetime | None) -> str | None:
    """A moment in ISO 8601, in UTC; None stays None."""
    return None if value is None else value.astimezone(UTC).isoformat()


def run_summary(stored: StoredRun) -> Json:
    """A run without its journal and effects, as listings show it."""
    run = stored.run
    return {
        "id": run.id,
        "workflow": run.workflow,
        "version": run.version,
        "state": run.state,
        "status": str(run.status),
        "tenant_id": run.tenant_id,
        "subscription_id": stored.subscription_id,
        "target_plan": stored.target_plan,
        "attempt": run.attempt,
        "wake_at": moment(run.wake_at),
        "deadline_at": moment(run.deadline_at),
        "claimed_by": stored.claimed_by,
        "priority": str(stored.priority),
        "held": run.held,
        "progress": {"done": run.done, "total": run.total},
        "created_at": moment(run.created_at),
        "updated_at": moment(run.updated_at),
        "ended_at": moment(run.ended_at),
        "error": run.error,
        "input": dict(run.input),
        "data": dict(run.data),
    }


def listed(one: Listed) -> Json:
    """A run as listings show it, with the place behind it."""
    return {**run_summary(one.stored), "cursor": one.cursor}


def task(given: Task, locale: str | None) -> Json:
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
        "needed_role": str(given.needed),
        "people": list(given.people),
    }


def tenant(facts: Tenant) -> Json:
    """A tenant with all its facts."""
    return asdict(facts)


def tenant_summary(facts: Tenant) -> Json:
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


def licences(held: Licences) -> Json:
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


def plan(given: Plan) -> Json:
    """A plan of the catalog."""
    return asdict(given)


def pair(given: Pair) -> Json:
    """A change that the catalog allows; `closed` only where it is closed."""
    shape: Json = {"from": given.source, "to": given.target}
    return {**shape, "closed": dict(given.closed)} if given.closed else shape


def worker(record: WorkerRecord, standing: Standing) -> Json:
    """A worker's row, and whether it lives."""
    return {
        **asdict(record),
        "standing": str(standing),
        "started_at": moment(record.started_at),
        "heartbeat_at": moment(record.heartbeat_at),
        "stopped_at": moment(record.stopped_at),
    }


def pause(given: Pause) -> Json:
    """A pause in force."""
    return {**asdict(given), "since": moment(given.since)}


def workflow(definition: Definition) -> Json:
    """A workflow as its file says it, with the chart's transitions at their states."""
    return {
        "name": definition.name,
        "version": definition.version,
        "digest": definition.digest,
        "description": definition.description,
        "initial": definition.initial,
        "states": [_state(spec, definition.chart.moves[name]) for name, spec in definition.states.items()],
    }


def _state(spec: StateSpec, moves: Mapping[str, str]) -> Json:
    deadline, retry = spec.deadline, spec.retry
    return {
        "name": spec.name,
        "final": spec.final,
        "steps": list(spec.steps),
        "on_done": spec.on_done,
        "on_stop": spec.on_stop,
        "signals": sorted(spec.signals),
        "deadline": deadline
        and {"after": deadline.after.total_seconds(), "event": deadline.event, "fixed": deadline.fixed},
        "retry": asdict(retry) | {"first": retry.first.total_seconds(), "most": retry.most.total_seconds()},
        "locks": sorted(spec.locks),
        "transitions": [{"event": event, "target": target} for event, target in moves.items()],
    }


def report(given: VerifyReport) -> Json:
    """What `verify` checked and found."""
    return {"ok": given.ok, "checks": [asdict(check) for check in given.checks]}


def token(given: StoredToken, now: datetime) -> Json:
    """A token without its secret."""
    return {
        "id": given.id,
        "name": given.name,
        "roles": given.roles,
        "tenant_id": given.tenant_id,
        "upn": given.upn,
        "valid": given.valid(now),
        "created_at": moment(given.created_at),
        "created_by": given.created_by,
        "expires_at": moment(given.expires_at),
        "last_used_at": moment(given.last_used_at),
        "revoked_at": moment(given.revoked_at),
    }


def database(status: DatabaseStatus) -> Json:
    """How a database stands to the code."""
    return {"url": status.url, "revision": status.revision, "head": status.head, "state": str(status.state)}


def audit(given: AuditReport) -> Json:
    """What `audit verify` looked at and found."""
    return {
        "ok": given.ok,
        "against": None if given.head is None else given.head.model_dump(),
        "looked_at": {
            "runs": given.runs,
            "entries": given.entries,
            "acts": given.acts,
            "checkpoints": given.checkpoints,
        },
        "breaches": given.breaches,
        "findings": [asdict(finding) for finding in given.findings],
    }
