"""The way back (R39): licences, users, the new subscription, the old billing; nothing where nothing was done."""

from __future__ import annotations

from overstap.domain.ports import Provider
from overstap.steps.chunks import move_chunk, swap_chunk
from overstap.workflow.outcome import Done, Outcome, Progress, StepContext


def return_licences(provider: Provider, size: int, context: StepContext) -> Outcome:
    """Call off the order, then give every user the old licence for the new one, some at a time (R14)."""
    if not context.data.get("called_off"):
        return _call_off(provider, context)
    target = context.data["target_subscription_id"]
    source = context.input["subscription_id"]
    return swap_chunk(provider, context, remove=target, add=source, size=size, counter="licences_to_return")


def _call_off(provider: Provider, context: StepContext) -> Outcome:
    # The provider is asked even when this run knows of no order: its placing may have worked without an answer, or may
    # still be about to. From here on it takes nothing that goes forward.
    order = context.effect("withdraw_order", {"tenant_id": context.tenant_id, "reference": context.run_id})
    learned = {
        "called_off": True,
        "order_id": order["order_id"],
        "target_subscription_id": order["target_subscription_id"],
    }
    target = order["target_subscription_id"]
    count = len(provider.holders(context.tenant_id, target)) if target else 0
    if not count:
        return Done(data=learned)
    return Progress(done=0, total=count, data={**learned, "licences_to_return": count})


def return_users(provider: Provider, size: int, context: StepContext) -> Outcome:
    """Move every user back, some at a time; moves that are still under way are waited for first."""
    target, source = context.data["target_subscription_id"], context.input["subscription_id"]
    if target is None:
        return Done()
    return move_chunk(provider, context, source=target, target=source, size=size, counter="users_to_return")


def cancel_target(context: StepContext) -> Outcome:
    """Close the new subscription again."""
    order_id = context.data["order_id"]
    if order_id is not None:
        context.effect("cancel_target", {"tenant_id": context.tenant_id, "order_id": order_id})
    return Done()


def restore_billing(context: StepContext) -> Outcome:
    """Bill the old subscription again."""
    if context.data["order_id"] is not None:
        source = context.input["subscription_id"]
        context.effect("restore_billing", {"tenant_id": context.tenant_id, "subscription_id": source})
    return Done()


def close_rollback(context: StepContext) -> Outcome:
    """End as cancelled when somebody cancelled the change, else as failed."""
    return Done("withdrawn" if context.cause == "cancel" else "rolled_back")
