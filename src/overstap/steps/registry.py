"""All steps by the names that workflow files use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from overstap.domain.case import Limits
from overstap.domain.catalog import Catalog
from overstap.domain.ports import Provider
from overstap.domain.tasks import TASKS, TaskKind
from overstap.steps import manual, migration, ordering, people, rollback
from overstap.workflow.outcome import Outcome, Step, StepContext

TASK_STEPS: dict[str, TaskKind] = {f"ask_{kind.name}": kind for kind in TASKS.values()}
"""The steps that ask a person, and for what: a run is an open task as long as it is in a state that has one."""

STEP_EVENTS: dict[str, frozenset[str]] = {
    "check_preconditions": frozenset({"not_eligible"}),
    "check_before_moving": frozenset({"not_eligible"}),
    "place_order": frozenset({"credit_required", "order_accepted"}),
    "request_credit": frozenset({"credit_approved", "credit_declined"}),
    "move_users": frozenset(),
    "reassign_licences": frozenset(),
    "notify_operators": frozenset(),
    "start_billing": frozenset(),
    "close_source": frozenset(),
    "return_licences": frozenset(),
    "return_users": frozenset(),
    "cancel_target": frozenset(),
    "restore_billing": frozenset(),
    "close_rollback": frozenset({"rolled_back", "withdrawn"}),
    "choose_preparation": frozenset({"acknowledgement_needed", "acknowledged", "no_acknowledgement_needed"}),
    "look_for_domains": frozenset({"domains_to_remove", "no_domains"}),
    "look_again_for_domains": frozenset({"domains_to_remove"}),
    "remove_domains": frozenset(),
    "choose_ending": frozenset({"domains_to_return"}),
    "add_domains": frozenset(),
    "report_missing_domains": frozenset(),
    "remind": frozenset(),
    **{name: kind.events for name, kind in TASK_STEPS.items()},
}
"""The events that each step may send, for the lint of workflow files: known without a provider.

The events of a step that asks a person are the answers: they come in as signals.
"""


REACHES_NOBODY = frozenset({"choose_preparation", "choose_ending", "close_rollback"})
"""The steps that neither ask a provider nor have it do anything."""


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What the configuration says about the steps.

    Attributes:
        limits: of the rules.
        keep_old_billing: the old subscription is billed until the new one is (R19).
        move_chunk, licence_chunk: users per effect.
        remind_after: how long after being asked people are reminded.
    """

    limits: Limits
    keep_old_billing: bool
    move_chunk: int
    licence_chunk: int
    remind_after: timedelta = timedelta(days=7)


def registry(provider: Provider, catalog: Catalog, options: StepOptions) -> dict[str, Step]:
    """Every step there is, ready to be called with a context."""
    judged_by = (provider, catalog, options.limits)
    order = partial(ordering.place_order, *judged_by, keep_old_billing=options.keep_old_billing)
    ask = partial(people.ask, provider, catalog, remind_after=options.remind_after)
    calls: dict[str, Callable[[StepContext], Outcome]] = {
        "check_preconditions": partial(ordering.check_preconditions, *judged_by),
        "check_before_moving": partial(ordering.check_before_moving, *judged_by),
        "place_order": order,
        "request_credit": partial(ordering.request_credit, provider),
        "move_users": partial(migration.move_users, provider, options.move_chunk),
        "reassign_licences": partial(migration.reassign_licences, provider, options.licence_chunk),
        "notify_operators": migration.notify_operators,
        "start_billing": migration.start_billing,
        "close_source": migration.close_source,
        "return_licences": partial(rollback.return_licences, provider, options.licence_chunk),
        "return_users": partial(rollback.return_users, provider, options.move_chunk),
        "cancel_target": rollback.cancel_target,
        "restore_billing": rollback.restore_billing,
        "close_rollback": rollback.close_rollback,
        "choose_preparation": manual.choose_preparation,
        "look_for_domains": partial(manual.look_for_domains, provider),
        "look_again_for_domains": partial(manual.look_again_for_domains, provider),
        "remove_domains": manual.remove_domains,
        "choose_ending": manual.choose_ending,
        "add_domains": manual.add_domains,
        "report_missing_domains": manual.report_missing_domains,
        "remind": partial(people.remind, provider, catalog),
        **{name: partial(ask, kind=kind) for name, kind in TASK_STEPS.items()},
    }
    return {
        name: Step(name, call, STEP_EVENTS[name], None if name in REACHES_NOBODY else provider.name)
        for name, call in calls.items()
    }
