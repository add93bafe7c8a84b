"""What people do in a change that goes the manual way (rules.md §G): each task with its words and its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from overstap.domain.case import plan_name, same_name
from overstap.domain.catalog import Catalog
from overstap.language import Language, Message, lazy_gettext, lazy_ngettext


@dataclass(frozen=True, slots=True)
class TaskKind:
    """One kind of work that a run asks of an administrator of its tenant.

    Attributes:
        title: what it is; like the instructions with the places of `facts`.
        instructions: what to do, one thing after the other.
        done: the chart's event that tells that it is done.
        declined: the event that tells that its advice is not followed; None for what is no advice.
    """

    name: str
    title: Message
    instructions: tuple[Message, ...]
    done: str
    declined: str | None = None

    @property
    def events(self) -> frozenset[str]:
        """The events by which it ends."""
        return frozenset(event for event in (self.done, self.declined) if event is not None)

    def heading(self, language: Language, facts: Mapping[str, Any]) -> str:
        """What it is, in a few words."""
        return language.say(self.title, **facts)

    def to_do(self, language: Language, facts: Mapping[str, Any]) -> list[str]:
        """What to do, one sentence or two for each thing."""
        return [language.say(instruction, **facts) for instruction in self.instructions]


_CALL_SUPPORT = lazy_gettext("Call billing support if you get stuck.")

ACKNOWLEDGEMENT = TaskKind(
    "acknowledgement",
    lazy_gettext("Acknowledge that there is no way back from {target}"),
    (
        lazy_gettext("Read what the change means: for every user {target} takes the place of {source}."),
        lazy_gettext("Know that {target} belongs to another family: afterwards nobody can go back to {source}."),
        lazy_gettext("Say that you acknowledge it if the change is to go on; have it cancelled if not."),
    ),
    done="acknowledged",
)
"""R48: to another family there is no way back."""

BACKUP = TaskKind(
    "backup",
    lazy_gettext("Answer the advice to make a backup"),
    (
        lazy_gettext("Make a backup of all company data: mail, calendars, documents and sites."),
        lazy_gettext("Check that the backup can be read."),
        lazy_gettext("Say that it is made, and note where it is; or decline the advice, and note why."),
    ),
    done="backup_made",
    declined="backup_declined",
)
"""R50: before a change to another family a backup is advised, and the answer is recorded."""

DOMAIN_REMOVAL = TaskKind(
    "domain_removal",
    lazy_ngettext(
        "Prepare the removal of the custom domain {domains}", "Prepare the removal of the custom domains {domains}"
    ),
    (
        lazy_ngettext(
            "Choose a quiet moment: services are down from the removal until {domains} is added again.",
            "Choose a quiet moment: services are down from the removal until {domains} are added again.",
        ),
        lazy_ngettext(
            "Give every user, group and shared mailbox an address that does not end in {domains}.",
            "Give every user, group and shared mailbox an address that ends in none of these: {domains}.",
        ),
        lazy_ngettext(
            "If the public website uses {domains}, change its address.",
            "If the public website uses one of {domains}, change its address.",
        ),
        lazy_gettext("Keep the DNS records of {domains} at hand: they are needed again afterwards."),
        lazy_ngettext(
            "Say that it is done: {domains} is removed then by itself, and the new plan is bought.",
            "Say that it is done: {domains} are removed then by themselves, and the new plan is bought.",
        ),
        _CALL_SUPPORT,
    ),
    done="domains_freed",
)
"""R49: a custom domain is removed first; services are down for some time."""

DOMAIN_RETURN = TaskKind(
    "domain_return",
    lazy_ngettext(
        "Prepare the return of the custom domain {domains}", "Prepare the return of the custom domains {domains}"
    ),
    (
        lazy_gettext("Set the DNS records of {domains} as {target} asks for them."),
        lazy_gettext("Wait until they can be seen from outside; that may take some hours."),
        lazy_ngettext(
            "Say that it is done: {domains} is added again then by itself.",
            "Say that it is done: {domains} are added again then by themselves.",
        ),
        lazy_ngettext(
            "Give everybody their address that ends in {domains} back.",
            "Give everybody their addresses that end in one of these back: {domains}.",
        ),
        _CALL_SUPPORT,
    ),
    done="domains_ready",
)
"""R49: the custom domain is added again afterwards."""

TASKS: Mapping[str, TaskKind] = MappingProxyType(
    {kind.name: kind for kind in (ACKNOWLEDGEMENT, BACKUP, DOMAIN_REMOVAL, DOMAIN_RETURN)}
)
"""Every kind of task, by name."""

ANSWERS: frozenset[str] = frozenset().union(*(kind.events for kind in TASKS.values()))
"""The events by which tasks end: sent in any other way, they could confirm a step before its time (R46)."""

REMINDER = lazy_gettext("Reminder: this has still to be done.")


def facts(order: Mapping[str, Any], data: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """What the words of a run's tasks are about.

    Args:
        order: the order that the run was submitted with.
        data: what its steps learned.
    """
    domains = data.get("domains_off") or data.get("domains") or []
    source = order.get("source_plan")
    return {
        "source": _plan(catalog, source) if source else lazy_gettext("the present plan"),
        "target": _plan(catalog, order["target_plan"]),
        "domains": domains,
        "count": len(domains),
    }


def _plan(catalog: Catalog, plan_id: str) -> dict[str, str]:
    plan = catalog.plans.get(plan_id)
    return plan_name(plan) if plan else same_name(plan_id)
