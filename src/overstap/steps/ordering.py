"""Before anything moves: look again, order, and ask for credit where that is needed."""

from __future__ import annotations

from overstap.domain.case import Limits
from overstap.domain.catalog import Catalog
from overstap.domain.change import PlanChange
from overstap.domain.credit import monthly_cost, needs_credit_check
from overstap.domain.eligibility import check
from overstap.domain.ports import Provider
from overstap.errors import NotFound
from overstap.workflow.outcome import Done, Outcome, StepContext, Stop, Wait


def check_preconditions(provider: Provider, catalog: Catalog, limits: Limits, context: StepContext) -> Outcome:
    """Ask all rules again, on the facts as they are now, before anything is done (R2 to R12).

    Remembers in `users` how many are to move, and by which edition of the catalog was judged.
    """
    change = PlanChange.from_dict(dict(context.input))
    try:
        answer = check(provider.tenant(context.tenant_id), change, catalog, limits)
    except NotFound as error:
        return Stop(str(error))
    judged = {"catalog_version": catalog.version}
    if not answer.allowed:
        return Done("not_eligible", {**judged, "findings": [finding.to_data() for finding in answer.findings]})
    return Done(data={**judged, "users": len(provider.holders(context.tenant_id, change.subscription_id))})


def check_before_moving(provider: Provider, catalog: Catalog, limits: Limits, context: StepContext) -> Outcome:
    """Ask all rules again before anybody moves, once: who is half moved is not judged any more.

    A migration that is overdue before anybody looked is judged all the same: the states before and after its deadline
    both begin with this.
    """
    if context.data.get("checked_before_moving"):
        return Done()
    outcome = check_preconditions(provider, catalog, limits, context)
    if isinstance(outcome, Done) and outcome.event is None:
        return Done(data={**outcome.data, "checked_before_moving": True})
    return outcome


def place_order(
    provider: Provider, catalog: Catalog, limits: Limits, context: StepContext, *, keep_old_billing: bool
) -> Outcome:
    """Order the new plan; what the change leaves open is as it is for the source (R18, R33)."""
    change = PlanChange.from_dict(dict(context.input))
    source = provider.tenant(context.tenant_id).subscription(change.subscription_id)
    if source is None:
        return Stop(f"Tenant {context.tenant_id} has no subscription {change.subscription_id} any more.")
    plan = catalog.plan(change.target_plan)
    seats = source.seats if change.seats is None else change.seats
    payment_method = change.payment_method or source.payment_method
    request = {
        "tenant_id": context.tenant_id,
        "reference": context.run_id,
        "subscription_id": source.id,
        "target_sku_id": plan.sku.id,
        "target_sku_part_number": plan.sku.part_number,
        "seats": seats,
        "payment_method": payment_method.value,
        "billing_frequency": (change.billing_frequency or source.billing_frequency).value,
        "keep_old_billing": keep_old_billing,
    }
    order = context.effect("place_order", request)
    cost = monthly_cost(plan, seats)
    reason = needs_credit_check(payment_method, cost, limits.credit_threshold_cents)
    learned = {
        "order_id": order["order_id"],
        "target_subscription_id": order["target_subscription_id"],
        "monthly_cents": cost,
        "credit_reason": reason.value if reason else None,
    }
    return Done("credit_required" if reason else "order_accepted", learned)


def request_credit(provider: Provider, context: StepContext) -> Outcome:
    """Ask the credit bureau, and wait for its answer; where it never answers, a signal decides (R33, R38)."""
    request = {
        "tenant_id": context.tenant_id,
        "order_id": context.data["order_id"],
        "monthly_cents": context.data["monthly_cents"],
    }
    context.effect("request_credit", request)
    decision = provider.credit_decision(context.effect_key, context.now)
    if decision.approved is None:
        return Wait(until=decision.decided_at)
    return Done("credit_approved" if decision.approved else "credit_declined")
