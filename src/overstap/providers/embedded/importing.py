"""Takes over what an export tells of a tenant: whole, and again whenever there is a newer one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import datetime

from overstap.domain.books import IMPORT, Account, Purchase
from overstap.domain.tenant import PaymentMethod
from overstap.errors import Conflict
from overstap.providers.embedded.books import Ledger
from overstap.providers.graph_export import ExportedSubscription, TenantExport

_ACTIVE = frozenset({"Enabled", "Warning"})
_BILLED = frozenset({PaymentMethod.CARD, PaymentMethod.INVOICE})


Permit = Callable[[str], None]
"""Raises when the tenant with this id may not change now."""


def import_export(ledger: Ledger, export: TenantExport, now: datetime, permit: Permit) -> None:
    """Bring one tenant's books to what its export tells.

    The export's facts win, but for what happened here since: a subscription that a change closed stays closed, and the
    one that was bought instead stays with its licences.

    Args:
        permit: asked while the tenant is held, so that what it answers stays so until the import is done (R17).

    Raises:
        Conflict: when an order of the tenant is under way.
    """
    account = Account(id=export.id, name=export.name, locale=export.locale, credit_limit=export.credit_limit)
    ledger.put_account(account, now)  # also locks the tenant, new or not, until the transaction ends
    permit(export.id)
    order = ledger.order_under_way(export.id)
    if order is not None:
        raise Conflict(f"{export.name} has order {order.id} under way; import it again when its change has ended.")
    users = [{"id": user.id, "upn": user.upn, "display_name": user.display_name} for user in export.users]
    services = {it.service: it for it in sorted(export.services, key=lambda it: not it.healthy)}
    admins = {admin.upn: admin for admin in export.admins}
    ledger.put_people(export.id, users, export.domains, list(services.values()), list(admins.values()))
    _take_subscriptions(ledger, export, now)


def _take_subscriptions(ledger: Ledger, export: TenantExport, now: datetime) -> None:
    known = {purchase.id: purchase for purchase in ledger.purchases(export.id)}
    changed_away = {
        purchase.id
        for purchase in known.values()
        if any(order.source == purchase.id and order.completed_at for order in ledger.orders_of(export.id, purchase.id))
    }
    wanted: dict[str, set[str]] = defaultdict(set)
    for user_id, subscription_id in export.assignments:
        wanted[subscription_id].add(user_id)
    exported = [held for held in export.subscriptions if held.id not in changed_away]
    for held in exported:
        ledger.put_purchase(export.id, _purchase(held, known.get(held.id)))
        _hold(ledger, export.id, held.id, wanted[held.id], now)
        _bill(ledger, export.id, held, now)
    people = {user.id for user in export.users}
    for purchase in known.values():
        if purchase.closed_at is not None or purchase.id in {held.id for held in exported}:
            continue
        if purchase.replaces is not None:  # bought here, so the export cannot know it
            _hold(ledger, export.id, purchase.id, people.intersection(ledger.holders(export.id, purchase.id)), now)
            continue
        _hold(ledger, export.id, purchase.id, (), now)
        ledger.end_billing(export.id, purchase.id, IMPORT, now)
        ledger.close_purchase(export.id, purchase.id, now)


def _hold(ledger: Ledger, tenant_id: str, subscription_id: str, users: Collection[str], now: datetime) -> None:
    wanted = set(users)
    holders, residents = (
        set(ledger.holders(tenant_id, subscription_id)),
        set(ledger.residents(tenant_id, subscription_id)),
    )
    ledger.unassign(tenant_id, subscription_id, sorted(holders - wanted), IMPORT, now)
    ledger.assign(tenant_id, subscription_id, sorted(wanted - holders), IMPORT, now)
    ledger.settle_out(tenant_id, subscription_id, sorted(residents - wanted))
    ledger.settle_in(tenant_id, subscription_id, sorted(wanted - residents))


def _bill(ledger: Ledger, tenant_id: str, held: ExportedSubscription, now: datetime) -> None:
    paid = held.status in _ACTIVE and not held.is_trial and held.payment_method in _BILLED
    billed = ledger.billed(tenant_id, held.id)
    if paid and not billed:
        ledger.open_billing(tenant_id, held.id, IMPORT, now)
    if billed and not paid:
        ledger.end_billing(tenant_id, held.id, IMPORT, now)


def _purchase(held: ExportedSubscription, before: Purchase | None) -> Purchase:
    return Purchase(
        id=held.id,
        sku_id=held.sku_id,
        sku_part_number=held.sku_part_number,
        seats=held.seats,
        status=held.status,
        is_trial=held.is_trial,
        provisioned=held.provisioned,
        payment_method=str(held.payment_method),
        billing_frequency=str(held.billing_frequency),
        legacy=held.legacy,
        created_at=held.created_at,
        replaces=before.replaces if before else None,
    )
