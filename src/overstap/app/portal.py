"""What a tenant's admins do from outside a plan change: licences, buying, cancelling, signing in to the portal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ulid import ULID

from overstap.clock import Clock
from overstap.domain.books import outside_key
from overstap.domain.catalog import Catalog
from overstap.domain.locks import LOCK_OF_OPERATION, ActiveRun, Guard, PortalPage
from overstap.domain.ports import Provider
from overstap.domain.reading import one_line
from overstap.domain.roles import role_of
from overstap.domain.tenant import BillingFrequency, Licences, PaymentMethod, User
from overstap.errors import BadInput, Refused
from overstap.store.runs import Runs


class Office(Provider, Protocol):
    """A provider that also does what a tenant's admins ask for, each within one transaction that sees the locks."""

    def request(self, operation: str, key: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Do one of `domain.locks.LOCK_OF_OPERATION`, once per tenant and key.

        Raises:
            TenantLocked: when the tenant's active run forbids it, however close the race was.
            NotFound, Refused, Conflict: when it cannot be done; nothing is then.
        """

    def open_portal(self, tenant_id: str, upn: str, page: PortalPage) -> ActiveRun | None:
        """Let an admin into a page; answers the run under way that leaves it open.

        Raises:
            TenantLocked: when the page is closed.
            Refused: when this is none of the tenant's admins.
        """

    def licences(self, tenant_id: str) -> list[Licences]:
        """Who holds the licences of each subscription."""

    def people(self, tenant_id: str) -> Sequence[User]:
        """A tenant's user accounts, by UPN."""


@dataclass(frozen=True, slots=True)
class By:
    """Who asks for something, and why; kept with what was done.

    Attributes:
        actor: as the books name who does it.
        acting_upn: the tenant's admin who does it; None when an operator does.
        key: the idempotency key: the same key with the same wish gives the same answer again; None makes a new one.
    """

    actor: str
    reason: str
    acting_upn: str | None = None
    key: str | None = None


class Portal:
    """The commands of a tenant's admins, or of an operator in their place.

    Any of the tenant's administrators may do all of this: R3 asks for a role for plan changes only.

    Each command that changes something raises:
        TenantLocked: when the tenant's active run locks it (rules.md J5).
        NotFound: when there is no such tenant, subscription, plan or user.
        Refused: when it cannot be done, or `acting_upn` is none of the tenant's admins.
        BadInput: when the reason, the key or what is wished for is empty.
        Conflict: when the key was used for another wish.
    """

    def __init__(self, runs: Runs, provider: Office, catalog: Catalog, guard: Guard, clock: Clock) -> None:
        self._runs = runs
        self._provider = provider
        self._catalog = catalog
        self._guard = guard
        self._clock = clock

    def licences(self, tenant_id: str) -> list[Licences]:
        """Who holds the licences of each of a tenant's subscriptions, the oldest subscription first.

        Raises:
            NotFound: when there is no such tenant.
        """
        return self._provider.licences(tenant_id)

    def people(self, tenant_id: str) -> Sequence[User]:
        """A tenant's user accounts, licensed or not, by UPN.

        Raises:
            NotFound: when there is no such tenant.
        """
        return self._provider.people(tenant_id)

    def locks(self, tenant_id: str) -> tuple[ActiveRun | None, frozenset[str]]:
        """The run that a tenant has under way, and what it locks now (rules.md R36, J5)."""
        active = self._runs.active_run(tenant_id)
        return active, self._guard.locks(active)

    def closed(self, tenant_id: str, page: PortalPage) -> ActiveRun | None:
        """The run that closes a page to a tenant's admins now (rules.md R15); None while it is open."""
        active = self._runs.active_run(tenant_id)
        return active if self._guard.closes(active, page) else None

    def locked(self, tenant_ids: Collection[str]) -> dict[str, tuple[ActiveRun, frozenset[str]]]:
        """The same of several tenants, by tenant; who has no run under way is left out."""
        return {one: (run, self._guard.locks(run)) for one, run in self._runs.active_runs(tenant_ids).items()}

    def assign(self, tenant_id: str, subscription_id: str, users: Sequence[str], by: By) -> Mapping[str, Any]:
        """Give users a licence: all of them or none; who has one already keeps it (R17).

        Args:
            users: by id or UPN.

        Returns:
            `subscription_id`, and the ids of the users: `changed` and `unchanged`.
        """
        wish = {"subscription_id": subscription_id, "users": _named(users)}
        return self._ask("assign_licences", tenant_id, wish, by)

    def unassign(self, tenant_id: str, subscription_id: str, users: Sequence[str], by: By) -> Mapping[str, Any]:
        """Take the licence of users: of all of them or of none; who has none stays without (R17).

        Args:
            users: by id or UPN.

        Returns:
            `subscription_id`, and the ids of the users: `changed` and `unchanged`.
        """
        wish = {"subscription_id": subscription_id, "users": _named(users)}
        return self._ask("unassign_licences", tenant_id, wish, by)

    def buy(
        self,
        tenant_id: str,
        plan_id: str,
        by: By,
        *,
        seats: int,
        payment_method: PaymentMethod = PaymentMethod.CARD,
        billing_frequency: BillingFrequency = BillingFrequency.MONTHLY,
    ) -> Mapping[str, Any]:
        """Buy a plan of the catalog beside what the tenant has (R35).

        Returns:
            The new `subscription_id`.
        """
        plan = self._catalog.plan(plan_id)
        if seats < 1:
            raise BadInput(f"A subscription has at least one seat, not {seats}.")
        if plan.seat_limit is not None and seats > plan.seat_limit:
            raise Refused(f"{plan.name_en} is sold with at most {plan.seat_limit} seats, not {seats}.")
        wish = {
            "plan": plan.id,
            "sku_id": plan.sku.id,
            "sku_part_number": plan.sku.part_number,
            "seats": seats,
            "payment_method": payment_method.value,
            "billing_frequency": billing_frequency.value,
        }
        return self._ask("buy_subscription", tenant_id, wish, by)

    def add_seats(self, tenant_id: str, subscription_id: str, by: By, *, seats: int) -> Mapping[str, Any]:
        """Buy further seats of a subscription, as a licence conflict asks for (R9, R35).

        Args:
            seats: how many more.

        Returns:
            Its `subscription_id`, and how many `seats` it has then.

        Raises:
            Refused: also when it is paid beforehand, or its plan is not sold with so many seats.
            Conflict: also when a plan change is about that subscription.
        """
        if seats < 1:
            raise BadInput(f"At least one seat is added, not {seats}.")
        held = self._provider.tenant(tenant_id).subscription(subscription_id)
        plan = self._catalog.plans.get(held.plan or "") if held else None
        if held and plan and plan.seat_limit is not None and held.seats + seats > plan.seat_limit:
            raise Refused(f"{plan.name_en} is sold with at most {plan.seat_limit} seats, not {held.seats + seats}.")
        return self._ask("add_seats", tenant_id, {"subscription_id": subscription_id, "seats": seats}, by)

    def cancel(self, tenant_id: str, subscription_id: str, by: By) -> Mapping[str, Any]:
        """End a subscription that nobody holds a licence of (R35).

        Returns:
            Its `subscription_id`.

        Raises:
            Conflict: also when a plan change is about that subscription.
        """
        wish = {"subscription_id": subscription_id}
        return self._ask("cancel_subscription", tenant_id, wish, by)

    def open(self, tenant_id: str, upn: str, page: PortalPage = PortalPage.HOME) -> ActiveRun | None:
        """Let one of a tenant's admins into a page of the portal (R15).

        Returns:
            The run under way, which leaves the page open (R37); None when there is none.

        Raises:
            TenantLocked: when the page is closed; its `run_id` is that of the status page to land on (R38).
            NotFound: when there is no such tenant.
            Refused: when this is none of its admins.
            BadInput: when that is no name at all.
        """
        upn = one_line(upn, "The administrator's UPN")
        tenant = self._provider.tenant(tenant_id)
        if role_of(tenant.admins, upn) is not None:  # nobody else is told what is under way
            self._guard.ensure_open(tenant.title, self._runs.active_run(tenant_id), page)
        return self._provider.open_portal(tenant_id, upn, page)

    def _ask(self, operation: str, tenant_id: str, wish: Mapping[str, Any], by: By) -> Mapping[str, Any]:
        reason = one_line(by.reason, "The reason, which is kept with what was done,")
        now = self._clock.now()
        key = str(ULID.from_datetime(now)) if by.key is None else one_line(by.key, "The idempotency key")
        acting_upn = None if by.acting_upn is None else one_line(by.acting_upn, "The administrator's UPN")
        tenant = self._provider.tenant(tenant_id)
        # For a provider that knows nothing of our locks; one that does looks again when nobody can come in between.
        known = self._provider.lookup(outside_key(tenant_id, key), now)
        if known is None and (acting_upn is None or role_of(tenant.admins, acting_upn) is not None):
            self._guard.ensure_free(tenant.title, self._runs.active_run(tenant_id), LOCK_OF_OPERATION[operation])
        told = {"tenant_id": tenant_id, **wish, "actor": by.actor, "reason": reason, "acting_upn": acting_upn}
        return self._provider.request(operation, key, told)


def _named(users: Sequence[str]) -> list[str]:
    if not users:
        raise BadInput("Name at least one user, each by id or UPN.")
    return [one_line(user, "The name of a user") for user in users]
