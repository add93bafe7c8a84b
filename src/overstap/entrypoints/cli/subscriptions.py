"""`overstap subscriptions …`: buy one, or cancel one, from outside a plan change."""

from __future__ import annotations

from typing import Annotated

import typer

from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.entrypoints.cli.face import (
    NO_REASON,
    ActingOption,
    Face,
    JsonFlag,
    KeyOption,
    ReasonOption,
    SubscriptionArgument,
    TenantArgument,
    command,
    find_tenant,
)
from overstap.entrypoints.cli.orders import asked_by

group = typer.Typer(help="Subscriptions: buy them, cancel them.", no_args_is_help=True)


def buy(
    face: Face,
    tenant: TenantArgument,
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="Id of the plan, such as e3.")],
    seats: Annotated[int, typer.Option(min=1, max=1_000_000, metavar="N", help="Seats to buy.")],
    payment: Annotated[PaymentMethod, typer.Option(help="How it is paid.")] = PaymentMethod.CARD,
    billing: Annotated[BillingFrequency, typer.Option(help="How often it is billed.")] = BillingFrequency.MONTHLY,
    reason: ReasonOption = NO_REASON,
    acting_upn: ActingOption = None,
    key: KeyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Buy a plan beside what the tenant has; refused while a run locks the tenant's commerce."""
    with face.app() as app:
        tenant_id = find_tenant(app.service, tenant).id
        done = app.portal.buy(
            tenant_id,
            plan.strip().lower(),
            asked_by(acting_upn, reason, key),
            seats=seats,
            payment_method=payment,
            billing_frequency=billing,
        )
    if as_json:
        face.json({"subscription_id": done["subscription_id"]})
        return
    face.tell(f"Subscription {done['subscription_id']} is bought.")
    face.tell(f"Give its licences: overstap licences assign {tenant_id} {done['subscription_id']} USER…")


def cancel(
    face: Face,
    tenant: TenantArgument,
    subscription: SubscriptionArgument,
    reason: ReasonOption = NO_REASON,
    acting_upn: ActingOption = None,
    key: KeyOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Cancel a subscription that nobody holds a licence of; refused while a run locks the tenant's commerce."""
    with face.app() as app:
        found, by = find_tenant(app.service, tenant), asked_by(acting_upn, reason, key)
        done = app.portal.cancel(found.id, subscription.strip().lower(), by)
    if as_json:
        face.json({"subscription_id": done["subscription_id"]})
        return
    face.tell(f"Subscription {done['subscription_id']} is cancelled, and billed no longer.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    command(group, "buy")(buy)
    command(group, "cancel")(cancel)
    app.add_typer(group, name="subscriptions")
