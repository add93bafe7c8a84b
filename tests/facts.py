"""Tenants, orders and what the rules say of them, for the tests of the domain."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from overstap.app.catalog_file import load_catalog
from overstap.domain.case import Limits
from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange
from overstap.domain.eligibility import Eligibility, check
from overstap.domain.findings import Finding
from overstap.domain.locks import ActiveRun
from overstap.domain.tenant import (
    Admin,
    AdminRole,
    BillingFrequency,
    Domain,
    PaymentMethod,
    ServiceHealth,
    Subscription,
    Tenant,
)
from overstap.settings import data_path

CATALOG = load_catalog(data_path("catalog"))
INITIAL = Domain("x.onmicrosoft.com", custom=False, default=False)
CUSTOM = (INITIAL, Domain("x.example", custom=True, default=True))
# rules.md §H
MATRIX = {
    "small-business": "small-business-premium midsize e1 e3 e4",
    "small-business-premium": "midsize e1 e3 e4",
    "midsize": "e1 e3 e4",
    "k1": "e1 e3 e4",
    "k2": "e1 e3 e4",
    "e1": "e3 e4",
    "e3": "e4",
    "lync-1": "e1 e3 e4",
    "lync-2": "e1 e3 e4",
    "lync-3": "e4",
    "sharepoint-1": "e1 e3 e4",
    "sharepoint-2": "e3 e4",
    "exchange-1": "e1 e3 e4",
    "exchange-2": "e3 e4",
    "education-a1": "education-a2 education-a3",
    "education-a2": "education-a3",
    "office-online-sharepoint-1": "education-a1 education-a2 education-a3 education-a4",
    "office-online-sharepoint-2": "education-a1 education-a2 education-a3 education-a4",
    "exchange-kiosk": "e1 e3 e4 k1 exchange-1 exchange-2",
}
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def subscription(plan: str | None = "e1", **facts: Any) -> Subscription:
    whole: dict[str, Any] = {
        "id": "s1",
        "sku_id": "18181a46-0d4e-45cd-891e-60aabd171b4e",
        "sku_part_number": "STANDARDPACK",
        "plan": plan,
        "seats": 10,
        "assigned": 8,
        "status": "Enabled",
        "is_trial": False,
        "provisioned": True,
        "payment_method": PaymentMethod.CARD,
        "billing_frequency": BillingFrequency.MONTHLY,
        "legacy": False,
    }
    return Subscription(**(whole | facts))


def tenant(*held: Subscription, **facts: Any) -> Tenant:
    whole: dict[str, Any] = {
        "id": "t1",
        "name": "Bakkerij De Vries",
        "locale": "nl",
        "users": 8,
        "subscriptions": held,
        "domains": (Domain("x.onmicrosoft.com", custom=False, default=True),),
        "services": (ServiceHealth("Exchange Online", "serviceOperational", healthy=True),),
        "admins": (Admin("jan@x.example", AdminRole.GLOBAL_ADMIN), Admin("piet@x.example", AdminRole.ADMIN)),
        "credit_limit": 0,
    }
    return Tenant(**(whole | facts))


def under_way(state: str = "migrating", until: datetime | None = NOON) -> ActiveRun:
    return ActiveRun("01RUN", "t1", "s1", "plan_change", 1, state, seq=3, until=until)


def judge(
    target: str = "e3",
    *,
    held: Subscription | None = None,
    catalog: Catalog = CATALOG,
    order: dict[str, Any] | None = None,
    active: ActiveRun | None = None,
    **facts: Any,
) -> Eligibility:
    change = PlanChange("t1", "s1", target, **(order or {}))
    return check(tenant(held or subscription(), **facts), change, catalog, Limits(), active)


def ask(target: str = "e3", **case: Any) -> tuple[Finding, ...]:
    return judge(target, **case).findings


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def laws(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> pytest.MarkDecorator:
    """A table in which each row is marked with the rule that its law begins with."""
    marked = [pytest.param(*row, marks=pytest.mark.rule(row[0].partition(":")[0]), id=row[0]) for row in rows]
    return pytest.mark.parametrize(names, marked)
