"""What the rules would say if facts of a tenant were others: pure, and nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from overstap.domain.case import held_subscription
from overstap.domain.change import PlanChange
from overstap.domain.eligibility import Eligibility
from overstap.domain.findings import Finding
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import Admin, AdminRole, Domain, PaymentMethod, ServiceHealth, Tenant
from overstap.errors import BadInput

NOTHING = "none"
"""In place of a state: no run is under way; in place of a role: the one who orders has none."""
_HEALTHY = "serviceoperational"
_DOMAIN = Domain("domain.example", custom=True, default=False)
_RUN = "—"


@dataclass(frozen=True, slots=True)
class Supposed:
    """Facts in place of those that are; None leaves each as it is.

    Attributes:
        plan: what the subscription is one of, by the catalog's id.
        seats: bought places.
        assigned: users that hold a licence.
        payment_method: how the subscription is paid now.
        custom_domain: whether the tenant has any.
        health: the status of services, by their name.
        role: of the administrator who orders: one of `AdminRole`, or `NOTHING`.
        active: the state of the run under way, or `NOTHING`.
    """

    plan: str | None = None
    seats: int | None = None
    assigned: int | None = None
    status: str | None = None
    is_trial: bool | None = None
    provisioned: bool | None = None
    payment_method: PaymentMethod | None = None
    legacy: bool | None = None
    custom_domain: bool | None = None
    health: Mapping[str, str] = field(default_factory=dict)
    role: str | None = None
    active: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What the rules say with the facts as they are, and with those that were supposed.

    Attributes:
        tenant: its facts as they are.
        active: its run that is under way, as it is.
    """

    tenant: Tenant
    active: ActiveRun | None
    real: Eligibility
    supposed: Eligibility

    @property
    def differs(self) -> bool:
        """Whether the rules say anything else."""
        return self.real != self.supposed

    @property
    def gone(self) -> tuple[Finding, ...]:
        """What the rules say now, and would not say any more."""
        return tuple(one for one in self.real.findings if one not in self.supposed.findings)

    def is_new(self, finding: Finding) -> bool:
        """Whether the rules do not say this now."""
        return finding not in self.real.findings


def suppose(
    tenant: Tenant, change: PlanChange, supposed: Supposed, active: ActiveRun | None, until: datetime
) -> tuple[Tenant, ActiveRun | None]:
    """A tenant with what is supposed of it, and the run that it would have under way.

    Args:
        until: the end of a credit check that is supposed.

    Raises:
        NotFound: when the tenant has no such subscription.
        BadInput: when a service is supposed that it does not have, or numbers cannot be.
    """
    held = held_subscription(tenant, change.subscription_id)
    if min(supposed.seats or 0, supposed.assigned or 0) < 0:
        raise BadInput("Of seats and licences there are 0 or more.")
    fields = ("plan", "seats", "assigned", "status", "is_trial", "provisioned", "payment_method", "legacy")
    given: dict[str, Any] = {name: getattr(supposed, name) for name in fields}
    other = replace(held, **{name: value for name, value in given.items() if value is not None})
    return (
        replace(
            tenant,
            subscriptions=tuple(other if one is held else one for one in tenant.subscriptions),
            domains=_domains(tenant, custom=supposed.custom_domain),
            services=_services(tenant, supposed.health),
            admins=_admins(tenant, change.acting_upn, supposed.role),
        ),
        _active(change, supposed.active, active, until),
    )


def _domains(tenant: Tenant, *, custom: bool | None) -> tuple[Domain, ...]:
    if custom is None:
        return tenant.domains
    if not custom:
        return tuple(one for one in tenant.domains if not one.custom)
    return tenant.domains if any(one.custom for one in tenant.domains) else (*tenant.domains, _DOMAIN)


def _services(tenant: Tenant, health: Mapping[str, str]) -> tuple[ServiceHealth, ...]:
    if unknown := sorted(set(health) - {one.service for one in tenant.services}):
        known = ", ".join(one.service for one in tenant.services) or "none"
        raise BadInput(f"{tenant.title} has no service {unknown[0]!r}; it has {known}.")
    return tuple(
        ServiceHealth(one.service, health[one.service], health[one.service].casefold() == _HEALTHY)
        if one.service in health
        else one
        for one in tenant.services
    )


def _admins(tenant: Tenant, upn: str | None, role: str | None) -> tuple[Admin, ...]:
    if upn is None or role is None:
        return tenant.admins
    others = tuple(one for one in tenant.admins if one.upn.casefold() != upn.casefold())
    return others if role == NOTHING else (*others, Admin(upn, AdminRole(role)))


def _active(change: PlanChange, state: str | None, active: ActiveRun | None, until: datetime) -> ActiveRun | None:
    if state is None:
        return active
    if state == NOTHING:
        return None
    if active is not None:
        return replace(active, state=state, until=until)
    return ActiveRun(_RUN, change.tenant_id, change.subscription_id, "plan_change", 1, state, 1, until)
