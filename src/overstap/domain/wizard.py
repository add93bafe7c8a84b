"""The pages of the wizard *Veranderen van abonnement*: their order, and what can be changed on each (rules.md §C)."""

from __future__ import annotations

from dataclasses import dataclass

from overstap.domain import links
from overstap.language import Message, lazy_gettext

NAVIGATION = lazy_gettext("Admin > Licences")
"""The way to the licences, where every change begins (rules.md R22, R43)."""
OPTIONS = lazy_gettext("Subscription options")
"""The column in which each subscription has its link, or no options (rules.md R36)."""
LINK = lazy_gettext("Change plan")
"""The link under the plan options of a subscription (rules.md R23)."""
NO_OPTIONS = lazy_gettext("No options")
"""What stands in its place where there is nothing to change to (rules.md R13, R36, R40)."""
STATUS = lazy_gettext("Change plan: status")
"""The page that is shown until the change is done (rules.md R28, R38)."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the wizard.

    Attributes:
        name: the end of its path.
        changes: what of the order can be changed on it: `seats`, `payment_method`, `billing_frequency`.
    """

    name: str
    title: Message
    changes: tuple[str, ...] = ()

    def href(self, subscription_id: str, plan: str) -> str:
        """Where it is, for a change of this subscription to that plan."""
        return f"{links.checkout(subscription_id, plan)}/{self.name}"


CHECKOUT = (
    Page("prepare", lazy_gettext("Prepare")),
    Page("review", lazy_gettext("Review"), ("seats",)),
    Page("payment", lazy_gettext("Payment"), ("payment_method", "billing_frequency")),
    Page("complete", lazy_gettext("Complete the order")),
)
"""The checkout, in its order (rules.md R25-R28): seats rise on the second page (R26, R29), payment changes on the third
(R27), and the last one leads to the status."""
