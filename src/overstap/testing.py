"""For tests: driving an engine by hand, in virtual time and one thread, and tenants to drive it over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from overstap.app.driving import Driver
from overstap.bootstrap import make_guard
from overstap.domain.locks import Guard
from overstap.domain.tenant import Admin, AdminRole, BillingFrequency, Domain, PaymentMethod, ServiceHealth
from overstap.providers.graph_export import ExportedSubscription, ExportedUser, TenantExport
from overstap.settings import Settings
from overstap.steps import STEP_EVENTS
from overstap.workflow.files import load_library

__all__ = ["SKUS", "Driver", "sample_tenant", "shipped_guard"]

SKUS = {
    "midsize": ("04a7fb0d-32e0-4241-b4f5-3f7618cd1162", "MIDSIZEPACK"),
    "e1": ("18181a46-0d4e-45cd-891e-60aabd171b4e", "STANDARDPACK"),
    "e3": ("6fd2c87f-b296-42f0-b197-1e91e994b900", "ENTERPRISEPACK"),
    "e4": ("1392051d-0cb9-4b7a-88d5-621fee5e8711", "ENTERPRISEWITHSCAL"),
}
"""SKU id and part number of some plans (rules.md §I)."""


def shipped_guard() -> Guard:
    """What refuses from outside what the workflow files that come along lock, with plain settings."""
    return make_guard(load_library(Settings().workflows, STEP_EVENTS), Settings())


def sample_tenant(
    name: str,
    *,
    users: int = 3,
    plan: str = "e1",
    seats: int | None = None,
    payment: str = "card",
    credit_limit: int = 0,
    healthy: bool = True,
    domains: Sequence[str] = (),
    locale: str = "en",
) -> TenantExport:
    """A tenant whose users `NAME-0`, `NAME-1` … all hold its one subscription `NAME-PLAN`.

    Args:
        plan: one of `SKUS`.
        seats: places that were bought; None: one for each user, fewer make a licence conflict (rules.md R8).
        payment: `card` or `invoice`.
        credit_limit: per month, in cents.
        healthy: whether its one service works (rules.md R7).
        domains: names of its custom domains, of which the first is the default (rules.md R12, R49).
        locale: `nl` or `en`.
    """
    sku_id, part_number = SKUS[plan]
    people = tuple(
        ExportedUser(f"{name}-{one}", f"user{one}@{name}.example", f"User {one}", (sku_id,)) for one in range(users)
    )
    subscription = ExportedSubscription(
        id=f"{name}-{plan}",
        graph_id=f"{name}-graph",
        sku_id=sku_id,
        sku_part_number=part_number,
        seats=users if seats is None else seats,
        status="Enabled",
        is_trial=False,
        provisioned=True,
        payment_method=PaymentMethod(payment),
        billing_frequency=BillingFrequency.MONTHLY,
        legacy=False,
        created_at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    health = "serviceOperational" if healthy else "serviceDegradation"
    return TenantExport(
        id=name,
        name=name.title(),
        locale=locale,
        skus=(),
        subscriptions=(subscription,),
        users=people,
        domains=(
            Domain(f"{name}.onmicrosoft.example", custom=False, default=not domains),
            *(Domain(one, custom=True, default=one == domains[0]) for one in domains),
        ),
        services=(ServiceHealth("Exchange Online", health, healthy=healthy),),
        admins=(Admin(people[0].upn, AdminRole.GLOBAL_ADMIN),),
        credit_limit=credit_limit,
        assignments=tuple((user.id, subscription.id) for user in people),
    )
