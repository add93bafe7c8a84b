"""Tenants, what they have, what that may become, and the catalog."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import orjson
from fastapi import Query
from pydantic import Field
from typing_extensions import TypedDict

from overstap.domain.change import PlanChange, Route
from overstap.domain.tenant import BillingFrequency, PaymentMethod
from overstap.entrypoints import answers, shapes
from overstap.entrypoints.api.call import Call, Called
from overstap.entrypoints.api.routes.pages import Items, Page
from overstap.entrypoints.api.routes.params import Body, Cursor, Limit, SubscriptionId, TenantId, Text, limited
from overstap.entrypoints.api.routing import Router
from overstap.entrypoints.tenant_shape_types import (
    CatalogPair,
    CatalogPlan,
    HeldSubscription,
    TenantFacts,
    TenantSummary,
)
from overstap.errors import BadInput, NotFound
from overstap.providers.graph_export import TenantExport, read_export
from overstap.providers.graph_files import FILES

router = Router(tags=["tenants"])


class Catalog(TypedDict):
    """The plans of a version of the catalog."""

    version: int
    items: list[CatalogPlan]


ActingQuery = Annotated[str | None, Query(max_length=200, description="The tenant's admin who asks.")]


class Question(Body):
    """A change that somebody asks about; what is left out stays as it is."""

    tenant_id: Text
    subscription_id: Text
    target_plan: Text
    seats: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    payment_method: PaymentMethod | None = None
    billing_frequency: BillingFrequency | None = None
    acting_upn: Annotated[str | None, Field(min_length=1, max_length=200)] = None

    def change(self, call: Call, *, manual: bool = False, acknowledged: bool | None = None) -> PlanChange:
        """The same as the application takes it, of a tenant that exists for whoever asks."""
        return PlanChange(
            tenant_id=call.tenant(self.tenant_id).id,
            subscription_id=self.subscription_id.strip().lower(),
            target_plan=self.target_plan.strip().lower(),
            seats=self.seats,
            payment_method=self.payment_method,
            billing_frequency=self.billing_frequency,
            acting_upn=call.acting(self.acting_upn),
            route=Route.MANUAL if manual else Route.WIZARD,
            acknowledged=acknowledged,
        )


class Exports(Body):
    """Tenants as their admins exported them from Microsoft Graph; each by the names of its files."""

    exports: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100)]


@router.get("/tenants")
def list_tenants(call: Called, cursor: Cursor = None, limit: Limit = 50) -> Page[TenantSummary]:
    """The tenants, by name and id."""
    own, size, after = call.principal.tenant_id, limited(call, limit), ("", "")
    if cursor is not None:
        name, mark, tenant_id = cursor.rpartition("|")
        if not mark:
            raise BadInput(f"cursor: {cursor!r} is none; send the `next` of the page before.")
        after = name, tenant_id
    service = call.app.service
    page = service.tenants(after, size) if own is None else [service.tenant(own)]
    more = own is None and len(page) == size
    return {
        "items": [shapes.tenant_summary(one) for one in page],
        "next": f"{page[-1].name}|{page[-1].id}" if more else None,
    }


@router.post("/tenants/import")
def import_tenants(call: Called, body: Exports) -> Items[TenantSummary]:
    """Take over tenants, all or none of them; those that are known are brought up to date."""
    with TemporaryDirectory(prefix="overstap-import-") as folder:
        try:
            exports = [_export(Path(folder, f"exports[{number}]"), one) for number, one in enumerate(body.exports)]
        except BadInput as error:
            raise BadInput(str(error).replace(f"{folder}/", "")) from None
    return {"items": [shapes.tenant_summary(one) for one in call.app.service.import_tenants(exports)]}


def _export(place: Path, files: dict[str, Any]) -> TenantExport:
    """One tenant, read as from the files that its admin has."""
    unknown = sorted(set(files) - set(FILES))
    if unknown:
        raise BadInput(f"{place}: {unknown[0]!r} is no file of an export; these are: {', '.join(FILES)}.")
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(orjson.dumps(content))
    return read_export(place)


@router.get("/tenants/{tenant_id}")
def show_tenant(call: Called, tenant_id: TenantId) -> TenantFacts:
    """One tenant with all its facts."""
    return shapes.tenant(call.tenant(tenant_id))


@router.get("/tenants/{tenant_id}/subscriptions")
def list_subscriptions(call: Called, tenant_id: TenantId) -> Items[HeldSubscription]:
    """What a tenant has bought."""
    return {"items": list(shapes.tenant(call.tenant(tenant_id))["subscriptions"])}


@router.get("/tenants/{tenant_id}/options")
def list_options(call: Called, tenant_id: TenantId, acting_upn: ActingQuery = None) -> Items[answers.OptionsAnswer]:
    """What each subscription of a tenant may change to, or why there are no options."""
    tenant = call.tenant(tenant_id)
    found = call.app.questions.options(tenant.id, call.acting(acting_upn))
    return {"items": [answers.options(one, call.spoken(tenant)) for one in found]}


@router.get("/tenants/{tenant_id}/subscriptions/{subscription_id}/options")
def show_options(
    call: Called, tenant_id: TenantId, subscription_id: SubscriptionId, acting_upn: ActingQuery = None
) -> answers.OptionsAnswer:
    """What one subscription may change to, or why there are no options."""
    tenant = call.tenant(tenant_id)
    for one in call.app.questions.options(tenant.id, call.acting(acting_upn)):
        if one.subscription.id == subscription_id.strip().lower():
            return answers.options(one, call.spoken(tenant))
    raise NotFound(f"{tenant.title} has no subscription {subscription_id!r}.")


@router.post("/eligibility")
def check_eligibility(call: Called, body: Question) -> answers.EligibilityAnswer:
    """Whether a change is allowed, which way, and everything that the rules say about it."""
    change = body.change(call)
    answer = call.app.questions.eligibility(change)
    return answers.eligibility(answer, call.spoken(call.tenant(change.tenant_id)))


@router.post("/quotes")
def make_quote(call: Called, body: Question) -> answers.QuoteAnswer:
    """What a change would cost, how long it takes, what it locks, and what cannot be undone."""
    change = body.change(call)
    offer = call.app.questions.quote(change)
    return answers.quote(change, offer, call.spoken(call.tenant(change.tenant_id)))


@router.get("/catalog/plans")
def list_plans(call: Called) -> Catalog:
    """The plans, their families, SKUs and prices (in cents)."""
    return {"version": call.app.catalog.version, "items": [shapes.plan(one) for one in call.app.catalog.plans.values()]}


@router.get("/catalog/pairs")
def list_pairs(call: Called) -> Items[CatalogPair]:
    """Which plan may change to which."""
    return {"items": [shapes.pair(one) for one in call.app.catalog.pairs.values()]}
