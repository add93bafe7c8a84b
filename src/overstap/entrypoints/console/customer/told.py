"""How the customer's pages tell what the rules say, what is locked, and what things cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import htpy as h

from overstap.domain.findings import Finding, Severity
from overstap.domain.locks import COMMERCE, LICENCE, ActiveRun
from overstap.domain.tenant import BillingFrequency, PaymentMethod, Subscription
from overstap.entrypoints.console.customer import addresses
from overstap.entrypoints.console.customer.surroundings import status_path
from overstap.entrypoints.console.findings import advice, sentence
from overstap.entrypoints.console.visit import Visit
from overstap.language import Message, Money, lazy_gettext

PAYMENT: Mapping[PaymentMethod, Message] = {
    PaymentMethod.CARD: lazy_gettext("By card"),
    PaymentMethod.INVOICE: lazy_gettext("By invoice"),
    PaymentMethod.PREPAID: lazy_gettext("With a prepaid card"),
    PaymentMethod.PRODUCT_KEY: lazy_gettext("With a product key"),
}
FREQUENCY: Mapping[BillingFrequency, Message] = {
    BillingFrequency.MONTHLY: lazy_gettext("Every month"),
    BillingFrequency.ANNUAL: lazy_gettext("Every year"),
}
_LOCKED: Mapping[str, Message] = {
    COMMERCE: lazy_gettext(
        "A plan change is under way: meanwhile no subscription can be bought, changed or cancelled."
    ),
    LICENCE: lazy_gettext(
        "A plan change is under way: do not reassign user licences meanwhile, as this can cause an error. Every user "
        "is moved automatically."
    ),
}
_SEE_STATUS = lazy_gettext("Change plan: status")
_DETAILS = lazy_gettext("What to do")


def findings(visit: Visit, tenant_id: str, found: Iterable[Finding], *, linked: bool = True) -> h.Node:
    """What the rules say, all of it: each with its sentence, what to do, and where.

    Args:
        linked: whether each leads to where something can be done about it.
    """

    def told(finding: Finding) -> h.Element:
        link = addresses.of(tenant_id, finding)
        tone = "bad" if finding.severity is Severity.BLOCKER else "warn"
        return h.li(f".note.{tone}", data_code=finding.code)[
            h.p(".strong")[sentence(visit.words, finding)],
            h.p[
                advice(visit.words, finding),
                [" ", h.a(href=link.href)[visit.say(link.text)]] if linked else None,
            ],
        ]

    items = [told(finding) for finding in found]
    return h.ul(".advice", aria_label=visit.say(_DETAILS))[items] if items else None


def locked(visit: Visit, active: ActiveRun | None, locks: frozenset[str], lock: str) -> h.Node:
    """Why something is locked now, and where its end can be awaited; None where it is not (rules.md R17, R35)."""
    if active is None or lock not in locks:
        return None
    return h.div(".note.warn", data_lock=lock)[
        h.p[
            visit.say(_LOCKED[lock]),
            " ",
            h.a(href=status_path(active.tenant_id, active.run_id))[visit.say(_SEE_STATUS)],
        ]
    ]


def lock_text(visit: Visit, lock: str) -> str:
    """What is said when something was locked meanwhile."""
    message = _LOCKED.get(lock)
    return visit.say(message or _LOCKED[COMMERCE])


def money(visit: Visit, cents: int | None) -> str:
    """An amount in the catalog's currency; a dash where it is not known."""
    return "—" if cents is None else visit.words.tell(Money(cents, visit.app.catalog.currency))


def plan_name(visit: Visit, held: Subscription) -> str:
    """What a subscription is called, in the page's language; its SKU's part number where the catalog has no plan."""
    plan = visit.app.catalog.plans.get(held.plan or "")
    return held.sku_part_number if plan is None else visit.words.tell({"nl": plan.name_nl, "en": plan.name_en})


def named(visit: Visit, plan_id: str) -> str:
    """A plan's name in the page's language."""
    plan = visit.app.catalog.plan(plan_id)
    return visit.words.tell({"nl": plan.name_nl, "en": plan.name_en})


def family(visit: Visit, plan_id: str) -> str:
    """The name of a plan's family in the page's language."""
    wanted = visit.app.catalog.family_of(plan_id)
    found = next(one for one in visit.app.catalog.families if one.id == wanted)
    return visit.words.tell({"nl": found.name_nl, "en": found.name_en})
