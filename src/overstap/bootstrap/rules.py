"""What the workflow files and the settings together say of the rules."""

from __future__ import annotations

from datetime import timedelta

from overstap.app.service import WORKFLOWS
from overstap.domain.change import Route
from overstap.domain.locks import CREDIT_CHECK, Guard, PortalPage
from overstap.errors import BadInput
from overstap.settings import Settings
from overstap.workflow.files import Library


def credit_window(library: Library) -> timedelta:
    """How long a credit check may take: as the newest workflow says (rules.md R34).

    Raises:
        BadInput: when it has no such state, or that one no deadline.
    """
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
