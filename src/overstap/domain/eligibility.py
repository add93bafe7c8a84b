"""May this tenant make this change? One small function per rule of rules.md §A, all asked, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from overstap.domain.catalog import Catalog, ChangeKind, Plan
from overstap.domain.change import PlanChange
from overstap.domain.findings import Finding, NotEligible, blocker, blockers, warning
from overstap.domain.tenant import AdminRole, PaymentMethod, Subscription, Tenant
from overstap.errors import NotFound

_SMALL_BUSINESS = "small-business"
_CLOSED_TO_CUSTOM_DOMAINS = frozenset({"enterprise", "midsize"})
_ACTIVE = frozenset({"Enabled", "Warning"})
_UNSUPPORTED = {PaymentMethod.PREPAID: "prepaid card", PaymentMethod.PRODUCT_KEY: "product key"}


@dataclass(frozen=True, slots=True)
class Limits:
    """How many licence holders a change may have; from the configuration.

    Attributes:
        wizard_users: the most for any change (rules.md R2).
        legacy_users: the most for a small-business plan from before the service upgrade (rules.md R11).
    """

    wizard_users: int = 300
    legacy_users: int = 25


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule judges: an order with all that it names looked up.

    Attributes:
        source: the plan of the subscription, None when the catalog does not know its SKU.
    """

    tenant: Tenant
    change: PlanChange
    subscription: Subscription
    source: Plan | None
    target: Plan
    catalog: Catalog
    limits: Limits

    @property
    def source_name(self) -> str:
        """The source as people know it: the plan's name, or its SKU part number."""
        return self.source.name_en if self.source else self.subscription.sku_part_number

    @property
    def custom_domains(self) -> tuple[str, ...]:
        """Names of the tenant's custom domains, in its order."""
        return tuple(domain.name for domain in self.tenant.domains if domain.custom)


def check(tenant: Tenant, change: PlanChange, catalog: Catalog, limits: Limits) -> tuple[Finding, ...]:
    """Ask every rule about a change.

    Args:
        tenant: its facts as they are now.
        change: what is ordered.

    Returns:
        All findings, blockers and warnings, in the order of `RULES`; empty when there is nothing to say.

    Raises:
        NotFound: when the tenant has no such subscription, or no plan has that id.
    """
    case = _case(tenant, change, catalog, limits)
    return tuple(finding for rule in RULES for finding in rule(case))


def ensure_eligible(tenant: Tenant, change: PlanChange, catalog: Catalog, limits: Limits) -> tuple[Finding, ...]:
    """Ask every rule about a change, and refuse it when one blocks.

    Returns:
        The warnings.

    Raises:
        NotEligible: with all findings, when one of them is a blocker.
        NotFound: see `check`.
    """
    findings = check(tenant, change, catalog, limits)
    if blockers(findings):
        raise NotEligible(findings)
    return findings


def _case(tenant: Tenant, change: PlanChange, catalog: Catalog, limits: Limits) -> Case:
    subscription = tenant.subscription(change.subscription_id)
    if subscription is None:
        held = ", ".join(f"{held.id} ({held.sku_part_number})" for held in tenant.subscriptions) or "none"
        raise NotFound(f"{tenant.name} has no subscription {change.subscription_id!r}; it has {held}.")
    target = catalog.plan(change.target_plan)
    source = catalog.plan(subscription.plan) if subscription.plan else None
    return Case(tenant, change, subscription, source, target, catalog, limits)


def pair_is_listed(case: Case) -> Iterator[Finding]:
    """R5: only pairs of the matrix, and of these only the open ones."""
    pair = case.catalog.pair(case.source.id, case.target.id) if case.source else None
    if pair is None:
        targets = case.catalog.targets(case.source.id) if case.source else ()
        yield blocker(
            "pair_not_listed",
            "R5",
            source=case.source_name,
            target=case.target.name_en,
            count=len(targets),
            targets=", ".join(plan.id for plan in targets),
        )
    elif pair.closed:
        yield blocker("pair_closed", "R5", source=case.source_name, target=case.target.name_en, reason=pair.closed)


def not_too_many_users(case: Case) -> Iterator[Finding]:
    """R2: 300 licence holders pass, 301 do not."""
    holders, limit = case.subscription.assigned, case.limits.wizard_users
    if holders > limit:
        yield blocker("too_many_users", "R2", count=holders, limit=limit)


