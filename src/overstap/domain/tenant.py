"""What a customer organisation has: the facts that the rules judge by.

Facts are read from a provider at one moment and never change afterwards; read them again for newer ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ACTIVE = frozenset({"Enabled", "Warning"})
"""The statuses in which a subscription serves its users; with `Warning` it is in its grace period (rules.md R6)."""


class PaymentMethod(StrEnum):
    """How a subscription is paid (rules.md R10, R33)."""

    CARD = "card"
    INVOICE = "invoice"
    PREPAID = "prepaid"
    PRODUCT_KEY = "product_key"


class BillingFrequency(StrEnum):
    """How often a subscription is billed (rules.md R27)."""

    MONTHLY = "monthly"
    ANNUAL = "annual"


class AdminRole(StrEnum):
    """What an administrator may do (rules.md R3)."""

    GLOBAL_ADMIN = "global_admin"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A tenant's purchase of a plan.

    Attributes:
        id: the commerceSubscriptionId of Microsoft Graph.
        sku_part_number: what was bought, e.g. `STANDARDPACK`.
        plan: the catalog's plan id for that SKU, None when the catalog does not know it.
        seats: places that were bought.
        assigned: users that hold a licence of this subscription.
        status: Enabled, Warning, Suspended, LockedOut or Deleted.
        provisioned: every service of it answers `Success` (rules.md R6).
        legacy: bought before the service upgrade (rules.md R11).
    """

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


@dataclass(frozen=True, slots=True)
class User:
    """One user account; `upn` is the name that its user signs in with."""

    id: str
    upn: str
    display_name: str


@dataclass(frozen=True, slots=True)
class Licences:
    """A subscription and the users that hold a licence of it, by UPN."""

    subscription: Subscription
    users: tuple[User, ...]

    @property
    def free(self) -> int:
        """Seats that nobody has; below zero in a licence conflict (rules.md R8)."""
        return self.subscription.seats - self.subscription.assigned


@dataclass(frozen=True, slots=True)
class Domain:
    """An internet domain of a tenant; `custom` when it is not the initial one (rules.md R12)."""

    name: str
    custom: bool
    default: bool


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    """The state of one service; healthy is `serviceOperational` in any letter case (rules.md R7)."""

    service: str
    status: str
    healthy: bool


@dataclass(frozen=True, slots=True)
class Admin:
    """A person who may order for the tenant (rules.md R3)."""

    upn: str
    role: AdminRole


@dataclass(frozen=True, slots=True)
class Tenant:
    """One customer organisation, as its provider knew it at one moment.

    Attributes:
        id: the organisation id of Microsoft Graph.
        locale: `nl` or `en`, from the organisation's preferredLanguage.
        users: how many user accounts there are, licensed or not.
        credit_limit: what the credit bureau grants per month, in cents of the catalog's currency.
    """

    id: str
    name: str
    locale: str
    users: int
    subscriptions: tuple[Subscription, ...]
    domains: tuple[Domain, ...]
    services: tuple[ServiceHealth, ...]
    admins: tuple[Admin, ...]
    credit_limit: int

    @property
    def title(self) -> str:
        """Its name and id, for people."""
        return f"{self.name} ({self.id})"

    def subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription with that id, None when the tenant has no such one."""
        return next((held for held in self.subscriptions if held.id == subscription_id), None)
