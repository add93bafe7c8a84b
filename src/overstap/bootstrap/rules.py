"""What the settings and the workflow files make of the rules."""

from __future__ import annotations

from datetime import timedelta

from overstap.app.service import WORKFLOWS
from overstap.domain.case import Limits
from overstap.domain.change import Route
from overstap.domain.locks import CREDIT_CHECK, Guard, PortalPage
from overstap.errors import BadInput
from overstap.settings import Settings
from overstap.workflow.files import Library


def limits_of_rules(library: Library, settings: Settings) -> Limits:
    """What the rules go by that can be set.

    Raises:
        BadInput: when the newest workflow has no credit check with a deadline.
    """
    return Limits(
        wizard_users=settings.rules.wizard_users,
        legacy_users=settings.rules.legacy_users,
        credit_threshold_cents=settings.rules.credit_threshold_cents,
        credit_window=_credit_window(library),
    )


def _credit_window(library: Library) -> timedelta:
    """How long a credit check may take: as the newest workflow says (rules.md R34)."""
    newest = library.latest(WORKFLOWS[Route.WIZARD])
    check = newest.states.get(CREDIT_CHECK)
    if check is None or check.deadline is None:
        raise BadInput(
            f"{newest.path}: {newest.name} v{newest.version} has no state {CREDIT_CHECK} with a deadline; quotes tell "
            "by it how long a credit check may last: keep that name."
        )
    return check.deadline.after


def make_guard(library: Library, settings: Settings) -> Guard:
    """What refuses from outside what a run locks, as its workflow file and the settings say."""
    whole = settings.rules.portal_lock == "portal"
    return Guard(library.locks, frozenset(PortalPage) if whole else frozenset({PortalPage.SUBSCRIPTIONS}))
