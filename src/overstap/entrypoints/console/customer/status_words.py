"""What *Veranderen van abonnement: status* says, in words that a tenant's administrator understands."""

from __future__ import annotations

from collections.abc import Mapping

from overstap.domain.locks import COMMERCE, LICENCE, PORTAL
from overstap.domain.phases import Billed, Phase, Standing
from overstap.language import Message, lazy_gettext, lazy_ngettext

NAMES: Mapping[Phase, Message] = {
    Phase.ORDERED: lazy_gettext("Order"),
    Phase.ACKNOWLEDGEMENT: lazy_gettext("Acknowledging that there is no way back"),
    Phase.BACKUP: lazy_gettext("Advice to make a backup"),
    Phase.DOMAINS_OFF: lazy_gettext("Removing the custom domain"),
    Phase.BUYING: lazy_gettext("Buying the new plan"),
    Phase.CREDIT: lazy_gettext("Credit check"),
    Phase.USERS: lazy_gettext("Moving the users"),
    Phase.LICENCES: lazy_gettext("Reassigning the licences"),
    Phase.CLOSING: lazy_gettext("Billing the new plan, closing the old subscription"),
    Phase.DOMAINS_BACK: lazy_gettext("Adding the custom domain again"),
    Phase.GOING_BACK: lazy_gettext("Taking everything back"),
    Phase.ENDED: lazy_gettext("Done"),
}
HEADLINES: Mapping[Phase, Message] = {
    Phase.ORDERED: lazy_gettext("Your order is being placed."),
    Phase.ACKNOWLEDGEMENT: lazy_gettext("The change waits for your acknowledgement."),
    Phase.BACKUP: lazy_gettext("The change waits for your answer about the backup."),
    Phase.DOMAINS_OFF: lazy_gettext("The change waits until your custom domain can be removed."),
    Phase.BUYING: lazy_gettext("{target} is being bought."),
    Phase.CREDIT: lazy_gettext("The credit of your organisation is being checked."),
    Phase.USERS: lazy_gettext("Your users are being moved to {target}."),
    Phase.LICENCES: lazy_gettext("The licences are being reassigned."),
    Phase.CLOSING: lazy_gettext("The billing of {target} begins, and your old subscription is being closed."),
    Phase.DOMAINS_BACK: lazy_gettext("Your custom domain has still to be added again."),
    Phase.GOING_BACK: lazy_gettext("The change is being undone: you go back to {source}."),
}
ENDINGS: Mapping[str, Message] = {
    "completed": lazy_gettext("Your plan has been changed to {target}."),
    "failed": lazy_gettext("Your plan could not be changed. You still have {source}."),
    "cancelled": lazy_gettext("The change was called off. You still have {source}."),
}
"""By the state in which it ended."""
OUTCOMES: Mapping[str, Message] = {
    "completed": lazy_gettext("completed"),
    "failed": lazy_gettext("not completed"),
    "cancelled": lazy_gettext("called off"),
}
UNDER_WAY = lazy_gettext("under way")
STANDINGS: Mapping[Standing, Message] = {
    Standing.DONE: lazy_gettext("done"),
    Standing.NOW: lazy_gettext("busy now"),
    Standing.AHEAD: lazy_gettext("still to come"),
}

MEANS: Mapping[str, Message] = {
    "completed": lazy_gettext(
        "All users have their service, their data and a licence of {target}. The old subscription is closed, and "
        "nothing is locked any more."
    ),
    "back": lazy_gettext(
        "Nobody has lost a licence or data. {source} is billed as before, and nothing is locked any more."
    ),
}
WHY: Mapping[str, Message] = {
    "not_eligible": lazy_gettext("The change is not allowed as things are now:"),
    "credit_declined": lazy_gettext("The credit of your organisation was not approved."),
    "credit_window_expired": lazy_gettext("The credit check had no answer within two weeks."),
    "order_refused": lazy_gettext("The order was refused."),
    "order_overdue": lazy_gettext("The order could not be placed in time."),
    "preparation_overdue": lazy_gettext("The order could not be prepared in time."),
    "migration_failed": lazy_gettext("Your users could not all be moved."),
    "acknowledgement_overdue": lazy_gettext("The acknowledgement did not come in time."),
    "backup_overdue": lazy_gettext("The answer about the backup did not come in time."),
    "domain_removal_overdue": lazy_gettext("Your custom domain was not ready to be removed in time."),
}
"""By the event that sent a change back."""
WHY_ELSE = lazy_gettext("Something went wrong on the way.")
CALLED_OFF = lazy_gettext("{who} called it off: {reason}")
CALLED_OFF_BY_SUPPORT = lazy_gettext("Support called it off: {reason}")
DO: Mapping[str, Message] = {
    "credit": lazy_gettext(
        "Order again with another payment method, or call support for billing and subscription issues."
    ),
    "else": lazy_gettext(
        "You can order again under Licences. If it goes wrong again, call support for billing and subscription issues."
    ),
}

