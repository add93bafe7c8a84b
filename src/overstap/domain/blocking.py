"""What stops a change: one small function per rule (rules.md §A, §E, §F), all asked, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from overstap.domain import links
from overstap.domain.case import Case, plan_name
from overstap.domain.catalog import ChangeKind
from overstap.domain.change import Route
from overstap.domain.findings import Finding, blocker
from overstap.domain.locks import CREDIT_CHECK
from overstap.domain.roles import needed_role, role_of, suffices
from overstap.domain.tenant import ACTIVE, PaymentMethod

_CLOSED_TO_CUSTOM_DOMAINS = frozenset({"enterprise", "midsize"})
UNSUPPORTED = frozenset({PaymentMethod.PREPAID, PaymentMethod.PRODUCT_KEY})
"""How no plan change is paid (rules.md R10)."""


def no_change_under_way(case: Case) -> Iterator[Finding]:
    """R35, R36, R40: while a change or its credit check is under way, no subscription of the tenant has options."""
    active = case.active
    if active is None:
        return
    href = links.status(active.run_id)
    if active.state == CREDIT_CHECK and active.until is not None:
        yield blocker("credit_check_pending", "R35", href, run_id=active.run_id, until=_iso(active.until))
    else:
        yield blocker("change_under_way", "R40", href, run_id=active.run_id, state=active.state)


def pair_is_listed(case: Case) -> Iterator[Finding]:
    """R5: only pairs of the matrix, and of these only the open ones."""
    choose = links.choose(case.subscription.id)
    pair, source, target = case.pair, case.source_name, case.target_name
    if pair is not None:
        if pair.closed:
            yield blocker("pair_closed", "R5", choose, source=source, target=target, reason=dict(pair.closed))
        return
    if case.source == case.target:
        yield blocker("same_plan", "R5", choose, target=target)
        return
    yield from pair_missing(case)


def pair_missing(case: Case) -> Iterator[Finding]:
    """R5: a pair that the matrix does not have; E4, A3 and A4 have none at all."""
    offered = case.catalog.targets(case.source.id) if case.source else ()
    if offered:
        names = [plan_name(plan) for plan in offered]
        href = links.choose(case.subscription.id)
        yield blocker("pair_not_listed", "R5", href, source=case.source_name, target=case.target_name, targets=names)
    else:
        yield blocker("source_not_listed", "R5", links.SUPPORT, source=case.source_name)


def not_too_many_users(case: Case) -> Iterator[Finding]:
    """R2: 300 licence holders pass, 301 do not."""
    holders, limit = case.subscription.assigned, case.limits.wizard_users
    if holders > limit:
        yield blocker("too_many_users", "R2", links.SUPPORT, count=holders, limit=limit)


def ordered_by_an_admin(case: Case) -> Iterator[Finding]:
    """R3: a global admin; for the small-business family any admin. An operator needs no role in the tenant."""
    upn = case.change.acting_upn
    if upn is None:
        return
    needed, role = needed_role(case.family), role_of(case.tenant.admins, upn)
    if role is None:
        yield blocker("not_an_admin", "R3", links.ADMINS, upn=upn, needed=str(needed))
    elif not suffices(role, needed):
        yield blocker("role_too_low", "R3", links.ADMINS, upn=upn, needed=str(needed))


def no_trial(case: Case) -> Iterator[Finding]:
    """R4: a trial is no source."""
    if case.subscription.is_trial:
        yield blocker("trial", "R4", links.BUY, source=case.source_name)


def subscription_is_active(case: Case) -> Iterator[Finding]:
    """R6: a subscription that is suspended, locked out or deleted serves nobody."""
    if case.subscription.status not in ACTIVE:
        href = links.licences(case.subscription.id)
        yield blocker("not_active", "R6", href, status=case.subscription.status)


def fully_provisioned(case: Case) -> Iterator[Finding]:
    """R6, R41, R42: every service of the source is set up."""
    if not case.subscription.provisioned:
        yield blocker("not_provisioned", "R6", links.HEALTH, page=_health_page(case))


def services_are_healthy(case: Case) -> Iterator[Finding]:
    """R7, R41, R42: one finding for each service of the tenant that is not healthy, by its name."""
    for service in sorted(case.tenant.services, key=lambda one: (one.service, one.status)):
        if not service.healthy:
            yield blocker(
                "service_unhealthy",
                "R7",
                links.HEALTH,
                service=service.service,
                status=service.status,
                page=_health_page(case),
            )


def no_licence_conflict(case: Case) -> Iterator[Finding]:
    """R8, R9, R43: not more licences assigned than bought; says how many users need a valid one, and where."""
    assigned, seats = case.subscription.assigned, case.subscription.seats
    if assigned > seats:
        href = links.licences(case.subscription.id)
        yield blocker(
            "licence_conflict", "R8", href, missing=assigned - seats, assigned=assigned, seats=seats, page="licences"
        )


def payment_is_supported(case: Case) -> Iterator[Finding]:
    """R10: neither the source nor the new plan is paid by prepaid card or product key."""
    paid, chosen = case.subscription.payment_method, case.payment_method
    if paid in UNSUPPORTED:
        yield blocker("source_payment", "R10", links.SUPPORT, payment_method=str(paid))
    # What the wizard refuses for its source anyway need not be said twice; the manual way gets round that, not this.
    if chosen in UNSUPPORTED and (case.change.payment_method or case.change.route is Route.MANUAL):
        href = links.checkout(case.subscription.id, case.target.id)
        yield blocker("chosen_payment", "R10", href, payment_method=str(chosen))


def legacy_not_too_large(case: Case) -> Iterator[Finding]:
    """R11: a small-business plan from before the upgrade: 25 licence holders pass, 26 do not."""
    holders, limit = case.subscription.assigned, case.limits.legacy_users
    if case.small_business and case.subscription.legacy and holders > limit:
        yield blocker(
            "legacy_too_many_users", "R11", links.SUPPORT, source=case.source_name, count=holders, limit=limit
        )


def no_custom_domain_out_of_small_business(case: Case) -> Iterator[Finding]:
    """R12: a custom domain blocks the way from the small-business family to enterprise or midsize."""
    domains = case.custom_domains
    if case.small_business and domains and case.target.family in _CLOSED_TO_CUSTOM_DOMAINS:
        yield blocker("custom_domain", "R12", links.DOMAINS, count=len(domains), domains=domains, page="domains")


def seats_never_fall(case: Case) -> Iterator[Finding]:
    """R29: seats may rise, never fall."""
    seats, least = case.change.seats, case.subscription.seats
    if seats is not None and seats < least:
        href = links.checkout(case.subscription.id, case.target.id)
        yield blocker("fewer_seats", "R29", href, seats=seats, least=least)


def no_way_back_is_acknowledged(case: Case) -> Iterator[Finding]:
    """R48: an order to another family says that it knows of no way back; the manual way asks for it by a task."""
    asked = case.change.acknowledged is not None and case.change.route is Route.WIZARD
    if asked and not case.change.acknowledged and case.kind is ChangeKind.OTHER_FAMILY:
        href = links.checkout(case.subscription.id, case.target.id)
        yield blocker("acknowledgement_missing", "R48", href, source=case.source_name, target=case.target_name)


def _health_page(case: Case) -> str:
    return "health_small_business" if case.small_business else "health"


def _iso(moment: datetime) -> str:
    return moment.isoformat()


BLOCKING: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    no_change_under_way,
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
    no_way_back_is_acknowledged,
)
"""In the order in which the findings are told."""
