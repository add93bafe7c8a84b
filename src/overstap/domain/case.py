"""What the rules judge: an order with all that it names looked up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from overstap.domain.catalog import Catalog, ChangeKind, Pair, Plan
from overstap.domain.change import PlanChange, Route
from overstap.domain.credit import CreditReason, monthly_cost, needs_credit_check
from overstap.domain.locks import ActiveRun
from overstap.domain.roles import SMALL_BUSINESS
from overstap.domain.tenant import PaymentMethod, Subscription, Tenant
from overstap.errors import NotFound

Name = dict[str, str]
"""How something is called, by locale."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that the rules judge by; from the configuration.

    Attributes:
        wizard_users: the most licence holders for any change (rules.md R2).
        legacy_users: the most for a small-business plan from before the service upgrade (rules.md R11).
        credit_threshold_cents: the monthly cost from which credit is checked (rules.md R33).
        credit_window: how long a credit check may take (rules.md R34).
    """

    wizard_users: int = 300
    legacy_users: int = 25
    credit_threshold_cents: int = 250_000
    credit_window: timedelta = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Case:
    """An order, the facts it is judged by, and the way it is to go.

    Attributes:
        subscription: the source.
        source: the plan of the subscription, None when the catalog does not know its SKU.
        active: the tenant's run that is under way, None when there is none or it is the one that asks.
        route: the way that the blockers leave; the wizard's until they are known.
    """

    tenant: Tenant
    change: PlanChange
    subscription: Subscription
    source: Plan | None
    target: Plan
    catalog: Catalog
    limits: Limits
    active: ActiveRun | None = None
    route: Route = Route.WIZARD

    @property
    def family(self) -> str | None:
        """The family of the source; None when its plan is not known."""
        return self.source.family if self.source else None

    @property
    def small_business(self) -> bool:
        """Whether the source is of the small-business family."""
        return self.family == SMALL_BUSINESS

    @property
    def kind(self) -> ChangeKind | None:
        """Which kind of change it is (rules.md R1); None when the source's plan is not known."""
        return self.catalog.kind(self.source.id, self.target.id) if self.source else None

    @property
    def pair(self) -> Pair | None:
        """The listed change from source to target (rules.md R5), None when it is not listed."""
        return self.catalog.pair(self.source.id, self.target.id) if self.source else None

    @property
    def source_name(self) -> Name:
        """The source as people know it: the plan's name, or its SKU part number."""
        return plan_name(self.source) if self.source else same_name(self.subscription.sku_part_number)

    @property
    def target_name(self) -> Name:
        """The target as people know it."""
        return plan_name(self.target)

    @property
    def custom_domains(self) -> list[str]:
        """Names of the tenant's custom domains, sorted."""
        return sorted(domain.name for domain in self.tenant.domains if domain.custom)

    @property
    def seats(self) -> int:
        """Seats of the new plan: as ordered, else those of the source."""
        return self.subscription.seats if self.change.seats is None else self.change.seats

    @property
    def payment_method(self) -> PaymentMethod:
        """How the new plan is paid: as ordered, else as the source is."""
        return self.change.payment_method or self.subscription.payment_method

    @property
    def monthly_cents(self) -> int:
        """What the new plan costs per month."""
        return monthly_cost(self.target, self.seats)

    @property
    def credit_reason(self) -> CreditReason | None:
        """Why the order needs a credit check, None when it needs none (rules.md R33)."""
        return needs_credit_check(self.payment_method, self.monthly_cents, self.limits.credit_threshold_cents)


def make_case(
    tenant: Tenant, change: PlanChange, catalog: Catalog, limits: Limits, active: ActiveRun | None = None
) -> Case:
    """Look up what an order names.

    Raises:
        NotFound: when the tenant has no such subscription, or no plan has that id.
    """
    subscription = held_subscription(tenant, change.subscription_id)
    target = catalog.plan(change.target_plan)
    source = catalog.plan(subscription.plan) if subscription.plan else None
    return Case(tenant, change, subscription, source, target, catalog, limits, active)


def held_subscription(tenant: Tenant, subscription_id: str) -> Subscription:
    """The subscription of a tenant with that id.

    Raises:
        NotFound: naming those that it has.
    """
    subscription = tenant.subscription(subscription_id)
    if subscription is None:
        held = ", ".join(f"{held.id} ({held.sku_part_number})" for held in tenant.subscriptions) or "none"
        raise NotFound(f"{tenant.name} has no subscription {subscription_id!r}; it has {held}.")
    return subscription


def plan_name(plan: Plan) -> Name:
    """A plan's name in each language."""
    return {"nl": plan.name_nl, "en": plan.name_en}


def same_name(name: str) -> Name:
    """A name that is the same in each language."""
    return {"nl": name, "en": name}
