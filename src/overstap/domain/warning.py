"""What the customer should know before a change: one small function per rule, all asked, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from overstap.domain import links
from overstap.domain.case import Case
from overstap.domain.catalog import ChangeKind
from overstap.domain.change import Route
from overstap.domain.credit import CreditReason
from overstap.domain.findings import Finding, warning


def manual_way_is_open(case: Case) -> Iterator[Finding]:
    """R46, R47, R51: what the wizard does not do can be done manually, in a strict order."""
    if case.route is Route.MANUAL:
        yield warning("manual_way", "R47", links.SUPPORT)


def public_website_address(case: Case) -> Iterator[Finding]:
    """R20: a custom domain may carry the public website; its address is changed before the plan."""
    domains = case.custom_domains
    if domains:
        yield warning("public_website", "R20", links.DOMAINS, count=len(domains), domains=domains)


def seat_limit_is_told(case: Case) -> Iterator[Finding]:
    """R11, R29: a plan with a limit of its own; only told, as the seats of a change cannot fall."""
    limit = case.target.seat_limit
    if limit is not None and case.seats > limit:
        href = links.choose(case.subscription.id)
        yield warning("over_seat_limit", "R11", href, target=case.target_name, limit=limit, seats=case.seats)


def credit_check_ahead(case: Case) -> Iterator[Finding]:
    """R33, R34: an order by invoice, or from a cost on, needs a credit check of at most two weeks."""
    reason, currency = case.credit_reason, case.catalog.currency
    if reason is None:
        return
    params = {
        "cost": {"cents": case.monthly_cents, "currency": currency},
        "threshold": {"cents": case.limits.credit_threshold_cents, "currency": currency},
        "days": case.limits.credit_window.days,
    }
    code = "credit_check_by_invoice" if reason is CreditReason.INVOICE else "credit_check_by_cost"
    yield warning(code, "R33", links.checkout(case.subscription.id, case.target.id), **params)


def commerce_lock_ahead(case: Case) -> Iterator[Finding]:
    """R35, R36, R37: the credit check locks the commerce of the whole tenant, and nothing else."""
    if case.credit_reason is not None:
        yield warning("commerce_lock_ahead", "R35", links.BUY)


def no_way_back(case: Case) -> Iterator[Finding]:
    """R48: from another family there is no way back."""
    if case.kind is ChangeKind.OTHER_FAMILY:
        href = links.checkout(case.subscription.id, case.target.id)
        yield warning("no_way_back", "R48", href, source=case.source_name, target=case.target_name)


def domains_come_off(case: Case) -> Iterator[Finding]:
    """R49: the manual way removes custom domains first and adds them again afterwards."""
    domains = case.custom_domains
    if domains and case.route is Route.MANUAL:
        yield warning("domains_come_off", "R49", links.DOMAINS, count=len(domains), domains=domains)


def backup_is_advised(case: Case) -> Iterator[Finding]:
    """R50: before a change to another family, a backup of all company data."""
    if case.kind is ChangeKind.OTHER_FAMILY:
        yield warning("backup_advised", "R50", links.SUPPORT)


WARNING: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    manual_way_is_open,
    public_website_address,
    seat_limit_is_told,
    credit_check_ahead,
    commerce_lock_ahead,
    no_way_back,
    domains_come_off,
    backup_is_advised,
)
"""In the order in which the findings are told."""
