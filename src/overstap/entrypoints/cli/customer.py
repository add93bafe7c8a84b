"""How answers to customers look on the command line, in their language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from overstap.domain.case import plan_name
from overstap.domain.catalog import Plan
from overstap.domain.change import Route
from overstap.domain.credit import CreditReason
from overstap.domain.eligibility import Eligibility
from overstap.domain.findings import Finding, Severity
from overstap.domain.options import Options
from overstap.domain.quote import OldBilling, Price, Quote
from overstap.domain.sentences import STATES
from overstap.domain.tenant import BillingFrequency, Tenant
from overstap.domain.wizard import CHECKOUT, LINK, NAVIGATION, NO_OPTIONS, OPTIONS
from overstap.entrypoints import answers, words
from overstap.entrypoints.cli.face import Face
from overstap.language import Language, Money, lazy_gettext, lazy_ngettext

_ALLOWED = {
    (True, Route.WIZARD): lazy_gettext("Allowed."),
    (False, Route.MANUAL): lazy_gettext("Not with the wizard; the manual way is open."),
    (False, Route.NONE): lazy_gettext("Not allowed."),
}
_HELD = lazy_gettext("{assigned} of {seats} licences assigned")
_NOT_OFFERED = lazy_gettext("Not offered now: {plans}")
_MANUAL_OPEN = lazy_gettext("Changing manually is possible.")
_MANUAL_CLOSED = lazy_gettext("Changing manually is not possible either.")
_NOW, _THEN = lazy_gettext("now"), lazy_gettext("then")
_PLAN, _LICENCES = lazy_gettext("plan"), lazy_gettext("licences")
_PER_MONTH, _PER_BILL = lazy_gettext("per month"), lazy_gettext("per bill")
_BILLS = {
    BillingFrequency.MONTHLY: lazy_gettext("{amount}, monthly"),
    BillingFrequency.ANNUAL: lazy_gettext("{amount}, annually"),
}
_OLD_ENDS = {
    OldBilling.ORDER: lazy_gettext("The old subscription is billed until the order, so until {day}."),
    OldBilling.PURCHASE: lazy_gettext("The old subscription is billed until the new plan is bought, after your tasks."),
    OldBilling.COMPLETION: lazy_gettext("The old subscription is billed until the change is completed."),
}
_NEW_BEGINS = lazy_gettext(
    "The new one is billed once the change is completed: from {earliest} on, at the latest {latest}."
)
_NEW_BEGINS_SOMETIME = lazy_gettext(
    "The new one is billed once its licences are reassigned; when that is depends on what people do before."
)
_NO_CREDIT = lazy_gettext("No credit check is needed.")
_CREDIT = {
    CreditReason.INVOICE: lazy_gettext(
        "A credit check is needed, because of payment by invoice; it takes {window} at most."
    ),
    CreditReason.COST: lazy_gettext("A credit check is needed, because of the cost; it takes {window} at most."),
}
_USUAL = lazy_gettext("The change itself usually takes less than {time}.")
_MEASURED = lazy_ngettext(
    "The change itself takes {median}, as {count} earlier change did.",
    "The change itself usually takes {median}, and {ninetieth} at most in nine of ten cases, as {count} earlier ones "
    "did.",
)
_REASSIGNING = lazy_gettext("Reassigning the licences takes less than {time} of it.")
_LOCKED = lazy_gettext("Locked meanwhile:")
_LOCKS = {
    "commerce": lazy_gettext("no subscription can be bought or changed"),
    "portal": lazy_gettext("administrators cannot use the portal"),
    "licence": lazy_gettext("licences cannot be assigned"),
}
_ORDER = lazy_gettext("To order: {pages}")

_MARKS = {Severity.BLOCKER: ("✗", "red"), Severity.WARNING: ("!", "yellow")}
_INDENT = " " * 7


def tell_eligibility(face: Face, tenant: Tenant, target: Plan, answer: Eligibility, language: Language) -> None:
    """Whether a change is allowed, and all findings."""
    face.tell(f"{tenant.name} → {language.tell(plan_name(target))}")
    face.tell(language.say(_ALLOWED[answer.allowed, answer.route]))
    _tell_findings(face, answer.findings, language)


def tell_options(face: Face, tenant: Tenant, found: Sequence[Options], language: Language) -> None:
    """The options of each subscription, as the page *Licenties* shows them."""
    face.tell(f"{tenant.name}: {language.say(NAVIGATION)}")
    for one in found:
        held = one.subscription
        face.tell()
        licences = language.say(_HELD, assigned=held.assigned, seats=held.seats)
        face.tell(f"{answers.plan(one, language)}  ({licences})  {held.id}")
        face.tell(f"  {language.say(OPTIONS)}: {language.say(LINK if one.plans else NO_OPTIONS)}")
        for plan in one.plans:
            face.tell(f"    {plan.id}: {language.tell(plan_name(plan))}")
        if one.plans and one.hidden:
            hidden = [plan.id for plan, _ in one.hidden]
            face.tell(f"  {language.say(_NOT_OFFERED, plans=hidden)}")
        _tell_findings(face, one.reasons, language)
        face.tell(f"  {language.say(_MANUAL_OPEN if one.manual else _MANUAL_CLOSED)}")


def tell_quote(face: Face, tenant: Tenant, offer: Quote, language: Language) -> None:
    """What a change would cost, take, lock and lose."""
    face.tell(tenant.name)
    table = words.table("", language.say(_NOW), language.say(_THEN))
    for label, cells in _prices(offer, language):
        table.add_row(label, *cells)
    face.print(table)
    face.tell(language.say(_ALLOWED[offer.eligibility.allowed, offer.eligibility.route]))
    day = "" if offer.old_billing_ends is None else offer.old_billing_ends.astimezone().date()
    face.tell(language.say(_OLD_ENDS[offer.old_billing], day=day))
    if offer.new_billing_begins is None:
        face.tell(language.say(_NEW_BEGINS_SOMETIME))
    else:
        earliest, latest = offer.new_billing_begins
        face.tell(language.say(_NEW_BEGINS, earliest=earliest, latest=latest))
    credit = _NO_CREDIT if offer.credit is None else _CREDIT[offer.credit]
    face.tell(language.say(credit, window=offer.credit_window))
    face.tell(f"{_duration(offer, language)} {language.say(_REASSIGNING, time=offer.expected.licences)}")
    if offer.locks:
        face.tell(language.say(_LOCKED))
    for one in offer.locks:
        when = language.tell([STATES[state] for state in one.states])
        locked = [_LOCKS[lock] for lock in sorted(one.locks)]
        face.tell(f"  {when} ({language.tell(one.lasts)}): {language.tell(locked)}")
    _tell_findings(face, offer.eligibility.findings, language)
    if offer.eligibility.allowed:
        face.tell(language.say(_ORDER, pages=" > ".join(language.say(page.title) for page in CHECKOUT)))


def _prices(offer: Quote, language: Language) -> Iterable[tuple[str, list[str]]]:
    both = (offer.old, offer.new)

    def money(cents: int | None) -> str:
        return "?" if cents is None else language.tell(Money(cents, offer.currency))

    def bill(price: Price) -> str:
        return language.say(_BILLS[price.billing_frequency], amount=money(price.billed_cents))

    yield language.say(_PLAN), [language.tell(price.plan) for price in both]
    yield language.say(_LICENCES), [language.tell(price.seats) for price in both]
    yield language.say(_PER_MONTH), [money(price.monthly_cents) for price in both]
    yield language.say(_PER_BILL), [bill(price) for price in both]


def _duration(offer: Quote, language: Language) -> str:
    expected = offer.expected
    if not expected.measured:
        return language.say(_USUAL, time=expected.median)
    return language.say(_MEASURED, count=expected.measured, median=expected.median, ninetieth=expected.ninetieth)


def _tell_findings(face: Face, findings: Iterable[Finding], language: Language) -> None:
    for finding in findings:
        mark, style = _MARKS[finding.severity]
        face.mark(Text.assemble("  ", (f"{mark} {finding.rule:<4}", style), finding.sentence(language)))
        face.tell(f"  {_INDENT[:-1]}{finding.advice(language)}")
