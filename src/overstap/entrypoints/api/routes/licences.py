"""What a tenant's admins do beside a plan change: licences, buying, cancelling, opening the portal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from overstap.app.portal import By
from overstap.domain.locks import PortalPage
from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.entrypoints import shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items
from overstap.entrypoints.api.routes.params import Body, Reason, SubscriptionId, TenantId, Text
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.tenant_shape_types import SubscriptionLicences
from overstap.errors import BadInput

router = Router(tags=["portal"])


class LicencesChanged(TypedDict):
    """The ids of users whose licence changed, and of those who were so before."""

    subscription_id: str
    changed: list[str]
    unchanged: list[str]


class SubscriptionChanged(TypedDict):
    """The subscription that was bought or ended."""

    subscription_id: str


class Landing(TypedDict):
    """The page that is open, and the run under way beside it."""

    page: PortalPage
    run_id: str | None


Acting = Annotated[str | None, Field(min_length=1, max_length=200)]


class Users(Body):
    """Who gets or loses a licence, by id or UPN: all of them or none."""

    users: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    reason: Reason
    acting_upn: Acting = None


class Purchase(Body):
    """A plan bought beside what there is."""

    plan: Text
    seats: Annotated[int, Field(ge=1, le=1_000_000)]
    payment_method: PaymentMethod = PaymentMethod.CARD
    billing_frequency: BillingFrequency = BillingFrequency.MONTHLY
    reason: Reason
    acting_upn: Acting = None


class Cancellation(Body):
    """The end of a subscription."""

    reason: Reason
    acting_upn: Acting = None


class Visit(Body):
    """Who opens which page of the portal."""

    upn: Acting = None
    page: PortalPage = PortalPage.HOME


def _by(call: Call, reason: str, acting_upn: str | None) -> By:
    upn = call.acting(acting_upn)
    return By(call.actor if upn is None else f"admin:{upn}", reason, upn, call.key)


def _changed(done: Mapping[str, Any]) -> LicencesChanged:
    return {
        "subscription_id": done["subscription_id"],
        "changed": list(done["changed"]),
        "unchanged": list(done["unchanged"]),
    }


@router.get("/tenants/{tenant_id}/licences")
def list_licences(call: Called, tenant_id: TenantId) -> Items[SubscriptionLicences]:
    """Who holds the licences of each subscription."""
    return {"items": [shapes.licences(one) for one in call.app.portal.licences(call.tenant(tenant_id).id)]}


@router.post("/tenants/{tenant_id}/subscriptions/{subscription_id}/licences/assign")
def assign_licences(call: Called, tenant_id: TenantId, subscription_id: SubscriptionId, body: Users) -> LicencesChanged:
    """Give users a licence, all of them or none; who has one keeps it."""
    by = _by(call, body.reason, body.acting_upn)
    wanted = subscription_id.strip().lower()
    return _changed(call.app.portal.assign(call.tenant(tenant_id).id, wanted, body.users, by))


@router.post("/tenants/{tenant_id}/subscriptions/{subscription_id}/licences/unassign")
def unassign_licences(
    call: Called, tenant_id: TenantId, subscription_id: SubscriptionId, body: Users
) -> LicencesChanged:
    """Take the licence of users, of all of them or of none."""
    by = _by(call, body.reason, body.acting_upn)
    wanted = subscription_id.strip().lower()
    return _changed(call.app.portal.unassign(call.tenant(tenant_id).id, wanted, body.users, by))


@router.post("/tenants/{tenant_id}/subscriptions", status_code=201)
def buy_subscription(call: Called, tenant_id: TenantId, body: Purchase) -> SubscriptionChanged:
    """Buy a plan beside what there is."""
    bought = call.app.portal.buy(
        call.tenant(tenant_id).id,
        body.plan.strip().lower(),
        _by(call, body.reason, body.acting_upn),
        seats=body.seats,
        payment_method=body.payment_method,
        billing_frequency=body.billing_frequency,
    )
    return {"subscription_id": bought["subscription_id"]}


@router.post("/tenants/{tenant_id}/subscriptions/{subscription_id}/cancel")
def cancel_subscription(
    call: Called, tenant_id: TenantId, subscription_id: SubscriptionId, body: Cancellation
) -> SubscriptionChanged:
    """End a subscription that nobody holds a licence of, and its billing."""
    by = _by(call, body.reason, body.acting_upn)
    ended = call.app.portal.cancel(call.tenant(tenant_id).id, subscription_id.strip().lower(), by)
    return {"subscription_id": ended["subscription_id"]}


@router.post("/tenants/{tenant_id}/portal")
def open_portal(call: Called, tenant_id: TenantId, body: Visit) -> Landing:
    """Where an admin lands who opens a page; a page that a run closes is a conflict that names the run."""
    upn = call.acting(body.upn)
    if upn is None:
        raise BadInput("upn: say which of the tenant's admins opens the page.")
    active = call.app.portal.open(call.tenant(tenant_id).id, upn, body.page)
    return {"page": body.page, "run_id": None if active is None else active.run_id}
