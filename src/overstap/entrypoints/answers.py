"""How eligibility, options and quotes look as plain JSON values, told in one language.

Moments are ISO 8601 in UTC, durations are in seconds, money is in cents.
"""

from __future__ import annotations

from collections.abc import Iterable

from typing_extensions import TypedDict

from overstap.domain.case import Name
from overstap.domain.catalog import ChangeKind
from overstap.domain.change import PlanChange, Route
from overstap.domain.credit import CreditReason
from overstap.domain.eligibility import Eligibility
from overstap.domain.findings import Finding, ToldFinding
from overstap.domain.options import Options
from overstap.domain.quote import OldBilling, Price, Quote
from overstap.domain.tenant import BillingFrequency
from overstap.domain.wizard import CHECKOUT, LINK, NAVIGATION, NO_OPTIONS
from overstap.entrypoints.shapes import moment
from overstap.language import Language


class EligibilityAnswer(TypedDict):
    """Whether a change is allowed, the way that is open, and everything that the rules say about it."""

    allowed: bool
    route: Route
    findings: list[ToldFinding]


class OfferedPlan(TypedDict):
    """A plan that a subscription may change to."""

    id: str
    name: str


class HiddenPlan(TypedDict):
    """A plan that is not offered at present, and the codes of the findings that stop it."""

    id: str
    reasons: list[str]


class OptionsAnswer(TypedDict):
    """What one subscription may change to; `label` is what stands in the column, and `href` where it leads."""

    subscription_id: str
    plan: str | None
    name: str
    seats: int
    assigned: int
    navigation: str
    label: str
    href: str | None
    plans: list[OfferedPlan]
    hidden: list[HiddenPlan]
    reasons: list[ToldFinding]
    manual: bool


class QuotedPrice(TypedDict):
    """What a subscription costs per month and per bill, in cents; null when the catalog does not know the plan."""

    plan: str
    seats: int
    billing_frequency: BillingFrequency
    monthly_cents: int | None
    billed_cents: int | None


class OldBillingEnd(TypedDict):
    """With what the old subscription is billed no longer, and when in ISO 8601, UTC; null where nobody knows yet."""

    ends_with: OldBilling
    at: str | None


class NewBillingStart(TypedDict):
    """Between which moments the new subscription is expected to be billed first, in ISO 8601, UTC."""

    earliest: str
    latest: str


class CreditCheck(TypedDict):
    """Why the credit bureau will be asked, and how many seconds it may take."""

    reason: CreditReason
    at_most: float


class LocksToCome(TypedDict):
    """What will be locked in some states that follow each other, and for how many seconds."""

    states: list[str]
    locks: list[str]
    lasts: float


class ExpectedTime(TypedDict):
    """How many seconds the migration takes, reassigning the licences too, by how many changes that were measured."""

    median: float
    ninetieth: float
    measured: int
    licences: float


class CheckoutPage(TypedDict):
    """A page of the wizard's checkout, and what of the order can be changed on it."""

    page: str
    title: str
    changes: list[str]
    href: str


class QuoteAnswer(EligibilityAnswer):
    """What a change would cost, take, lock and lose; `currency` is the ISO 4217 code of all its prices."""

    kind: ChangeKind | None
    currency: str
    old: QuotedPrice
    new: QuotedPrice
    old_billing: OldBillingEnd
    new_billing_begins: NewBillingStart | None
    credit_check: CreditCheck | None
    locks: list[LocksToCome]
    expected: ExpectedTime
    checkout: list[CheckoutPage]


def eligibility(answer: Eligibility, language: Language) -> EligibilityAnswer:
    """Whether a change is allowed, and everything that the rules say about it."""
    return {
        "allowed": answer.allowed,
        "route": answer.route,
        "findings": _findings(answer.findings, language),
    }


def options(given: Options, language: Language) -> OptionsAnswer:
    """What one subscription may change to; `label` is what stands in the column."""
    held = given.subscription
    return {
        "subscription_id": held.id,
        "plan": held.plan,
        "name": plan(given, language),
        "seats": held.seats,
        "assigned": held.assigned,
        "navigation": language.say(NAVIGATION),
        "label": language.say(LINK if given.plans else NO_OPTIONS),
        "href": given.href,
        "plans": [{"id": one.id, "name": language.tell(_name(one.name_nl, one.name_en))} for one in given.plans],
        "hidden": [{"id": one.id, "reasons": [finding.code for finding in findings]} for one, findings in given.hidden],
        "reasons": _findings(given.reasons, language),
        "manual": given.manual,
    }


def plan(given: Options, language: Language) -> str:
    """What a subscription is called."""
    source = given.source
    return language.tell(_name(source.name_nl, source.name_en)) if source else given.subscription.sku_part_number


def quote(change: PlanChange, given: Quote, language: Language) -> QuoteAnswer:
    """What a change would cost, take, lock and lose."""
    begins = given.new_billing_begins
    wizard = CHECKOUT if given.eligibility.route is Route.WIZARD else ()
    return {
        **eligibility(given.eligibility, language),
        "kind": given.kind,
        "currency": given.currency,
        "old": _price(given.old, language),
        "new": _price(given.new, language),
        "old_billing": {"ends_with": given.old_billing, "at": moment(given.old_billing_ends)},
        "new_billing_begins": None if begins is None else {"earliest": moment(begins[0]), "latest": moment(begins[1])},
        "credit_check": None
        if given.credit is None
        else {"reason": given.credit, "at_most": given.credit_window.total_seconds()},
        "locks": [
            {"states": list(one.states), "locks": sorted(one.locks), "lasts": one.lasts.total_seconds()}
            for one in given.locks
        ],
        "expected": {
            "median": given.expected.median.total_seconds(),
            "ninetieth": given.expected.ninetieth.total_seconds(),
            "measured": given.expected.measured,
            "licences": given.expected.licences.total_seconds(),
        },
        "checkout": [
            {
                "page": page.name,
                "title": language.say(page.title),
                "changes": list(page.changes),
                "href": page.href(change.subscription_id, change.target_plan),
            }
            for page in wizard
        ],
    }


def _price(price: Price, language: Language) -> QuotedPrice:
    return {
        "plan": language.tell(price.plan),
        "seats": price.seats,
        "billing_frequency": price.billing_frequency,
        "monthly_cents": price.monthly_cents,
        "billed_cents": price.billed_cents,
    }


def _findings(findings: Iterable[Finding], language: Language) -> list[ToldFinding]:
    return [finding.to_dict(language) for finding in findings]


def _name(nl: str, en: str) -> Name:
    return {"nl": nl, "en": en}
