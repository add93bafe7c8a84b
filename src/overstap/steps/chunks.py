"""Long work in chunks: each is one effect, and the run is renewed between them."""

from __future__ import annotations

from overstap.domain.ports import Provider
from overstap.workflow.outcome import Done, Outcome, Progress, StepContext, Wait


def move_chunk(
    provider: Provider, context: StepContext, *, source: str, target: str, size: int, counter: str
) -> Outcome:
    """Move the next users from one subscription to the other, until it serves none any more.

    Args:
        size: how many users at most.
        counter: the key of the run's data that remembers how many there are in all.
    """
    moves = provider.moves_under_way(context.tenant_id, source, context.now)
    left = provider.users_to_move(context.tenant_id, source)
    if not left and not _begun(provider, context):
        return Done() if moves.finished else Wait(until=moves.ready_at)
    context.effect(
        "move_users",
        {"tenant_id": context.tenant_id, "source": source, "target": target, "users": list(left[:size])},
    )
    move = provider.move(context.effect_key, context.now)
    if not move.finished:
        return Wait(until=move.ready_at)
    rest = len(provider.users_to_move(context.tenant_id, source))
    return _progress(context, counter, before=len(left), rest=rest)


def swap_chunk(provider: Provider, context: StepContext, *, remove: str, add: str, size: int, counter: str) -> Outcome:
    """Give the next users one licence for the other, until nobody holds the old one (R14).

    Args:
        size: how many users at most.
        counter: the key of the run's data that remembers how many there are in all.
    """
    left = provider.holders(context.tenant_id, remove)
    if not left and not _begun(provider, context):
        return Done()
    context.effect(
        "swap_licences",
        {"tenant_id": context.tenant_id, "remove": remove, "add": add, "users": list(left[:size])},
    )
    rest = len(provider.holders(context.tenant_id, remove))
    return _progress(context, counter, before=len(left), rest=rest)


def _begun(provider: Provider, context: StepContext) -> bool:
    # Work may be done whose answer never came: ask for it once more, or its effect stays unknown for ever.
    return provider.lookup(context.effect_key, context.now) is not None


def _progress(context: StepContext, counter: str, *, before: int, rest: int) -> Progress:
    total = max(int(context.data.get(counter, before)), before, rest)
    return Progress(done=total - rest, total=total, data={counter: total})
