"""Takes over what an export tells of a tenant: whole, and again whenever there is a newer one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from overstap.domain.books import IMPORT, Account, Purchase
from overstap.domain.locks import COMMERCE, LICENCE, Guard
from overstap.domain.tenant import ACTIVE
from overstap.errors import Conflict
from overstap.providers.embedded.billing import BILLED
from overstap.providers.embedded.books import Ledger
from overstap.providers.graph_export import ExportedSubscription, TenantExport


def import_exports(ledger: Ledger, exports: Sequence[TenantExport], guard: Guard, now: datetime) -> None:
    """Bring the books of tenants to what their exports tell, all of them or none.

    The exports' facts win, but for what happened here since: a subscription that a change or an admin closed stays
    closed, and one that was bought here stays with its licences.

    Raises:
        TenantLocked: when a run locks the commerce or the licences of a tenant (R17, R35, J5).
        Conflict: when an order of a tenant is under way.
    """
    # Always in the order of their ids, or two imports wait for each other for ever.
    exports = sorted(exports, key=lambda export: export.id)
    for export in exports:
        account = Account(id=export.id, name=export.name, locale=export.locale, credit_limit=export.credit_limit)
        ledger.put_account(account, now)  # also locks the tenant, new or not, until the transaction ends
    active = ledger.active_runs([export.id for export in exports])
    for export in exports:
        guard.ensure_free(f"{export.name} ({export.id})", active.get(export.id), COMMERCE, LICENCE)
        _take(ledger, export, now)


def _take(ledger: Ledger, export: TenantExport, now: datetime) -> None:
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
    ended = _asked(ledger, export.id, "cancel_subscription") | {
        purchase.id
        for purchase in known.values()
        if any(order.source == purchase.id and order.completed_at for order in ledger.orders_of(export.id, purchase.id))
    }
    bought = _asked(ledger, export.id, "buy_subscription") | {one.id for one in known.values() if one.replaces}
    wanted: dict[str, set[str]] = defaultdict(set)
    for user_id, subscription_id in export.assignments:
        wanted[subscription_id].add(user_id)
    exported = [held for held in export.subscriptions if held.id not in ended]
    for held in exported:
        ledger.put_purchase(export.id, _purchase(held, known.get(held.id)))
        _hold(ledger, export.id, held.id, wanted[held.id], now)
        _bill(ledger, export.id, held, now)
    people = {user.id for user in export.users}
    for purchase in known.values():
        if purchase.closed_at is not None or purchase.id in {held.id for held in exported}:
            continue
        if purchase.id in bought:  # here, so the export cannot know it
            _hold(ledger, export.id, purchase.id, people.intersection(ledger.holders(export.id, purchase.id)), now)
            continue
        _hold(ledger, export.id, purchase.id, (), now)
        ledger.end_billing(export.id, purchase.id, IMPORT, now)
        ledger.close_purchase(export.id, purchase.id, now)


def _asked(ledger: Ledger, tenant_id: str, operation: str) -> set[str]:
    """The subscriptions that an operation from outside was about."""
    return {str(done.response["subscription_id"]) for done in ledger.operations(tenant_id, operation)}


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
    paid = held.status in ACTIVE and not held.is_trial and held.payment_method in BILLED
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
