"""Reads a tenant from the folder into which its admin exported Microsoft Graph's answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from overstap.domain.tenant import ACTIVE, Admin, BillingFrequency, Domain, PaymentMethod, ServiceHealth
from overstap.errors import BadInput
from overstap.providers.graph_files import (
    Commerce,
    DirectorySubscription,
    DomainEntry,
    HealthOverview,
    Organization,
    SubscribedSku,
    User,
    read_commerce,
    read_list,
    refuse_repeated,
)

_HEALTHY = "serviceoperational"
_PROVISIONED = "Success"


@dataclass(frozen=True, slots=True)
class ExportedSku:
    """A SKU that the tenant is subscribed to, known to the catalog or not.

    Attributes:
        enabled: licences that can be used.
        consumed: licences that are assigned.
    """

    sku_id: str
    sku_part_number: str
    enabled: int
    consumed: int


@dataclass(frozen=True, slots=True)
class ExportedSubscription:
    """A subscription as exported.

    Attributes:
        id: the commerceSubscriptionId, by which Overstap names it.
        graph_id: Graph's own id for it.
        provisioned: every service of it answers `Success` (rules.md R6).
        legacy: bought before the service upgrade (rules.md R11).
        created_at: when it was bought, in UTC.
    """

    id: str
    graph_id: str
    sku_id: str
    sku_part_number: str
    seats: int
    status: str
    is_trial: bool
    provisioned: bool
    payment_method: PaymentMethod
    billing_frequency: BillingFrequency
    legacy: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedUser:
    """A user account; `licences` are ids of the SKUs that it has, also of such that no subscription is for."""

    id: str
    upn: str
    display_name: str
    licences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TenantExport:
    """All that an export tells of one tenant; ids are GUIDs in lower case.

    Attributes:
        id: the organisation's id.
        locale: `nl` or `en`.
        skus: what the tenant is subscribed to, in the file's order.
        subscriptions: in the order of (created_at, id).
        users: in the file's order.
        credit_limit: per month, in cents.
        assignments: (user id, subscription id) of each licence that a subscription covers, sorted.
    """

    id: str
    name: str
    locale: str
    skus: tuple[ExportedSku, ...]
    subscriptions: tuple[ExportedSubscription, ...]
    users: tuple[ExportedUser, ...]
    domains: tuple[Domain, ...]
    services: tuple[ServiceHealth, ...]
    admins: tuple[Admin, ...]
    credit_limit: int
    assignments: tuple[tuple[str, str], ...]


def read_export(folder: Path) -> TenantExport:
    """Read one tenant.

    Args:
        folder: has organization.json, subscribedSkus.json, subscriptions.json, users.json, domains.json and
            healthOverviews.json as Graph answers them, and commerce.json for what Graph does not know.

    Raises:
        BadInput: naming file, place and what was expected; nothing of the tenant is read then.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder}: there is no such folder; give the folder of one tenant's export")
    organization = _the_organization(folder)
    skus = read_list(folder, "subscribedSkus.json", SubscribedSku)
    subscriptions = read_list(folder, "subscriptions.json", DirectorySubscription)
    users = read_list(folder, "users.json", User)
    domains = read_list(folder, "domains.json", DomainEntry)
    health = read_list(folder, "healthOverviews.json", HealthOverview)
    commerce = read_commerce(folder)
    refuse_repeated(folder / "subscribedSkus.json", "skuId", skus, lambda sku: sku.sku_id)
    refuse_repeated(
        folder / "subscriptions.json",
        "commerceSubscriptionId",
        subscriptions,
        lambda held: held.commerce_subscription_id,
    )
    refuse_repeated(folder / "subscriptions.json", "id", subscriptions, lambda held: held.id)
    refuse_repeated(folder / "users.json", "id", users, lambda user: user.id)
    refuse_repeated(folder / "users.json", "userPrincipalName", users, lambda user: user.user_principal_name)
    refuse_repeated(folder / "domains.json", "id", domains, lambda domain: domain.id)
    refuse_repeated(folder / "healthOverviews.json", "id", health, lambda service: service.id)
    _refuse_misfits(folder, subscriptions, commerce)
    bought = tuple(sorted((_subscription(held, commerce) for held in subscriptions), key=_age))
    people = tuple(_user(user) for user in users)
    return TenantExport(
        id=organization.id,
        name=organization.display_name,
        locale="nl" if (organization.preferred_language or "").lower().startswith("nl") else "en",
        skus=tuple(_sku(sku) for sku in skus),
        subscriptions=bought,
        users=people,
        domains=tuple(Domain(entry.id, custom=not entry.is_initial, default=entry.is_default) for entry in domains),
        services=tuple(
            ServiceHealth(service.service, service.status, healthy=service.status.lower() == _HEALTHY)
            for service in health
        ),
        admins=tuple(Admin(admin.user_principal_name, admin.role) for admin in commerce.admins),
        credit_limit=commerce.credit_limit,
        assignments=assign(people, bought),
    )


