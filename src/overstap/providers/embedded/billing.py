"""Billing: of the two subscriptions of an order, never are both billed at one moment (rules.md R18, R19, J1)."""

from __future__ import annotations

from overstap.domain.tenant import PaymentMethod
from overstap.errors import ProviderRefused
from overstap.providers.embedded.call import Answer, Call

BILLED = frozenset({PaymentMethod.CARD, PaymentMethod.INVOICE})
"""How a subscription is paid that is billed; what is paid otherwise is paid beforehand."""


def start_billing(call: Call) -> Answer:
    """Bill a subscription; the old one that was kept on until now ends at the same moment (R19)."""
    ledger, tenant_id = call.ledger, call.tenant_id
    subscription_id = call.open_purchase(call["subscription_id"]).id
    if ledger.billed(tenant_id, subscription_id):
        return Answer({"started": False})
    for order in ledger.orders_of(tenant_id, subscription_id):
        if order.target == subscription_id:
            if ledger.is_withdrawn(order.reference):
                raise ProviderRefused(f"Order {order.id} was called off: {subscription_id} is not billed.")
            if order.keep_old_billing:
                ledger.end_billing(tenant_id, order.source, call.key, call.now)
    _open(call, subscription_id)
    return Answer({"started": True})


def restore_billing(call: Call) -> Answer:
    """Bill the old subscription again after its order was called off (R39)."""
    subscription_id = call.open_purchase(call["subscription_id"]).id
    if call.ledger.billed(call.tenant_id, subscription_id):
        return Answer({"started": False})
    _open(call, subscription_id)
    return Answer({"started": True})


def _open(call: Call, subscription_id: str) -> None:
    for order in call.ledger.orders_of(call.tenant_id, subscription_id):
        other = order.source if order.target == subscription_id else order.target
        if call.ledger.billed(call.tenant_id, other):
            raise ProviderRefused(
                f"Subscription {subscription_id} is not billed while {other} is: both belong to order {order.id}."
            )
    call.ledger.open_billing(call.tenant_id, subscription_id, call.key, call.now)
