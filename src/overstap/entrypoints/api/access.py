"""Who may do what over HTTP: one line for each route, by the name of its function. None goes without a line.

Whoever has one of the roles may come in. A `tenant_admin` reaches its own tenant only: what a path names of another
one does not exist for it, and lists have nothing else in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from overstap.app.principals import Role

_VIEWER, _OPERATOR, _APPROVER, _PLATFORM, _ADMIN = (
    Role.VIEWER,
    Role.OPERATOR,
    Role.APPROVER,
    Role.PLATFORM,
    Role.TENANT_ADMIN,
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use a route.

    Attributes:
        roles: one of these is enough; none at all lets everybody in, signed in or not.
        repeatable: the command behind it takes the idempotency key itself, so that a repeat does nothing twice even
            where no answer was kept.
        secret: the field of the answer that is told once and kept nowhere; a repeat gets None there.
    """

    roles: frozenset[Role]
    repeatable: bool = False
    secret: str | None = None


def _for(*roles: Role, repeatable: bool = False, secret: str | None = None) -> Access:
    return Access(frozenset(roles), repeatable, secret)


ANYBODY = Access(frozenset())

ACCESS: dict[str, Access] = {
    # tenants, and what they may order
    "list_tenants": _for(_VIEWER, _ADMIN),
    "import_tenants": _for(_PLATFORM),
    "show_tenant": _for(_VIEWER, _ADMIN),
    "list_subscriptions": _for(_VIEWER, _ADMIN),
    "list_options": _for(_VIEWER, _ADMIN),
    "show_options": _for(_VIEWER, _ADMIN),
    "check_eligibility": _for(_VIEWER, _ADMIN),
    "make_quote": _for(_VIEWER, _ADMIN),
    "list_licences": _for(_VIEWER, _ADMIN),
    "assign_licences": _for(_OPERATOR, _ADMIN, repeatable=True),
    "unassign_licences": _for(_OPERATOR, _ADMIN, repeatable=True),
    "buy_subscription": _for(_OPERATOR, _ADMIN, repeatable=True),
    "cancel_subscription": _for(_OPERATOR, _ADMIN, repeatable=True),
    "open_portal": _for(_OPERATOR, _ADMIN),
    "list_plans": _for(_VIEWER, _ADMIN),
    "list_pairs": _for(_VIEWER, _ADMIN),
    # plan changes
    "submit_plan_change": _for(_OPERATOR, _ADMIN, repeatable=True),
    "show_plan_change": _for(_VIEWER, _ADMIN),
    "cancel_plan_change": _for(_OPERATOR, _ADMIN),
    # runs
    "list_runs": _for(_VIEWER, _ADMIN),
    "count_runs": _for(_VIEWER),
    "show_run": _for(_VIEWER, _ADMIN),
    "list_journal": _for(_VIEWER, _ADMIN),
    "list_effects": _for(_VIEWER),
    "list_signals": _for(_VIEWER, _ADMIN),
    "explain_run": _for(_VIEWER, _ADMIN),
    "show_history": _for(_VIEWER, _ADMIN),
    "compare_run": _for(_VIEWER, _ADMIN),
    "send_signal": _for(_OPERATOR),
    "hold_run": _for(_OPERATOR),
    "release_run": _for(_OPERATOR),
    "retry_run": _for(_OPERATOR),
    "extend_run": _for(_OPERATOR),
    "fail_run": _for(_OPERATOR),
    "take_over_run": _for(_OPERATOR),
    # replays
    "list_replays": _for(_VIEWER),
    "plan_replay": _for(_OPERATOR),
    "show_replay": _for(_VIEWER),
    "approve_replay": _for(_APPROVER),
    "run_replay": _for(_OPERATOR),
    "rehearse_replay": _for(_OPERATOR),
    # tasks
    "list_tasks": _for(_VIEWER, _ADMIN),
    "show_task": _for(_VIEWER, _ADMIN),
    "finish_task": _for(_OPERATOR, _ADMIN),
    # the fleet
    "list_workers": _for(_VIEWER),
    "list_pauses": _for(_VIEWER),
    "pause": _for(_OPERATOR),
    "resume": _for(_OPERATOR),
    "show_notifications": _for(_VIEWER),
    "test_notifications": _for(_PLATFORM),
    "send_notifications": _for(_PLATFORM),
    "show_database": _for(_VIEWER),
    # workflows
    "list_workflows": _for(_VIEWER),
    "show_workflow": _for(_VIEWER),
    "draw_workflow": _for(_VIEWER),
    "check_workflow": _for(_VIEWER),
    "rehearse_migration": _for(_VIEWER),
    "migrate_runs": _for(_PLATFORM),
    # the audit
    "verify_truths": _for(_PLATFORM),
    "verify_audit": _for(_PLATFORM),
    "make_checkpoint": _for(_PLATFORM),
    "export_audit": _for(_PLATFORM),
    # who may come in
    "list_tokens": _for(_PLATFORM),
    "create_token": _for(_PLATFORM, secret="token"),  # noqa: S106 - the name of a field
    "revoke_token": _for(_PLATFORM),
    "show_me": _for(_VIEWER, _ADMIN),
}
