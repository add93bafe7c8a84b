"""All steps by the names that workflow files use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from overstap.domain.catalog import Catalog
from overstap.domain.eligibility import Limits
from overstap.domain.ports import Provider
from overstap.steps import migration, ordering, rollback
from overstap.workflow.outcome import Outcome, Step, StepContext


@dataclass(frozen=True, slots=True)
class StepOptions:
    """What the configuration says about the steps.

    Attributes:
        limits: of the rules.
        credit_threshold_cents: the monthly cost from which credit is checked (R33).
        keep_old_billing: the old subscription is billed until the new one is (R19).
        move_chunk, licence_chunk: users per effect.
    """

    limits: Limits
    credit_threshold_cents: int
    keep_old_billing: bool
    move_chunk: int
    licence_chunk: int


def registry(provider: Provider, catalog: Catalog, options: StepOptions) -> dict[str, Step]:
    """Every step there is, ready to be called with a context."""
    judge = partial(ordering.check_preconditions, provider, catalog, options.limits)
    order = partial(
        ordering.place_order,
        provider,
        catalog,
        threshold_cents=options.credit_threshold_cents,
        keep_old_billing=options.keep_old_billing,
    )
    return {step.name: step for step in steps}


def _step(name: str, call: Callable[[StepContext], Outcome], *events: str) -> Step:
    return Step(name, call, frozenset(events))
