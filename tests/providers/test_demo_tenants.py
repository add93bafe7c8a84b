"""The demo's tenants: each is there for one way that a plan change can go."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.domain.case import Limits
from overstap.domain.change import PlanChange
from overstap.domain.credit import monthly_cost, needs_credit_check
from overstap.domain.eligibility import check
from overstap.domain.tenant import PaymentMethod, Subscription, Tenant
from overstap.providers.graph_export import TenantExport, read_export

CONFIG = Path(__file__).parents[2] / "config"
CATALOG = load_catalog(CONFIG / "catalog.toml")
THRESHOLD = 250_000


class Story(NamedTuple):
    """A tenant, what it has, what it will order, and the codes of the blockers it will meet."""

    slug: str
    source: str
    users: int
    seats: int
    locale: str
    payment: str
    target: str
    refused: list[str]


TENANTS = [
    Story("bakkerij-de-vries", "small-business", 8, 10, "nl", "card", "small-business-premium", []),
    Story("brightpath-schools", "midsize", 36, 40, "en", "card", "e3", ["service_unhealthy"]),
    Story("harbour-logistics", "e3", 120, 120, "en", "card", "e4", []),
    Story("hogeschool-delta", "education-a1", 300, 300, "nl", "card", "education-a2", []),
    Story("kapper-anna", "small-business", 3, 3, "nl", "card", "midsize", ["custom_domain"]),
    Story("lakeside-clinic", "e1", 60, 60, "en", "card", "e4", []),
    Story("molenaar-techniek", "exchange-1", 45, 50, "nl", "invoice", "e1", []),
    Story("northwind-dental", "e1", 24, 25, "en", "card", "e3", []),
    Story("stichting-het-anker", "exchange-kiosk", 30, 30, "nl", "invoice", "k1", []),
    Story("tuincentrum-groen", "e1", 14, 12, "nl", "card", "e3", ["licence_conflict"]),
    Story("van-dijk-advocaten", "k1", 18, 20, "nl", "invoice", "e3", []),
]


def exported(slug: str) -> TenantExport:
    return read_export(CONFIG / "demo" / slug)


def as_tenant(export: TenantExport) -> Tenant:
    held = [subscription_id for _, subscription_id in export.assignments]
    subscriptions = tuple(
        Subscription(
            id=bought.id,
            sku_id=bought.sku_id,
            sku_part_number=bought.sku_part_number,
            plan=plan.id if (plan := CATALOG.plan_of_sku(bought.sku_part_number, bought.sku_id)) else None,
            seats=bought.seats,
            assigned=held.count(bought.id),
            status=bought.status,
            is_trial=bought.is_trial,
            provisioned=bought.provisioned,
            payment_method=bought.payment_method,
            billing_frequency=bought.billing_frequency,
            legacy=bought.legacy,
        )
        for bought in export.subscriptions
    )
    return Tenant(
        id=export.id,
        name=export.name,
        locale=export.locale,
        users=len(export.users),
        subscriptions=subscriptions,
        domains=export.domains,
        services=export.services,
        admins=export.admins,
        credit_limit=export.credit_limit,
    )


def test_the_demo_has_exactly_these_tenants() -> None:
    folders = sorted(folder.name for folder in (CONFIG / "demo").iterdir() if folder.is_dir())

    assert [story.slug for story in TENANTS] == folders


def test_no_two_tenants_share_an_id() -> None:
    exports = [exported(story.slug) for story in TENANTS]
    ids = [
        *(export.id for export in exports),
        *(user.id for export in exports for user in export.users),
        *(held.id for export in exports for held in export.subscriptions),
    ]

    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("story", TENANTS, ids=lambda story: story.slug)
def test_a_demo_tenant_is_as_its_story_needs_it(story: Story) -> None:
    tenant = as_tenant(exported(story.slug))
    held = tenant.subscriptions[0]
    order = PlanChange(tenant.id, held.id, story.target, acting_upn=tenant.admins[0].upn)

    assert (story.source, story.users, story.seats) == (held.plan, held.assigned, held.seats)
    assert (story.locale, story.payment) == (tenant.locale, held.payment_method)
    assert story.refused == [finding.code for finding in check(tenant, order, CATALOG, Limits()).blockers]


@pytest.mark.parametrize(("slug", "target"), [(story.slug, story.target) for story in TENANTS])
def test_only_those_who_pay_by_invoice_need_a_credit_check(slug: str, target: str) -> None:
    held = as_tenant(exported(slug)).subscriptions[0]
    reason = needs_credit_check(held.payment_method, monthly_cost(CATALOG.plan(target), held.seats), THRESHOLD)

    assert (held.payment_method is PaymentMethod.INVOICE) == (reason is not None)


@pytest.mark.parametrize(
    ("slug", "target", "enough"),
    [("molenaar-techniek", "e1", True), ("stichting-het-anker", "k1", False), ("stichting-het-anker", "e1", False)],
)
def test_the_credit_limit_decides_as_the_story_needs_it(slug: str, target: str, enough: bool) -> None:
    tenant = as_tenant(exported(slug))

    assert enough == (monthly_cost(CATALOG.plan(target), tenant.subscriptions[0].seats) <= tenant.credit_limit)


def test_one_tenant_has_a_sku_that_the_catalog_does_not_know() -> None:
    unknown = [held.sku_part_number for held in as_tenant(exported("northwind-dental")).subscriptions if not held.plan]

    assert unknown == ["FLOW_FREE"]


def test_the_demo_stays_small() -> None:
    assert sum(file.stat().st_size for file in (CONFIG / "demo").rglob("*.json")) < 3_000_000
