"""What can be done to a tenant's subscriptions: one function per operation, each inside one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from overstap.domain.books import Order, Purchase
from overstap.errors import ProviderRefused
from overstap.providers.embedded import billing, domains
from overstap.providers.embedded.call import Answer, Call
from overstap.providers.embedded.moves import move_users, under_way_at


def place_order(call: Call) -> Answer:
    """Buy the new plan beside the old one, and bill the old one no longer (R18), unless it is kept until then (R19)."""
    ledger, tenant_id = call.ledger, call.tenant_id
    reference = str(call.request.get("reference", call.key))
    if ledger.is_withdrawn(reference):
        raise ProviderRefused(f"The order of {reference} was called off; submit a new change instead.")
    other = ledger.order_under_way(tenant_id)
    if other is not None:
        raise ProviderRefused(f"Tenant {tenant_id} has order {other.id} under way; let it end first.")
    source = call.open_purchase(call["subscription_id"])
    seats, least = call["seats"], max(source.seats, len(ledger.holders(tenant_id, source.id)))
    if seats < least:
        raise ProviderRefused(f"Subscription {source.id} needs {least} seats in the new plan, not {seats}.")
    target = Purchase(
        id=call.new_id("subscription"),
        sku_id=call["target_sku_id"],
        sku_part_number=call["target_sku_part_number"],
        seats=seats,
        status="Enabled",
        is_trial=False,
        provisioned=True,
        payment_method=call["payment_method"],
        billing_frequency=call["billing_frequency"],
        legacy=False,
        created_at=call.now,
        replaces=source.id,
    )
    order = Order(
        id=call.new_id("order"),
        reference=reference,
        key=call.key,
        source=source.id,
        target=target.id,
        keep_old_billing=bool(call.request.get("keep_old_billing", False)),
        placed_at=call.now,
    )
    ledger.put_purchase(tenant_id, target)
    ledger.add_order(tenant_id, order)
    if not order.keep_old_billing:
        ledger.end_billing(tenant_id, source.id, call.key, call.now)
    return Answer({"order_id": order.id, "target_subscription_id": target.id})


def request_credit(call: Call) -> Answer:
    """Ask the credit bureau, which answers later (R33)."""
    call["monthly_cents"]
    never = call.settings.credit_answers == "never"
    return Answer({"accepted": True}, ready_at=None if never else call.now + call.settings.credit_delay)


def swap_licences(call: Call) -> Answer:
    """Give users the new licence and take the old one at one moment (R14); who has no old one stays as it is."""
    ledger, tenant_id = call.ledger, call.tenant_id
    remove, add = call["remove"], call["add"]
    call.ensure_ordered(remove, add)
    holders, have_it = set(ledger.holders(tenant_id, remove)), set(ledger.holders(tenant_id, add))
    users = [user for user in call["users"] if user in holders]
    fresh = [user for user in users if user not in have_it]
    target = call.open_purchase(add)
    missing = len(have_it) + len(fresh) - target.seats
    if missing > 0:
        raise ProviderRefused(f"Subscription {add} has {target.seats} seats: {missing} too few for these users.")
    ledger.assign(tenant_id, add, fresh, call.key, call.now)
    ledger.unassign(tenant_id, remove, users, call.key, call.now)
    return Answer({"swapped": len(users)})


def close_subscription(call: Call) -> Answer:
    """Close a subscription that nobody needs any more; its order is complete then."""
    ledger, tenant_id = call.ledger, call.tenant_id
    purchase = call.purchase(call["subscription_id"])
    if purchase.closed_at is not None:
        return Answer({"closed": False})
    order = ledger.order_under_way(tenant_id)
    if order is not None and order.target == purchase.id:
        raise ProviderRefused(f"Subscription {purchase.id} is the target of order {order.id}; cancel that instead.")
    if order is not None and order.source == purchase.id and ledger.is_withdrawn(order.reference):
        raise ProviderRefused(f"Order {order.id} was called off: subscription {purchase.id} stays.")
    _close(call, purchase)
    if order is not None and order.source == purchase.id:
        ledger.complete_order(order.id, call.now)
    return Answer({"closed": True})


def withdraw_order(call: Call) -> Answer:
    """Call off the order under a reference: nothing that still arrives for it goes forward, not even its placing."""
    order = call.ledger.order_of_reference(call["reference"])
    if order is not None and order.completed_at is not None:
        raise ProviderRefused(f"Order {order.id} is complete and cannot be called off.")
    call.ledger.withdraw(call.tenant_id, call["reference"], call.now)
    if order is None:
        return Answer({"order_id": None, "target_subscription_id": None})
    return Answer({"order_id": order.id, "target_subscription_id": order.target})


def cancel_target(call: Call) -> Answer:
    """Close the new subscription of an order again, once nobody needs it; the order is cancelled then."""
    ledger, tenant_id = call.ledger, call.tenant_id
    order = ledger.order_under_way(tenant_id)
    if order is None or order.id != call["order_id"]:
        raise ProviderRefused(f"Tenant {tenant_id} has no order {call['order_id']} under way.")
    _close(call, call.purchase(order.target))
    ledger.withdraw(tenant_id, order.reference, call.now)
    ledger.cancel_order(order.id, call.now)
    return Answer({"cancelled": True})


def notify(call: Call) -> Answer:
    """Write down what the operators are told."""
    return Answer({"told": bool(call["text"])})


def _close(call: Call, purchase: Purchase) -> None:
    ledger, tenant_id = call.ledger, call.tenant_id
    for users, need in (
        (ledger.holders(tenant_id, purchase.id), "hold a licence of it"),
        (ledger.residents(tenant_id, purchase.id), "are served by it"),
    ):
        if users:
            raise ProviderRefused(f"Subscription {purchase.id} cannot be closed: {len(users)} users {need}.")
    if under_way_at(ledger, tenant_id, purchase.id):
        raise ProviderRefused(f"Subscription {purchase.id} cannot be closed: users are being moved.")
    ledger.end_billing(tenant_id, purchase.id, call.key, call.now)
    ledger.close_purchase(tenant_id, purchase.id, call.now)


OPERATIONS: Mapping[str, Callable[[Call], Answer]] = {
    "place_order": place_order,
    "request_credit": request_credit,
    "move_users": move_users,
    "swap_licences": swap_licences,
    "start_billing": billing.start_billing,
    "restore_billing": billing.restore_billing,
    "close_subscription": close_subscription,
    "remove_domains": domains.remove_domains,
    "add_domains": domains.add_domains,
    "withdraw_order": withdraw_order,
    "cancel_target": cancel_target,
    "notify": notify,
}
