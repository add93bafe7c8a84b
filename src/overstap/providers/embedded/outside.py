"""What a tenant's admins ask for from outside a run: one function per operation, each inside one transaction.

Each refuses whole what it cannot do whole, in words that an admin can act on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from overstap.domain.books import Purchase
from overstap.domain.roles import role_of
from overstap.domain.tenant import User
from overstap.errors import Conflict, NotFound, Refused
from overstap.providers.embedded.billing import BILLED
from overstap.providers.embedded.books import Reader
from overstap.providers.embedded.call import Answer, Call


def ensure_admin(reader: Reader, tenant_id: str, upn: str) -> None:
    """Let only an admin of the tenant act for it (R3), however its name is spelt.

    Raises:
        Refused: naming who is none.
    """
    if role_of(reader.admins(tenant_id), upn) is None:
        raise Refused(f"{upn} is no admin of tenant {tenant_id}; only its admins act for it.")


def assign_licences(call: Call) -> Answer:
    """Give users a licence, and let its subscription serve them; who has one already stays as it is (R17)."""
    ledger, tenant_id, held = call.ledger, call.tenant_id, _in_use(call)
    holders, residents = set(ledger.holders(tenant_id, held.id)), set(ledger.residents(tenant_id, held.id))
    users = [user.id for user in _people(call)]
    fresh = [user for user in users if user not in holders]
    free = held.seats - len(holders)
    if len(fresh) > free:
        raise Refused(
            f"Subscription {held.id} has {held.seats} seats, {max(free, 0)} of them free: "
            f"{len(fresh) - max(free, 0)} too few for these users. Take licences from others first."
        )
    ledger.assign(tenant_id, held.id, fresh, call.key, call.now)
    ledger.settle_in(tenant_id, held.id, [user for user in fresh if user not in residents])
    return Answer({"subscription_id": held.id, "changed": fresh, "unchanged": _without(users, fresh)})


def unassign_licences(call: Call) -> Answer:
    """Take the licence of users, and let its subscription serve them no longer; who has none stays as it is (R17)."""
    ledger, tenant_id, held = call.ledger, call.tenant_id, _in_use(call)
    holders = set(ledger.holders(tenant_id, held.id))
    users = [user.id for user in _people(call)]
    taken = [user for user in users if user in holders]
    ledger.unassign(tenant_id, held.id, taken, call.key, call.now)
    ledger.settle_out(tenant_id, held.id, taken)
    return Answer({"subscription_id": held.id, "changed": taken, "unchanged": _without(users, taken)})


def buy_subscription(call: Call) -> Answer:
    """Buy a plan of the catalog, and bill it from now on unless it is paid beforehand (R35)."""
    bought = Purchase(
        id=call.new_id("subscription"),
        sku_id=call["sku_id"],
        sku_part_number=call["sku_part_number"],
        seats=call["seats"],
        status="Enabled",
        is_trial=False,
        provisioned=True,
        payment_method=call["payment_method"],
        billing_frequency=call["billing_frequency"],
        legacy=False,
        created_at=call.now,
    )
    call.ledger.put_purchase(call.tenant_id, bought)
    if bought.payment_method in BILLED:
        call.ledger.open_billing(call.tenant_id, bought.id, call.key, call.now)
    return Answer({"subscription_id": bought.id})


def add_seats(call: Call) -> Answer:
    """Buy further seats of a subscription, as a licence conflict asks for (R9, R35)."""
    held = _changing_to_nothing(call)
    if held.payment_method not in BILLED:
        raise Refused(
            f"Subscription {held.id} is paid beforehand, seats and all; more seats take a subscription beside it, "
            "paid by card or invoice."
        )
    more = replace(held, seats=held.seats + call["seats"])
    call.ledger.put_purchase(call.tenant_id, more)
    return Answer({"subscription_id": held.id, "seats": more.seats})


def cancel_subscription(call: Call) -> Answer:
    """End a subscription that nobody holds a licence of, and its billing (R35)."""
    ledger, tenant_id, held = call.ledger, call.tenant_id, _changing_to_nothing(call)
    holders = ledger.holders(tenant_id, held.id)
    if holders:
        users = f"{len(holders)} user{'s' if len(holders) > 1 else ''}"
        raise Refused(
            f"Subscription {held.id} cannot be cancelled while {users} hold a licence of it. "
            f"Take those first: `overstap licences unassign {tenant_id} {held.id} USER…`."
        )
    ledger.end_billing(tenant_id, held.id, call.key, call.now)
    ledger.close_purchase(tenant_id, held.id, call.now)
    return Answer({"subscription_id": held.id})


def _in_use(call: Call) -> Purchase:
    """The subscription that is asked for: open, and no order's new one, which is the run's until it ends (J4)."""
    ledger, tenant_id, wanted = call.ledger, call.tenant_id, call["subscription_id"]
    held = ledger.purchase(tenant_id, wanted)
    if held is None:
        there = ", ".join(one.id for one in ledger.purchases(tenant_id) if one.closed_at is None) or "none"
        raise NotFound(f"{call.account.name} has no subscription {wanted!r}; it has {there}.")
    if held.closed_at is not None:
        raise Refused(f"Subscription {held.id} is closed since {held.closed_at:%Y-%m-%d %H:%M:%S} UTC.")
    order = ledger.order_under_way(tenant_id)
    if order is not None and order.target == held.id:
        raise Conflict(
            f"Subscription {held.id} is being bought by run {order.reference} instead of {order.source}: "
            f"it cannot be used before that has ended. `overstap runs watch {order.reference}` follows it."
        )
    return held


def _changing_to_nothing(call: Call) -> Purchase:
    """The subscription that is asked for, which no run is about to change to another plan."""
    held = _in_use(call)
    if call.active is not None and call.active.subscription_id == held.id:
        raise Conflict(
            f"Run {call.active.run_id} is about to change subscription {held.id} to another plan. "
            f"Cancel that first: `overstap signal {call.active.run_id} cancel --reason …`."
        )
    return held


def _people(call: Call) -> list[User]:
    """The users that are asked for, by id or by UPN in any letter case, each once; all of them or none."""
    people = call.ledger.people(call.tenant_id)
    known = {user.upn.casefold(): user for user in people} | {user.id.casefold(): user for user in people}
    asked = list(call["users"])
    strangers = [name for name in asked if name.casefold() not in known]
    if strangers:
        raise NotFound(f"{call.account.name} has no user {', '.join(strangers)}; nothing was changed for the others.")
    return list({known[name.casefold()].id: known[name.casefold()] for name in asked}.values())


def _without(users: Sequence[str], changed: Sequence[str]) -> list[str]:
    return [user for user in users if user not in changed]


REQUESTS: Mapping[str, Callable[[Call], Answer]] = {
    "assign_licences": assign_licences,
    "unassign_licences": unassign_licences,
    "buy_subscription": buy_subscription,
    "add_seats": add_seats,
    "cancel_subscription": cancel_subscription,
}
