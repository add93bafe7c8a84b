"""Where on a tenant's pages each thing is, also what a finding of the rules sends its reader to."""

from __future__ import annotations

from typing import NamedTuple

from overstap.domain.findings import Finding
from overstap.entrypoints.console.customer.surroundings import home, status_path
from overstap.entrypoints.console.parts import address
from overstap.language import Message, lazy_gettext


class Link(NamedTuple):
    """Where something can be done, and what the link says."""

    href: str
    text: Message


def licences(tenant_id: str, subscription_id: str | None = None) -> str:
    """The page *Licenties*, with a subscription selected (rules.md R22, R23)."""
    return address(f"{home(tenant_id)}/licences", subscription=subscription_id)


def holders(tenant_id: str, subscription_id: str) -> str:
    """Who holds the licences of a subscription."""
    return f"{home(tenant_id)}/licences/{subscription_id}"


def conflict(tenant_id: str, subscription_id: str) -> str:
    """Where a licence conflict is resolved, *Nu oplossen* (rules.md R9)."""
    return f"{holders(tenant_id, subscription_id)}/conflict"


def buy(tenant_id: str, plan: str | None = None) -> str:
    """Where a plan is bought beside what there is."""
    return address(f"{home(tenant_id)}/buy", plan=plan)


def support(tenant_id: str, place: str) -> str:
    """A part of *Ondersteuningsoverzicht*: `health`, `domains`, `admins` or `phone` (rules.md R41, R42, R51)."""
    return f"{home(tenant_id)}/support#{place}"


def choose(tenant_id: str, subscription_id: str, **query: object) -> str:
    """The page *Een nieuw abonnement kiezen* (rules.md R24)."""
    return address(f"{home(tenant_id)}/choose", subscription=subscription_id, **query)


def of(tenant_id: str, finding: Finding) -> Link:
    """Where something can be done about a finding."""
    match finding.href.strip("/").split("/"):
        case ["licences", subscription] if finding.code == "licence_conflict":
            return Link(conflict(tenant_id, subscription), lazy_gettext("Resolve now"))
        case ["licences", subscription]:
            return Link(licences(tenant_id, subscription), lazy_gettext("To the licences"))
        case ["licences", subscription, "change"]:
            return Link(choose(tenant_id, subscription), lazy_gettext("Choose another plan"))
        case ["licences", subscription, "change", plan, *_]:
            prepare = address(f"{home(tenant_id)}/prepare", subscription=subscription, target=plan)
            return Link(prepare, lazy_gettext("Back to Prepare"))
        case ["status", run_id]:
            return Link(status_path(tenant_id, run_id), lazy_gettext("Change plan: status"))
        case ["subscriptions", "new"]:
            return Link(buy(tenant_id), lazy_gettext("Buy a subscription"))
        case ["health"]:
            return Link(support(tenant_id, "health"), lazy_gettext("Current service status"))
        case ["domains"]:
            return Link(support(tenant_id, "domains"), lazy_gettext("Custom domains"))
        case ["admins"]:
            return Link(support(tenant_id, "admins"), lazy_gettext("Administrators"))
        case _:
            return Link(support(tenant_id, "phone"), lazy_gettext("Billing support"))
