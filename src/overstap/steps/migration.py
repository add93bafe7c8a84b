"""The migration: users move, then their licences, then billing; the old subscription is closed last."""

from __future__ import annotations

from overstap.domain.ports import Provider
from overstap.steps.chunks import move_chunk, swap_chunk
from overstap.workflow.outcome import Done, Outcome, StepContext


def move_users(provider: Provider, size: int, context: StepContext) -> Outcome:
    """Move every user of the source, some at a time (R16)."""
    source, target = context.input["subscription_id"], context.data["target_subscription_id"]
    return move_chunk(provider, context, source=source, target=target, size=size, counter="users")


def reassign_licences(provider: Provider, size: int, context: StepContext) -> Outcome:
    """Give every user of the source the new licence for the old one, some at a time (R14)."""
    source, target = context.input["subscription_id"], context.data["target_subscription_id"]
    return swap_chunk(provider, context, remove=source, add=target, size=size, counter="users")


def notify_operators(context: StepContext) -> Outcome:
    """Tell the operators that a migration takes too long (R32)."""
    text = (
        f"The plan change {context.run_id} of tenant {context.tenant_id} has been migrating for too long. "
        "It goes on at a slower pace; see what holds it up."
    )
    context.effect("notify", {"tenant_id": context.tenant_id, "run_id": context.run_id, "text": text})
    return Done()


def start_billing(context: StepContext) -> Outcome:
    """Bill the new subscription from now on (R19)."""
    target = context.data["target_subscription_id"]
    context.effect("start_billing", {"tenant_id": context.tenant_id, "subscription_id": target})
    return Done()


def close_source(context: StepContext) -> Outcome:
    """Close the old subscription, last of all (J4)."""
    source = context.input["subscription_id"]
    context.effect("close_subscription", {"tenant_id": context.tenant_id, "subscription_id": source})
    return Done()
