"""How eligibility, options and quotes look as plain JSON values, told in one language.

Moments are ISO 8601 in UTC, durations are in seconds, money is in cents.
"""

from __future__ import annotations

from collections.abc import Iterable

from overstap.domain.case import Name
from overstap.domain.change import PlanChange, Route
from overstap.domain.eligibility import Eligibility
from overstap.domain.findings import Finding
from overstap.domain.options import Options
from overstap.domain.quote import Price, Quote
from overstap.domain.wizard import CHECKOUT, LINK, NAVIGATION, NO_OPTIONS
from overstap.entrypoints.shapes import Json, moment
from overstap.language import Language


def eligibility(answer: Eligibility, language: Language) -> Json:
    """Whether a change is allowed, and everything that the rules say about it."""
    return {
        "allowed": answer.allowed,
        "route": str(answer.route),
        "findings": _findings(answer.findings, language),
    }


def options(given: Options, language: Language) -> Json:
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


def quote(change: PlanChange, given: Quote, language: Language) -> Json:
    """What a change would cost, take, lock and lose."""
    begins = given.new_billing_begins
    wizard = CHECKOUT if given.eligibility.route is Route.WIZARD else ()
    return {
        **eligibility(given.eligibility, language),
        "kind": given.kind and str(given.kind),
        "currency": given.currency,
        "old": _price(given.old, language),
        "new": _price(given.new, language),
        "old_billing": {"ends_with": str(given.old_billing), "at": moment(given.old_billing_ends)},
        "new_billing_begins": begins and {"earliest": moment(begins[0]), "latest": moment(begins[1])},
        "credit_check": given.credit and {"reason": str(given.credit), "at_most": given.credit_window.total_seconds()},
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


def _price(price: Price, language: Language) -> Json:
    return {
        "plan": language.tell(price.plan),
        "seats": price.seats,
        "billing_frequency": str(price.billing_frequency),
        "monthly_cents": price.monthly_cents,
        "billed_cents": price.billed_cents,
    }


def _findings(findings: Iterable[Finding], language: Language) -> list[Json]:
    return [finding.to_dict(language) for finding in findings]


def _name(nl: str, en: str) -> Name:
    return {"nl": nl, "en": en}
