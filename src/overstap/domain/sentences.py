"""What each finding says to people: what is so, and what to do about it; in English, the catalogues have the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from overstap.language import Message, Money, lazy_gettext, lazy_ngettext


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one finding; both texts have its parameters at hand."""

    sentence: Message
    advice: Message


_MANUALLY = lazy_gettext("Change manually: call billing support.")

BLOCKING: Mapping[str, Words] = {
    "same_plan": Words(
        lazy_gettext("The subscription has the plan {target} already."),
        lazy_gettext("Choose another plan."),
    ),
    "pair_not_listed": Words(
        lazy_gettext("The wizard does not offer the change from {source} to {target}."),
        lazy_gettext("The wizard offers {targets}; for another plan change manually: call billing support."),
    ),
    "source_not_listed": Words(
        lazy_gettext("The wizard offers no change from {source}."),
        _MANUALLY,
    ),
    "pair_closed": Words(
        lazy_gettext("The change from {source} to {target} is closed for now: {reason}."),
        lazy_gettext("Choose another plan, or try again later."),
    ),
    "too_many_users": Words(
        lazy_ngettext(
            "{count} user holds a licence of this subscription, and the wizard moves at most {limit}.",
            "{count} users hold a licence of this subscription, and the wizard moves at most {limit}.",
        ),
        _MANUALLY,
    ),
    "not_an_admin": Words(
        lazy_gettext("{upn} is no administrator of this organisation, and the change takes {needed}."),
        lazy_gettext("Sign in as {needed}."),
    ),
    "role_too_low": Words(
        lazy_gettext("{upn} may not change this subscription: that takes {needed}."),
        lazy_gettext("Sign in as {needed}, or ask one to order it."),
    ),
    "trial": Words(
        lazy_gettext("{source} is a trial."),
        lazy_gettext("Buy the plan that is being tried first, then change."),
    ),
    "not_active": Words(
        lazy_gettext("The subscription is not active: it is {status}."),
        lazy_gettext("Reactivate it first, then change."),
    ),
    "not_provisioned": Words(
        lazy_gettext("The subscription is not fully provisioned yet."),
        lazy_gettext("Wait until each of its services is set up ({page}), then try again."),
    ),
    "service_unhealthy": Words(
        lazy_gettext("{service} has a problem: {status}."),
        lazy_gettext("See the current service status under {page}, and try again once it is resolved."),
    ),
    "licence_conflict": Words(
        lazy_ngettext(
            "Licence conflict: {missing} user needs a valid licence (bought: {seats}, assigned: {assigned}).",
            "Licence conflict: {missing} users need valid licences (bought: {seats}, assigned: {assigned}).",
            by="missing",
        ),
        lazy_gettext("Resolve now, under {page}: buy licences or take some back."),
    ),
    "source_payment": Words(
        lazy_gettext("The subscription is paid by {payment_method}, which the wizard does not support."),
        lazy_gettext("Change manually, and pay the new plan by card or invoice: call billing support."),
    ),
    "chosen_payment": Words(
        lazy_gettext("The new plan cannot be paid by {payment_method}."),
        lazy_gettext("Choose card or invoice."),
    ),
    "legacy_too_many_users": Words(
        lazy_ngettext(
            "{source} was bought before the service upgrade and {count} user holds a licence of it; since then its "
            "limit is {limit}.",
            "{source} was bought before the service upgrade and {count} users hold a licence of it; since then its "
            "limit is {limit}.",
        ),
        _MANUALLY,
    ),
    "custom_domain": Words(
        lazy_ngettext(
            "With the custom domain {domains} a change from small business to a plan for enterprises or midsize "
            "businesses is not possible at present.",
            "With the custom domains {domains} a change from small business to a plan for enterprises or midsize "
            "businesses is not possible at present.",
        ),
        lazy_ngettext(
            "Remove the domain first, under {page}, or change manually: call billing support.",
            "Remove the domains first, under {page}, or change manually: call billing support.",
        ),
    ),
    "fewer_seats": Words(
        lazy_gettext(
            "The new plan cannot have fewer licences ({seats}) than the subscription has now ({least}): "
            "licences can be added, not removed."
        ),
        lazy_gettext("Order at least {least}; to lower the number, call billing support."),
    ),
    "acknowledgement_missing": Words(
        lazy_gettext("Nobody has acknowledged yet that there is no way back from {target} to {source}."),
        lazy_gettext("Acknowledge it with the order."),
    ),
    "credit_check_pending": Words(
        lazy_gettext(
            "A credit check is under way until {until} at the latest (run {run_id}): meanwhile no subscription can be "
            "bought or changed."
        ),
        lazy_gettext("Wait for its end; the status page shows it."),
    ),
    "change_under_way": Words(
        lazy_gettext("Another change of this organisation is under way (run {run_id}): {state}."),
        lazy_gettext("Wait for its end, or have it cancelled; the status page shows it."),
    ),
}
"""Of what stops a change, by code."""