def ordered_by_an_admin(case: Case) -> Iterator[Finding]:
    """R3: a global admin; for the small-business family any admin. An operator needs no role in the tenant."""
    upn = case.change.acting_upn
    if upn is None:
        return
    any_admin = case.source is not None and case.source.family == _SMALL_BUSINESS
    needed = "an administrator" if any_admin else "a global administrator"
    roles = {admin.role for admin in case.tenant.admins if admin.upn.casefold() == upn.casefold()}
    if not roles:
        yield blocker("not_an_admin", "R3", upn=upn, needed=needed)
    elif not any_admin and AdminRole.GLOBAL_ADMIN not in roles:
        yield blocker("role_too_low", "R3", upn=upn, needed=needed)


def no_trial(case: Case) -> Iterator[Finding]:
    """R4: a trial is no source."""
    if case.subscription.is_trial:
        yield blocker("trial", "R4", source=case.source_name)


def subscription_is_active(case: Case) -> Iterator[Finding]:
    """R6: a subscription that is suspended, locked out or deleted serves nobody."""
    if case.subscription.status not in _ACTIVE:
        yield blocker("not_active", "R6", status=case.subscription.status)


def fully_provisioned(case: Case) -> Iterator[Finding]:
    """R6: every service of the source is set up."""
    if not case.subscription.provisioned:
        yield blocker("not_provisioned", "R6")


def services_are_healthy(case: Case) -> Iterator[Finding]:
    """R7: one finding for each service of the tenant that is not healthy."""
    for service in case.tenant.services:
        if not service.healthy:
            yield blocker("service_unhealthy", "R7", service=service.service, status=service.status)


def no_licence_conflict(case: Case) -> Iterator[Finding]:
    """R8, R9: not more licences assigned than bought; says how many users need a valid one."""
    assigned, seats = case.subscription.assigned, case.subscription.seats
    if assigned > seats:
        yield blocker("licence_conflict", "R8", missing=assigned - seats, assigned=assigned, seats=seats)


def payment_is_supported(case: Case) -> Iterator[Finding]:
    """R10: neither the source nor the new plan is paid by prepaid card or product key."""
    paid, chosen = case.subscription.payment_method, case.change.payment_method
    if paid in _UNSUPPORTED:
        yield blocker("source_payment", "R10", payment_method=str(paid), method=_UNSUPPORTED[paid])
    if chosen in _UNSUPPORTED:
        yield blocker("chosen_payment", "R10", payment_method=str(chosen), method=_UNSUPPORTED[chosen])


def legacy_not_too_large(case: Case) -> Iterator[Finding]:
    """R11: a small-business plan from before the upgrade: 25 licence holders pass, 26 do not."""
    holders, limit = case.subscription.assigned, case.limits.legacy_users
    small = case.source is not None and case.source.family == _SMALL_BUSINESS
    if small and case.subscription.legacy and holders > limit:
        yield blocker("legacy_too_many_users", "R11", source=case.source_name, count=holders, limit=limit)


def no_custom_domain_out_of_small_business(case: Case) -> Iterator[Finding]:
    """R12: a custom domain blocks the way from the small-business family to enterprise or midsize."""
    small = case.source is not None and case.source.family == _SMALL_BUSINESS
    domains = case.custom_domains
    if small and domains and case.target.family in _CLOSED_TO_CUSTOM_DOMAINS:
        yield blocker(
            "custom_domain",
            "R12",
            source=case.source_name,
            target=case.target.name_en,
            count=len(domains),
            domains=", ".join(domains),
        )


def seats_never_fall(case: Case) -> Iterator[Finding]:
    """R29: seats may rise, never fall."""
    seats, least = case.change.seats, case.subscription.seats
    if seats is not None and seats < least:
        yield blocker("fewer_seats", "R29", seats=seats, least=least)


def public_website_address(case: Case) -> Iterator[Finding]:
    """R20: a custom domain may carry the public website; its address is changed before the plan."""
    domains = case.custom_domains
    if domains:
        yield warning("public_website", "R20", count=len(domains), domains=", ".join(domains))


def no_way_back(case: Case) -> Iterator[Finding]:
    """R48: from another family there is no way back."""
    if case.source and case.catalog.kind(case.source.id, case.target.id) is ChangeKind.OTHER_FAMILY:
        yield warning("no_way_back", "R48", source=case.source_name, target=case.target.name_en)


RULES: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    pair_is_listed,
    not_too_many_users,
    ordered_by_an_admin,
    no_trial,
    subscription_is_active,
    fully_provisioned,
    services_are_healthy,
    no_licence_conflict,
    payment_is_supported,
    legacy_not_too_large,
    no_custom_domain_out_of_small_business,
    seats_never_fall,
    public_website_address,
    no_way_back,
)
"""In the order in which the findings are told: the blockers, then the warnings."""
