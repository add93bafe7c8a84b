"""What the books tell of a tenant: the facts that the rules judge by, and who holds which licence."""

from __future__ import annotations

from overstap.domain.catalog import Catalog
from overstap.domain.tenant import BillingFrequency, Licences, PaymentMethod, Subscription, Tenant
from overstap.errors import NotFound
from overstap.providers.embedded.books import Reader


def tenant_facts(books: Reader, catalog: Catalog, tenant_id: str) -> Tenant:
    """The facts of a tenant; its subscriptions are those that are not closed.

    Raises:
        NotFound: when there is no such tenant.
    """
    account = books.account(tenant_id)
    if account is None:
        raise unknown_tenant(tenant_id)
    return Tenant(
        id=account.id,
        name=account.name,
        locale=account.locale,
        users=books.users(tenant_id),
        subscriptions=_subscriptions(books, catalog, tenant_id),
        domains=tuple(books.domains(tenant_id)),
        services=tuple(books.services(tenant_id)),
        admins=tuple(books.admins(tenant_id)),
        credit_limit=account.credit_limit,
    )


def tenant_licences(books: Reader, catalog: Catalog, tenant_id: str) -> list[Licences]:
    """Who holds the licences of each subscription that is not closed, the oldest subscription first.

    Raises:
        NotFound: when there is no such tenant.
    """
    if books.account(tenant_id) is None:
        raise unknown_tenant(tenant_id)
    people = books.people(tenant_id)
    told = []
    for subscription in _subscriptions(books, catalog, tenant_id):
        holders = set(books.holders(tenant_id, subscription.id))
        told.append(Licences(subscription, tuple(user for user in people if user.id in holders)))
    return told


def unknown_tenant(tenant_id: str) -> NotFound:
    """What is raised where there is no such tenant."""
    return NotFound(f"There is no tenant {tenant_id!r}; `overstap tenants list` shows those that there are.")


def _subscriptions(books: Reader, catalog: Catalog, tenant_id: str) -> tuple[Subscription, ...]:
    assigned = books.assigned(tenant_id)
    subscriptions = []
    for held in books.purchases(tenant_id):
        if held.closed_at is not None:
            continue
        plan = catalog.plan_of_sku(held.sku_part_number, held.sku_id)
        subscription = Subscription(
            id=held.id,
            sku_id=held.sku_id,
            sku_part_number=held.sku_part_number,
            plan=plan.id if plan else None,
            seats=held.seats,
            assigned=assigned.get(held.id, 0),
            status=held.status,
            is_trial=held.is_trial,
            provisioned=held.provisioned,
            payment_method=PaymentMethod(held.payment_method),
            billing_frequency=BillingFrequency(held.billing_frequency),
            legacy=held.legacy,
        )
        subscriptions.append(subscription)
    return tuple(subscriptions)