CLOSE_IT = lazy_gettext("You can close this page and come back later: the change goes on without it.")
KEEPS = lazy_gettext("Your service is not interrupted, and users still have access to their data.")
USUAL = lazy_gettext("Changing plans usually takes less than {time}, unless there are errors or problems.")
MEASURED = lazy_gettext("Nine in ten of the last {count} changes of this kind took less than {time}.")
REASSIGNING = lazy_gettext("Reassigning the licences takes less than a minute.")
CREDIT_TAKES = lazy_gettext(
    "This can take up to two weeks. As soon as your credit is approved the change begins by itself, and administrators "
    "see this page when they sign in."
)
DECIDED_BY = lazy_gettext("At the latest")
EXPECTED = lazy_gettext("Expected to be done")
LONGER = lazy_gettext("It takes longer than expected, and goes on by itself.")
MOVED = lazy_ngettext("{done} of {count} user moved", "{done} of {count} users moved")
LIFTED_BY = lazy_gettext("Support has been called, because the change takes longer than an hour, and works on it.")
LIFTED_DO = lazy_gettext(
    "The change goes on meanwhile; you do not have to do anything. If you do call support for billing and "
    "subscription issues, mention the number {run_id}."
)
SINCE = lazy_gettext("Support was called")
AGAIN = lazy_gettext("A service does not answer as it should at the moment; it is tried again by itself.")
STUCK = lazy_gettext("The change cannot go on by itself. Support sees that and has to look; your users can work.")
HELD = lazy_gettext("Support has stopped the change for a moment to look at it. It goes on when they let it.")
YOUR_TURN = lazy_gettext("It is your turn: {task}")
TO_TASK = lazy_gettext("See the task")

LOCKED = lazy_gettext("What is locked now")
NOTHING_LOCKED = lazy_gettext("Nothing is locked.")
LOCKS: Mapping[str, Message] = {
    PORTAL: lazy_gettext(
        "Administrators cannot use the Office 365 portal, so that nobody works on what is being moved. They see this "
        "page instead."
    ),
    LICENCE: lazy_gettext(
        "User licences cannot be assigned by hand: doing that during the change can cause an error. It is done for you."
    ),
    COMMERCE: lazy_gettext("Subscriptions cannot be bought, changed or cancelled until this change has ended."),
}
LOCK_NAMES: Mapping[str, Message] = {
    PORTAL: lazy_gettext("Portal"),
    LICENCE: lazy_gettext("Assigning licences"),
    COMMERCE: lazy_gettext("Buying and changing"),
}
ONE_PAGE = lazy_gettext(
    "Administrators cannot use the page Licences, so that nobody works on what is being moved. They see this page "
    "instead."
)
DURING_CREDIT = lazy_gettext(
    "You cannot add new subscriptions or change other ones while your credit is being checked. The rest of your "
    "service works as usual."
)
BILLED = lazy_gettext("What is billed now")
BILLS: Mapping[Billed, Message] = {
    Billed.OLD: lazy_gettext("{source} is billed, as before."),
    Billed.NONE: lazy_gettext(
        "Neither of the two: the billing of {source} was switched off with your order, and the billing of {target} "
        "begins only when the change is completed."
    ),
    Billed.NEW: lazy_gettext("{target} is billed. {source} is not any more."),
}
