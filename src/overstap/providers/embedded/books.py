"""What the embedded provider needs of the database, as protocols; `store/books.py` keeps them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from overstap.domain.books import Account, Operation, Order, Purchase
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import Admin, Domain, ServiceHealth, User


class Reader(Protocol):
    """The books of all tenants at one moment; subscriptions are named by tenant and id."""

    def accounts(self, text: str | None = None) -> Sequence[Account]:
        """All tenants by name, or those with a text in their name, id or a domain, in large or small letters."""

    def account(self, tenant_id: str) -> Account | None:
        """One tenant."""

    def users(self, tenant_id: str) -> int:
        """How many user accounts it has."""

    def people(self, tenant_id: str) -> Sequence[User]:
        """Its user accounts, by UPN."""

    def domains(self, tenant_id: str) -> Sequence[Domain]:
        """Its domains, by name."""

    def services(self, tenant_id: str) -> Sequence[ServiceHealth]:
        """Its services, by name."""

    def admins(self, tenant_id: str) -> Sequence[Admin]:
        """Who may order for it, by name."""

    def purchases(self, tenant_id: str) -> Sequence[Purchase]:
        """All its subscriptions, the closed ones too, oldest first."""

    def purchase(self, tenant_id: str, subscription_id: str) -> Purchase | None:
        """One subscription, closed or not."""

    def assigned(self, tenant_id: str) -> Mapping[str, int]:
        """How many users hold a licence, by subscription; only those with any."""

    def holders(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        """Ids of the users that hold its licence, sorted."""

    def residents(self, tenant_id: str, subscription_id: str) -> Sequence[str]:
        """Ids of the users that it serves, sorted."""

    def billed(self, tenant_id: str, subscription_id: str) -> bool:
        """Whether it is billed now."""

    def order(self, tenant_id: str, source: str, target: str) -> Order | None:
        """The order that leads from one subscription to the other."""

    def orders_of(self, tenant_id: str, subscription_id: str) -> Sequence[Order]:
        """The orders that it is the source or the target of, oldest first."""

    def order_of_reference(self, reference: str) -> Order | None:
        """The order that was placed under a reference."""

    def order_under_way(self, tenant_id: str) -> Order | None:
        """The tenant's order that is neither completed nor cancelled."""

    def is_withdrawn(self, reference: str) -> bool:
        """Whether the order under a reference was called off, placed or not."""

    def operation(self, key: str) -> Operation | None:
        """The operation that was done under a key."""

    def operations(self, tenant_id: str, operation: str) -> Sequence[Operation]:
        """The tenant's operations of one kind, oldest first."""

    def under_way(self, tenant_id: str) -> Sequence[Operation]:
        """The tenant's operations whose work is not finished, oldest first."""


class Ledger(Reader, Protocol):
    """The same books inside one transaction that may write; `key` says what caused a change."""

    def lock(self, tenant_id: str) -> Account | None:
        """One tenant, held against every other writer until the transaction ends."""

    def active_runs(self, tenant_ids: Collection[str]) -> Mapping[str, ActiveRun]:
        """The active runs of locked tenants, by tenant; they stay as they are until the transaction ends.

        A transaction asks once for all that it needs.
        """

    def put_account(self, account: Account, at: datetime) -> None:
        """Add a tenant, or bring it up to date."""

    def put_people(
        self,
        tenant_id: str,
        users: Sequence[Mapping[str, str]],
        domains: Sequence[Domain],
        services: Sequence[ServiceHealth],
        admins: Sequence[Admin],
    ) -> None:
        """Replace a tenant's users (`id`, `upn`, `display_name`), domains, services and admins."""

    def put_domain(self, tenant_id: str, domain: Domain) -> None:
        """Add a domain, or bring it up to date."""

    def drop_domains(self, tenant_id: str, names: Sequence[str]) -> None:
        """Remove domains."""

    def put_purchase(self, tenant_id: str, purchase: Purchase) -> None:
        """Add a subscription, or bring it up to date."""

    def close_purchase(self, tenant_id: str, subscription_id: str, at: datetime) -> None:
        """Close a subscription for good."""

    def assign(self, tenant_id: str, subscription_id: str, users: Sequence[str], key: str, at: datetime) -> None:
        """Give users a licence; none of them may have it already."""

    def unassign(self, tenant_id: str, subscription_id: str, users: Sequence[str], key: str, at: datetime) -> None:
        """End the licences of users."""

    def settle_in(self, tenant_id: str, subscription_id: str, users: Sequence[str]) -> None:
        """Let a subscription serve users that no other serves instead of it."""

    def settle_out(self, tenant_id: str, subscription_id: str, users: Sequence[str]) -> None:
        """Let a subscription serve users no longer."""

    def relocate(
        self, tenant_id: str, source: str, target: str, users: Sequence[str], *, key: str, at: datetime
    ) -> None:
        """Let one subscription serve users that another served, and write their moves down."""

    def open_billing(self, tenant_id: str, subscription_id: str, key: str, at: datetime) -> None:
        """Start to bill a subscription that is not billed."""

    def end_billing(self, tenant_id: str, subscription_id: str, key: str, at: datetime) -> None:
        """Bill a subscription no longer; nothing happens when it is not billed."""

    def add_order(self, tenant_id: str, order: Order) -> None:
        """Write down a new order."""

    def complete_order(self, order_id: str, at: datetime) -> None:
        """Its source is closed."""

    def cancel_order(self, order_id: str, at: datetime) -> None:
        """Its target is closed again."""

    def withdraw(self, tenant_id: str, reference: str, at: datetime) -> None:
        """Call off the order under a reference, placed or not; nothing happens when it is called off already."""

    def add_operation(self, operation: Operation) -> None:
        """Write down an operation that is done."""

    def finish_operation(self, key: str, at: datetime) -> None:
        """The work of an operation is finished."""

    def count_call(self, tenant_id: str, operation: str) -> tuple[int, datetime | None]:
        """Count a call that faults may hit: how many came before it, and when the first was hit."""

    def note_hit(self, tenant_id: str, operation: str, at: datetime) -> None:
        """Write down when a fault first hit a call."""


class Books(Protocol):
    """Where the books are kept."""

    def reading(self) -> AbstractContextManager[Reader]:
        """The books at one moment."""

    def transaction(self) -> AbstractContextManager[Ledger]:
        """A transaction over the books: all of it is kept at the end of the block, or nothing on any error."""
