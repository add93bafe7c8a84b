"""What a run still touches, as far as its order and what it has learned tell: users, seats, money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from overstap.domain.catalog import Catalog
from overstap.domain.credit import monthly_cost
from overstap.errors import NotFound


@dataclass(frozen=True, slots=True)
class Touched:
    """What goes on moving when a run goes on.

    Attributes:
        users: those it still has to do; all of them where it has done nobody.
        seats: places of the new subscription.
        monthly_cents: what the new subscription costs per month.
    """

    users: int
    seats: int
    monthly_cents: int


def touched(catalog: Catalog, order: Mapping[str, Any], data: Mapping[str, Any], *, done: int, total: int) -> Touched:
    """What a run touches.

    Args:
        order: what it was submitted with.
        data: what its steps learned.
        done, total: its progress in users, in its present state.
    """
    seats = int(order.get("seats") or 0)
    users = total - done if total else int(data.get("users", seats))
    cents = data.get("monthly_cents")
    if cents is None:  # nothing was ordered yet
        try:
            cents = monthly_cost(catalog.plan(str(order["target_plan"])), seats)
        except NotFound:
            cents = 0  # a plan that is sold no longer
    return Touched(users, seats, int(cents))
