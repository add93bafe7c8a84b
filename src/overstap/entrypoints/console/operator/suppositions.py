"""How an order, and what is supposed in place of its facts, stand in an address: only what differs from what is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange, Route
from overstap.domain.locks import ActiveRun
from overstap.domain.roles import role_of
from overstap.domain.sentences import STATES
from overstap.domain.supposing import NOTHING, Supposed
from overstap.domain.tenant import AdminRole, BillingFrequency, PaymentMethod, Subscription, Tenant
from overstap.errors import BadInput, NotFound

YES, NO = "yes", "no"
MOST = 1_000_000
"""The most seats, as the API takes them."""
STATUSES = ("Enabled", "Warning", "Suspended", "LockedOut", "Deleted")
ROLES = (*AdminRole, NOTHING)
HEALTH = ("serviceOperational", "serviceDegradation", "serviceInterruption", "restoringService", "investigating")
"""The first is the healthy one."""

_FIELDS: Mapping[str, str] = {
    "plan": "plan",
    "bought": "seats",
    "assigned": "assigned",
    "status": "status",
    "trial": "is_trial",
    "provisioned": "provisioned",
    "paid": "payment_method",
    "legacy": "legacy",
    "domain": "custom_domain",
    "role": "role",
    "active": "active",
}
"""What a fact is called in `Supposed`, by its name in the address."""
_COUNTS = ("bought", "assigned")
_FLAGS = ("trial", "provisioned", "legacy", "domain")


@dataclass(frozen=True, slots=True)
class Asked:
    """A tenant's subscription, the order that is asked about, and the facts beside what is supposed in their place.

    Attributes:
        real: the facts that are, as an address writes them.
        given: those that are supposed; only what differs.
        health: the status of each service.
        ill: what is supposed of services; only what differs.
    """

    tenant: Tenant
    held: Subscription
    change: PlanChange
    real: Mapping[str, str]
    given: Mapping[str, str]
    health: Mapping[str, str]
    ill: Mapping[str, str]

    @property
    def supposes(self) -> bool:
        """Whether anything is supposed."""
        return bool(self.given or self.ill)

    @property
    def supposed(self) -> Supposed:
        """What is supposed, as the rules are asked with it."""
        facts: dict[str, Any] = {_FIELDS[name]: _value(name, text) for name, text in self.given.items()}
        return Supposed(**facts, health=self.ill)

    def shown(self, name: str) -> str:
        """A fact as it is supposed to be."""
        return self.given.get(name, self.real[name])

    def query(self, *, supposing: bool = True) -> dict[str, Any]:
        """The address that asks the same.

        Args:
            supposing: with what is supposed; without it, the order alone.
        """
        change = self.change
        asked: dict[str, Any] = {
            "tenant": self.tenant.id,
            "subscription": self.held.id,
            "target": change.target_plan,
            "way": None if change.route is Route.WIZARD else change.route.value,
            "seats": change.seats,
            "payment": change.payment_method and change.payment_method.value,
            "frequency": change.billing_frequency and change.billing_frequency.value,
            "acting": change.acting_upn,
            "acknowledged": None if change.acknowledged is None else _flag(change.acknowledged),
        }
        if supposing:
            asked |= {**self.given, "health": [f"{service}:{status}" for service, status in self.ill.items()]}
        return {name: value for name, value in asked.items() if value not in (None, [])}


def read(query: QueryParams, tenant: Tenant, active: ActiveRun | None, catalog: Catalog) -> Asked | None:
    """What an address asks about a tenant; None when it has no subscription at all.

    Raises:
        BadInput: when it asks for something that cannot be.
        NotFound: when it names a subscription or a plan that there is not.
    """
    held = _held(query.get("subscription"), tenant)
    if held is None:
        return None
    change = PlanChange(
        tenant.id,
        held.id,
        catalog.plan(query["target"]).id if query.get("target") else first_target(held, catalog),
        seats=_count("seats", query.get("seats"), 1),
        payment_method=_one("payment", query.get("payment"), PaymentMethod),
        billing_frequency=_one("frequency", query.get("frequency"), BillingFrequency),
        acting_upn=query.get("acting") or None,
        route=_one("way", query.get("way"), Route) or Route.WIZARD,
        acknowledged=_yes(query.get("acknowledged")),
    )
    real = _facts(tenant, held, change, active)
    given = {name: query[name] for name in real if query.get(name) not in (None, "", real[name])}
    for name, text in given.items():
        _value(name, text)
    if given.get("plan"):
        catalog.plan(given["plan"])
    health = {one.service: one.status for one in tenant.services}
    wished = dict(_service(text) for text in query.getlist("health") if text)
    ill = {service: status for service, status in wished.items() if health.get(service) != status}
    return Asked(tenant, held, change, real, given, health, ill)


def first_target(held: Subscription, catalog: Catalog) -> str:
    """The plan that is asked about where none is named: the first that the wizard offers, else the first other one."""
    offered = catalog.targets(held.plan) if held.plan else ()
    return next(iter([*offered, *(one for one in catalog.plans.values() if one.id != held.plan)])).id


def _held(wanted: str | None, tenant: Tenant) -> Subscription | None:
    if not wanted:
        return next(iter(tenant.subscriptions), None)
    found = tenant.subscription(wanted.strip().lower())
    if found is None:
        raise NotFound(f"{tenant.title} has no subscription {wanted!r}; choose one of those that it has.")
    return found


def _facts(tenant: Tenant, held: Subscription, change: PlanChange, active: ActiveRun | None) -> dict[str, str]:
    upn = change.acting_upn
    role = {} if upn is None else {"role": str(role_of(tenant.admins, upn) or NOTHING)}
    return {
        "plan": held.plan or "",
        "bought": str(held.seats),
        "assigned": str(held.assigned),
        "status": held.status,
        "trial": _flag(held.is_trial),
        "provisioned": _flag(held.provisioned),
        "paid": held.payment_method.value,
        "legacy": _flag(held.legacy),
        "domain": _flag(any(one.custom for one in tenant.domains)),
        "active": NOTHING if active is None else active.state,
        **role,
    }


def _value(name: str, text: str) -> Any:
    """What a fact in an address stands for.

    Raises:
        BadInput: when it cannot be.
    """
    if name in _COUNTS:
        return _count(name, text, 0)
    if name in _FLAGS:
        return _yes(text)
    match name:
        case "paid":
            return _one(name, text, PaymentMethod)
        case "status":
            return _among(name, text, STATUSES)
        case "role":
            return _among(name, text, ROLES)
        case "active":
            return _among(name, text, (NOTHING, *STATES))
    return text


def _flag(so: object) -> str:
    return YES if so else NO


def _yes(text: str | None) -> bool | None:
    return _among("yes or no", text, (YES, NO)) == YES if text else None


def _count(name: str, text: str | None, least: int) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not least <= int(text[:9]) <= MOST or len(text) > len(str(MOST)):
        raise BadInput(f"{name}: expected a whole number from {least} to {MOST}, found {text[:40]!r}.")
    return int(text)


def _one(name: str, text: str | None, kind: Any) -> Any:
    return kind(_among(name, text, tuple(one.value for one in kind))) if text else None


def _among(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise BadInput(f"{name}: expected one of {', '.join(known)}, found {text[:40]!r}.")
    return text


def _service(text: str) -> tuple[str, str]:
    service, _, status = text.rpartition(":")
    # Any word will do: the status that is so may be none of those to choose from.
    if not service or not status.isalpha():
        raise BadInput(f"health: expected a service and its status, such as Exchange Online:{HEALTH[2]}, not {text!r}.")
    return service, status
