"""What the functions of `shapes` answer of tenants and of what is sold, key by key.

Money is in cents of the catalog's currency.
"""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from overstap.domain.tenant import AdminRole, BillingFrequency, PaymentMethod


class HeldSubscription(TypedDict):
    """A subscription of a tenant with all its facts; `plan` is null when the catalog does not know its SKU."""

    id: str
    sku_id: str
    sku_part_number: str
    plan: str | None
    seats: int
    assigned: int
    status: str
    is_trial: bool
    provisioned: bool
    payment_method: PaymentMethod
    billing_frequency: BillingFrequency
    legacy: bool


class TenantDomain(TypedDict):
    """An internet domain of a tenant."""

    name: str
    custom: bool
    default: bool


class TenantService(TypedDict):
    """A service of a tenant, and whether it works."""

    service: str
    status: str
    healthy: bool


class TenantAdmin(TypedDict):
    """A person who may order for a tenant."""

    upn: str
    role: AdminRole


class TenantFacts(TypedDict):
    """A tenant with all its facts; `credit_limit` is in cents per month."""

    id: str
    name: str
    locale: str
    users: int
    subscriptions: tuple[HeldSubscription, ...]
    domains: tuple[TenantDomain, ...]
    services: tuple[TenantService, ...]
    admins: tuple[TenantAdmin, ...]
    credit_limit: int


class SubscriptionSummary(TypedDict):
    """A subscription as listings of tenants show it."""

    id: str
    plan: str | None
    sku_part_number: str
    seats: int


class TenantSummary(TypedDict):
    """A tenant as listings show it; `users` counts its accounts, licensed or not."""

    id: str
    name: str
    locale: str
    users: int
    subscriptions: list[SubscriptionSummary]


class LicenceHolder(TypedDict):
    """A user who holds a licence."""

    id: str
    upn: str
    name: str


class SubscriptionLicences(TypedDict):
    """A subscription and who holds its licences; `free` is below zero where more are assigned than there are seats."""

    subscription_id: str
    plan: str | None
    sku_part_number: str
    seats: int
    assigned: int
    free: int
    users: list[LicenceHolder]


class CatalogPlan(TypedDict):
    """A plan of the catalog; `monthly_cents` is for one seat."""

    id: str
    family: str
    name_en: str
    name_nl: str
    variants_nl: tuple[str, ...]
    sku_part_number: str | None
    sku_id: str | None
    monthly_cents: int
    seat_limit: int | None


_From = TypedDict("_From", {"from": str})


class CatalogPair(_From):
    """A change that the catalog lists, from one plan to another; `closed` says why it is closed, by locale."""

    to: str
    closed: NotRequired[dict[str, str]]