WARNING: Mapping[str, Words] = {
    "public_website": Words(
        lazy_ngettext(
            "The public website may use the custom domain {domains}.",
            "The public website may use one of the custom domains {domains}.",
        ),
        lazy_gettext("If it does, change its address before the plan; afterwards that takes extra steps."),
    ),
    "over_seat_limit": Words(
        lazy_gettext("{target} is meant for at most {limit} licences, and the order is for {seats}."),
        lazy_gettext("Ask billing support first, or choose a plan for more users."),
    ),
    "credit_check_by_invoice": Words(
        lazy_ngettext(
            "An order paid by invoice needs a credit check, which may take {days} day.",
            "An order paid by invoice needs a credit check, which may take {days} days.",
            by="days",
        ),
        lazy_gettext("An order paid by card that stays below {threshold} per month needs none."),
    ),
    "credit_check_by_cost": Words(
        lazy_ngettext(
            "An order of {cost} per month needs a credit check, which may take {days} day.",
            "An order of {cost} per month needs a credit check, which may take {days} days.",
            by="days",
        ),
        lazy_gettext("An order paid by card that stays below {threshold} per month needs none."),
    ),
    "commerce_lock_ahead": Words(
        lazy_gettext(
            "During the credit check no subscription can be bought or changed: the column Subscription options says "
            "No options. The rest of the service works as usual."
        ),
        lazy_gettext("Buy or change first what cannot wait for it."),
    ),
    "manual_way": Words(
        lazy_gettext(
            "The change can be made manually, in this order: buy the new plan, reassign the licences, cancel the old "
            "subscription."
        ),
        lazy_gettext("Call billing support, which orders it."),
    ),
    "no_way_back": Words(
        lazy_gettext("{target} belongs to another family than {source}: there is no way back."),
        lazy_gettext("Acknowledge this with the order."),
    ),
    "domains_come_off": Words(
        lazy_ngettext(
            "The custom domain {domains} is removed first and added again afterwards: services are down for some time.",
            "The custom domains {domains} are removed first and added again afterwards: services are down for some "
            "time.",
        ),
        lazy_gettext("Choose a quiet moment, and have the DNS records at hand."),
    ),
    "backup_advised": Words(
        lazy_gettext("Before a change to another family a backup of all company data is advised."),
        lazy_gettext("Make the backup first."),
    ),
}
"""Of what the customer should know before, by code."""

SENTENCES: Mapping[str, Words] = MappingProxyType({**BLOCKING, **WARNING})

WIZARD_ONLY = frozenset(
    {
        "pair_not_listed",
        "source_not_listed",
        "too_many_users",
        "source_payment",
        "legacy_too_many_users",
        "custom_domain",
    }
)
"""Blockers of the wizard that the manual way gets round (rules.md R5, R47)."""

STATES: Mapping[str, Message] = {
    "submitted": lazy_gettext("ordered"),
    "credit_check": lazy_gettext("credit check"),
    "migrating": lazy_gettext("migration"),
    "escalated": lazy_gettext("migration, with support"),
    "licenses_reassigned": lazy_gettext("licences reassigned"),
    "rolling_back": lazy_gettext("being undone"),
    "acknowledgement": lazy_gettext("waits for the acknowledgement"),
    "backup": lazy_gettext("waits for the answer about the backup"),
    "preparing": lazy_gettext("being prepared"),
    "domain_removal": lazy_gettext("waits for the removal of the custom domain"),
    "buying": lazy_gettext("being bought"),
    "domain_return": lazy_gettext("waits for the return of the custom domain"),
    "domain_overdue": lazy_gettext("return of the custom domain overdue, with support"),
    "adding_domains": lazy_gettext("custom domain being added again"),
}
"""What is going on in each state of a change, in a few words."""

_TERMS: Mapping[str, Mapping[str, Message]] = {
    "needed": {
        "global_admin": lazy_gettext("a global administrator"),
        "admin": lazy_gettext("an administrator"),
    },
    "payment_method": {
        "card": lazy_gettext("card"),
        "invoice": lazy_gettext("invoice"),
        "prepaid": lazy_gettext("a prepaid card"),
        "product_key": lazy_gettext("a product key"),
    },
    "status": {
        "Suspended": lazy_gettext("suspended"),
        "LockedOut": lazy_gettext("locked out"),
        "Deleted": lazy_gettext("deleted"),
        "serviceDegradation": lazy_gettext("degraded"),
        "serviceInterruption": lazy_gettext("not available"),
        "serviceRestored": lazy_gettext("restored, not yet confirmed"),
        "extendedRecovery": lazy_gettext("recovering"),
        "restoringService": lazy_gettext("being restored"),
        "verifyingService": lazy_gettext("being checked after its restoration"),
        "investigating": lazy_gettext("being investigated"),
        "investigationSuspended": lazy_gettext("investigation suspended"),
        "reported": lazy_gettext("reported"),
        "confirmed": lazy_gettext("confirmed"),
        "mitigated": lazy_gettext("mitigated"),
        "mitigatedExternal": lazy_gettext("mitigated"),
        "resolved": lazy_gettext("resolved, not yet confirmed"),
        "resolvedExternal": lazy_gettext("resolved, not yet confirmed"),
        "falsePositive": lazy_gettext("false alarm, not yet confirmed"),
        "postIncidentReviewPublished": lazy_gettext("restored, not yet confirmed"),
    },
    "state": STATES,
    "page": {
        "health": lazy_gettext("Admin > Office 365 > Support"),
        "health_small_business": lazy_gettext("Admin > Get help and online support"),
        "licences": lazy_gettext("Admin > Licences"),
        "domains": lazy_gettext("Admin > Domains"),
    },
}
"""Words for the values that some parameters take; a value without one is shown as it is."""

_FOLDED = {(name, value.casefold()): word for name, terms in _TERMS.items() for value, word in terms.items()}
"""The same by parameter and value in any letter case: providers mix it."""

_VALUES: Mapping[str, Callable[[Any], Any]] = {
    "cost": lambda value: Money(value["cents"], value["currency"]),
    "threshold": lambda value: Money(value["cents"], value["currency"]),
    "until": datetime.fromisoformat,
}
"""What a parameter's JSON value stands for."""


def spoken(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a language can say them."""
    return {name: _spoken(name, value) for name, value in params.items()}


def _spoken(name: str, value: Any) -> Any:
    if name in _VALUES:
        return _VALUES[name](value)
    return _FOLDED.get((name, value.casefold()), value) if isinstance(value, str) else value