def assign(users: Iterable[ExportedUser], subscriptions: Iterable[ExportedSubscription]) -> tuple[tuple[str, str], ...]:
    """Decide which subscription each licence belongs to, for Graph only knows the SKU.

    The subscriptions of a SKU are filled up to their seats, oldest first; what is left goes to the last one. Those that
    are suspended, locked out or deleted get licences only when the SKU has no other.

    Returns:
        (user id, subscription id), sorted; a licence of a SKU without any subscription is left out.
    """
    by_sku: dict[str, list[ExportedSubscription]] = defaultdict(list)
    for subscription in sorted(subscriptions, key=_age):
        by_sku[subscription.sku_id].append(subscription)
    open_ones = {
        sku_id: [subscription for subscription in held if subscription.status in ACTIVE] or held
        for sku_id, held in by_sku.items()
    }
    taken: dict[str, int] = defaultdict(int)
    assignments = []
    for user in sorted(users, key=lambda user: user.id):
        for candidates in (open_ones[sku_id] for sku_id in user.licences if sku_id in open_ones):
            free = (subscription for subscription in candidates if taken[subscription.id] < subscription.seats)
            chosen = next(free, candidates[-1])
            taken[chosen.id] += 1
            assignments.append((user.id, chosen.id))
    return tuple(sorted(assignments))


def _age(subscription: ExportedSubscription) -> tuple[datetime, str]:
    return subscription.created_at, subscription.id


def _the_organization(folder: Path) -> Organization:
    organizations = read_list(folder, "organization.json", Organization)
    if len(organizations) != 1:
        file = folder / "organization.json"
        raise BadInput(f"{file}: $.value: expected exactly one organisation, found {len(organizations)}")
    return organizations[0]


def _refuse_misfits(folder: Path, subscriptions: list[DirectorySubscription], commerce: Commerce) -> None:
    """Both files tell of the same subscriptions: nobody guesses how one is paid."""
    file = folder / "commerce.json"
    held = {subscription.commerce_subscription_id for subscription in subscriptions}
    problems = [
        f"{file}: $.subscriptions[{entry!r}]: subscriptions.json has no subscription with this commerceSubscriptionId"
        for entry in commerce.subscriptions
        if entry not in held
    ] + [
        f"{file}: $.subscriptions: {subscription.commerce_subscription_id} ({subscription.sku_part_number}) "
        "is missing; say how it is paid"
        for subscription in subscriptions
        if subscription.commerce_subscription_id not in commerce.subscriptions
    ]
    if problems:
        raise BadInput("\n".join(problems))


def _sku(sku: SubscribedSku) -> ExportedSku:
    return ExportedSku(sku.sku_id, sku.sku_part_number, sku.prepaid_units.enabled, sku.consumed_units)


def _subscription(held: DirectorySubscription, commerce: Commerce) -> ExportedSubscription:
    paid = commerce.subscriptions[held.commerce_subscription_id]
    return ExportedSubscription(
        id=held.commerce_subscription_id,
        graph_id=held.id,
        sku_id=held.sku_id,
        sku_part_number=held.sku_part_number,
        seats=held.total_licenses,
        status=held.status,
        is_trial=held.is_trial,
        provisioned=all(service.provisioning_status == _PROVISIONED for service in held.service_status),
        payment_method=paid.payment_method,
        billing_frequency=paid.billing_frequency,
        legacy=paid.legacy,
        created_at=held.created_date_time,
    )


def _user(user: User) -> ExportedUser:
    licences = tuple(sorted({licence.sku_id for licence in user.assigned_licenses}))
    return ExportedUser(user.id, user.user_principal_name, user.display_name or user.user_principal_name, licences)
