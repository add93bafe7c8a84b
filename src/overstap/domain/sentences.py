"""What findings say to people, as templates that are filled with a finding's parameters.

A template may have forms of its own for one and for none; a parameter that counts chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with places for parameters.

    Attributes:
        many: the form as a rule.
        one: the form where the parameter `by` is 1, when it differs.
        none: the form where it is 0, when it differs.
        by: which parameter counts.
    """

    many: str
    one: str | None = None
    none: str | None = None
    by: str = "count"

    def fill(self, params: Mapping[str, Any]) -> str:
        """The sentence with the parameters in their places."""
        form = {0: self.none, 1: self.one}.get(params.get(self.by, -1)) or self.many
        return form.format(**params)


ENGLISH: Mapping[str, Template] = {
    "pair_not_listed": Template(
        many="The wizard does not offer the change from {source} to {target}, it offers {targets}; "
        "for another plan call billing support to change manually.",
        none="The wizard does not offer the change from {source} to {target}; call billing support to change manually.",
    ),
    "pair_closed": Template(
        "The change from {source} to {target} is closed for now: {reason}. "
        "Try again later, or call billing support to change manually."
    ),
    "too_many_users": Template(
        "{count} users hold a licence of this subscription and the wizard moves at most {limit}; "
        "call billing support to change manually."
    ),
    "not_an_admin": Template("{upn} is no administrator of this organisation; sign in as one who is {needed}."),
    "role_too_low": Template("{upn} may not change this subscription: that takes {needed}; sign in as one."),
    "trial": Template("{source} is a trial; buy the plan that is being tried first, then change."),
    "not_active": Template("The subscription is {status}, so it cannot be changed; reactivate it first, then change."),
    "not_provisioned": Template(
        "The subscription is not fully provisioned yet; wait until every service of it is set up, then try again."
    ),
    "service_unhealthy": Template(
        "{service} has a problem now ({status}); see the service status page and try again once it is resolved."
    ),
    "licence_conflict": Template(
        many="{missing} users need a valid licence (bought: {seats}, assigned: {assigned}); "
        "buy licences or take some back under Licences.",
        one="1 user needs a valid licence (bought: {seats}, assigned: {assigned}); "
        "buy a licence or take one back under Licences.",
        by="missing",
    ),
    "source_payment": Template(
        "The subscription was paid by {method}, which the wizard does not support; "
        "call billing support to change manually."
    ),
    "chosen_payment": Template("A change cannot be paid by {method}; choose card or invoice."),
    "legacy_too_many_users": Template(
        "{source} was bought before the service upgrade and {count} users hold a licence of it; "
        "since the upgrade it has a limit of {limit}, so it cannot be changed."
    ),
    "custom_domain": Template(
        many="With custom domains ({domains}) a change from {source} to {target} is not possible at present; "
        "remove them first, or call billing support to change manually.",
        one="With the custom domain {domains} a change from {source} to {target} is not possible at present; "
        "remove it first, or call billing support to change manually.",
    ),
    "fewer_seats": Template(
        "The new plan cannot have fewer seats ({seats}) than the subscription has now ({least}): "
        "seats may be added, not removed; call billing support to lower them."
    ),
    "public_website": Template(
        many="If the public website uses one of {domains}, change its address before you change plans; "
        "afterwards it takes extra steps.",
        one="If the public website uses {domains}, change its address before you change plans; "
        "afterwards it takes extra steps.",
    ),
    "no_way_back": Template(
        "{target} belongs to another family than {source}: there is no way back. "
        "Make a backup of all company data before the change."
    ),
}
"""By the finding's code."""
